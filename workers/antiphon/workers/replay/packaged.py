"""Endpointing as livekit-agents does it with its end-of-turn model, to hold ours against.

A stand-in, not its code: the rule of livekit-agents 1.8.9 in the shape of an `Endpointer`. It asks its
model 0.2 s into a pause; here it is asked when the call asks, after 0.1 s.
"""

from __future__ import annotations

from typing import Final

from antiphon.agents.options import TurnTaking

__all__ = ["ENGLISH", "MAX_DELAY_S", "MIN_DELAY_S", "Packaged"]

ENGLISH: Final = 0.36  # probability that the model publishes as its threshold for English
MIN_DELAY_S: Final = 0.5  # s; livekit-agents' default wait when the end is likely
MAX_DELAY_S: Final = 3.0  # s; and when it is not


class Packaged:
    """The turn is over after ``min_s`` where the model's probability reaches its threshold, else after
    ``max_s``; after ``max_s`` too while there is no answer.

    Args:
        min_s: Since the last voice, s.
        max_s: Likewise; more than ``min_s``.
        threshold: Of the model, 0 to 1.
    """

    def __init__(self, min_s: float, max_s: float = MAX_DELAY_S, threshold: float = ENGLISH) -> None:
        self._min_s = min_s
        self._max_s = max_s
        self._threshold = threshold
        self._ended_at: float | None = None
        self._over_at: float | None = None
        self._likely_at: float | None = None  # an answer from before the pause was known

    def change(self, options: TurnTaking) -> None:
        """Nothing: its numbers are not the options'."""

    def speech_began(self, now: float) -> None:
        self._ended_at = self._over_at = self._likely_at = None

    def speech_ended(self, now: float, ended_at: float) -> None:
        likely = self._likely_at is not None and self._likely_at > ended_at
        self._ended_at = ended_at
        self._over_at = ended_at + (self._min_s if likely else self._max_s)
        self._likely_at = None

    def estimated(self, now: float, probability: float) -> None:
        """Sets the wait of the pause that is on. NaN changes nothing."""
        if not probability >= self._threshold:
            return
        if self._ended_at is None:
            self._likely_at = now
        else:
            self._over_at = self._ended_at + self._min_s

    def deadline(self) -> float | None:
        return self._over_at

    def forget(self) -> None:
        self._ended_at = self._over_at = self._likely_at = None
