"""A source that also tells the echo's reference what is played, and what was dropped unheard."""

from __future__ import annotations

from antiphon.agents.media.reference import EchoReference
from antiphon.agents.media.router import Samples
from antiphon.agents.media.source import Source

__all__ = ["Tap"]


class Tap:
    """As the source behind it.

    Args:
        source: The way to the ear.
        reference: Of the same rate.
    """

    def __init__(self, source: Source, reference: EchoReference) -> None:
        self._source = source
        self._reference = reference

    @property
    def rate_hz(self) -> int:
        """Sample rate of what is pushed, Hz."""
        return self._source.rate_hz

    def push(self, samples: Samples, now: float) -> None:
        """Queues mono int16, shape (n,)."""
        self._reference.played(samples, now + self._source.queued_s(now))
        self._source.push(samples, now)

    def clear(self, now: float) -> None:
        """Drops what is queued: it is never heard."""
        self._source.clear(now)
        self._reference.cut(now)

    def queued_s(self, now: float) -> float:
        """Audio pushed and not yet played, s."""
        return self._source.queued_s(now)
