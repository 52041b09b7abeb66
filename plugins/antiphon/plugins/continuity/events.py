"""What observers of a call are told: `Handoff` and `Failover`.

    model.on("handoff", lambda event: ...)   # of every call of the model
    model.on("failover", lambda event: ...)

The session of a call emits the same. Observers change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Counters", "Failover", "Handoff"]


@dataclass(frozen=True, slots=True)
class Handoff:
    """A fresh session took over from one that was well."""

    at: float
    """s, monotonic."""
    reason: str
    """``cap``, ``compaction``, ``preferred`` or ``requested``."""
    before: str
    """The endpoint that was left."""
    after: str
    """The endpoint that took over; the same name for another session of the same model."""
    forced: bool
    """It could not wait for a quiet moment."""
    replayed_s: float
    """Speech of the person's that was given to it again, s."""


@dataclass(frozen=True, slots=True)
class Failover:
    """A session failed, and another took over."""

    at: float
    """s, monotonic: when it took over."""
    kind: str
    """A `failures.Kind`: ``lost``, ``stalled``, ..."""
    reason: str
    """What happened, for people."""
    code: str
    """The provider's, or empty."""
    before: str
    after: str
    lost_for_s: float
    """Time without a session, s."""
    replayed_s: float
    """Speech of the person's that was given to it again, s."""
    replies: int
    """Replies that were owed, and asked for again or taken up."""


@dataclass(slots=True)
class Counters:
    """What happened so far, in one call or in all of a model's."""

    handoffs: int = 0
    forced: int = 0
    """Handoffs that could not wait for a quiet moment."""
    failovers: int = 0
    replies_again: int = 0
    """Replies that were asked for a second time."""
    replies_taken_up: int = 0
    """Replies that were cut by a failure and gone on with."""
    turns_replayed: int = 0
    errors_passed: int = 0
    """Errors after which the session went on."""
    gave_up: int = 0

    def add(self, other: Counters) -> None:
        """Adds another's."""
        for spec in fields(self):
            setattr(self, spec.name, getattr(self, spec.name) + getattr(other, spec.name))
