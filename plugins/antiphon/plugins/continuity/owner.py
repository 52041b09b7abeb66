"""Whose call it is, as the exchange of its lines sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from antiphon.plugins.continuity.events import Failover, Handoff
from antiphon.plugins.continuity.failures import Failure
from antiphon.plugins.continuity.line import Line

__all__ = ["Owner"]


class Owner(Protocol):
    """Whose call it is."""

    def handlers(self, line: Line) -> dict[str, Callable[[Any], None]]:
        """What listens to a line."""

    def take_over(self, line: Line) -> int:
        """A line took over: ask it for the replies that are owed. Returns how many."""

    def left(self, line: Line) -> None:
        """A line failed: its replies are cut."""

    def ask(self, reply: str) -> None:
        """Ask for a reply again."""

    def fail(self, reply: str, failure: Failure) -> None:
        """A reply will not come."""

    def gave_up(self, failure: Failure) -> None:
        """There will be no session."""

    def report(self, event: Handoff | Failover) -> None:
        """Tell observers."""

    def owed(self) -> int:
        """Number of the last turn that a reply is owed to; 0 for none."""
