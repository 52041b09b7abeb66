"""A line as the core sees it: whose, what for, and how long it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from antiphon.plugins.continuity.facts import Reason
from antiphon.plugins.continuity.options import Continuity

__all__ = ["Terms"]


@dataclass(slots=True)
class Terms:
    """Of one line."""

    endpoint: int
    reason: Reason
    begun_at: float
    """When it was opened, or last given the conversation, s."""
    ends_at: float | None = None
    """When its session comes to its longest duration, s; None when nobody said."""
    cap_s: float | None = None
    """That duration, s."""
    ready: bool = False
    """It is open and was given the conversation."""
    outdated: bool = False
    """The conversation went on since."""

    def limit(self, now: float, remaining_s: float) -> None:
        """The provider said how long it has left; it counts when it is less than what was known."""
        ends_at = now + remaining_s
        if remaining_s > 0 and (self.ends_at is None or ends_at < self.ends_at):
            self.ends_at, self.cap_s = ends_at, ends_at - self.begun_at

    def next_at(self, options: Continuity) -> float:
        """When the next session is to be opened, s."""
        if self.ends_at is None or self.cap_s is None:
            return math.inf
        return self.ends_at - options.lead_s(self.cap_s)

    def forced_at(self, options: Continuity) -> float:
        """When the next takes over in any case, s."""
        if self.ends_at is None or self.cap_s is None:
            return math.inf
        return self.ends_at - options.forced_s(self.cap_s)
