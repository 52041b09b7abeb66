"""The turn is over after a fixed silence. Needs no model, and waits as long after "yes" as after "well"."""

from __future__ import annotations

from antiphon.agents.options import TurnTaking

__all__ = ["FixedSilence"]


class FixedSilence:
    """Over once ``silence_s`` have passed since the last voiced sample.

    Args:
        silence_s: s.
    """

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._over_at: float | None = None

    def change(self, options: TurnTaking) -> None:
        """Waits for so long from the next pause on."""
        self._silence_s = options.silence_s

    def speech_began(self, now: float) -> None:
        self._over_at = None

    def speech_ended(self, now: float, ended_at: float) -> None:
        self._over_at = ended_at + self._silence_s

    def estimated(self, now: float, probability: float) -> None:
        """Changes nothing: silence is all that counts here."""

    def deadline(self) -> float | None:
        return self._over_at

    def forget(self) -> None:
        self._over_at = None
