"""Whether it is quiet: the moment at which a session may be changed without anybody noticing."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.plugins.continuity.options import Continuity

__all__ = ["Floor"]


@dataclass(slots=True)
class Floor:
    """What the person is at.

    Args:
        options: The numbers.
    """

    options: Continuity
    voice_at: float | None = None
    """When the last of their voice went to the model that is not committed, s."""
    committed_at: float | None = None
    """When they finished a turn for which no reply was asked yet, s."""
    transcript_from: float | None = None
    """Since when its words are awaited, s."""

    def committed(self, now: float, *, transcript_due: bool) -> None:
        """They finished a turn."""
        self.voice_at = None
        self.committed_at = now
        self.transcript_from = now if transcript_due else None

    def until(self) -> list[float]:
        """Times after which one thing or another keeps nothing waiting any more, s."""
        since = (
            (self.voice_at, self.options.lapse_s),
            (self.committed_at, self.options.lapse_s),
            (self.transcript_from, self.options.transcript_s),
        )
        return [at + most for at, most in since if at is not None]

    def quiet(self, now: float) -> bool:
        """Whether nothing is awaited of them."""
        return all(now >= at for at in self.until())
