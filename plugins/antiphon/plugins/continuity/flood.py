"""How much a model may send before it is taken for broken."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["Flood"]


@dataclass(slots=True)
class Flood:
    """Counts events in a window that slides.

    Args:
        most: Events in a window that are still well.
        window_s: Its length, s.
    """

    most: int
    window_s: float
    _at: deque[float] = field(default_factory=deque)

    def add(self, now: float) -> bool:
        """One more came; returns whether that is too many."""
        self._at.append(now)
        while self._at[0] < now - self.window_s:
            self._at.popleft()
        return len(self._at) > self.most
