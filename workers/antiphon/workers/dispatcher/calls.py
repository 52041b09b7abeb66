"""What a dispatcher wants and what it sees, as frozen values.

`Call` is a row of the store: what is wanted, and what was last decided about it. `Room` and `Worker` are
what was seen, each with the time it was seen at: an absence counts only when it was seen after what it
would contradict. Times are wall-clock seconds since the epoch, because several machines share them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Call", "Ending", "Observed", "Phase", "Room", "Worker", "call_of", "identity_of"]

_PREFIX = "agent-"


class Phase(enum.Enum):
    """Where a call stands."""

    QUEUED = "queued"
    """It waits for a worker and never had an agent."""
    CONNECTING = "connecting"
    """A worker was chosen; its agent is not in the room yet."""
    ACTIVE = "active"
    """Its agent was seen in the room."""
    RESTORING = "restoring"
    """It lost its agent and waits for another."""
    ENDED = "ended"
    """Over, with a reason."""


class Ending(enum.StrEnum):
    """Why a call is over."""

    DONE = "done"
    """The agent ended it, or the last person left and the agent closed."""
    CANCELLED = "cancelled"
    DEADLINE = "no agent was free before its deadline"
    ABANDONED = "everybody left before an agent was back"
    ROOM_GONE = "its room is gone"
    FAILED = "no worker could serve it"


def identity_of(call: str, attempt: int) -> str:
    """The agent's identity in an attempt of a call.

    One for each attempt: livekit-server lets the second participant of an identity replace the first, so
    that a dispatch that is launched twice leaves one agent; and a replacement under a ghost's identity is
    ended with the ghost, so that the next attempt needs another.
    """
    return f"{_PREFIX}{call}-{attempt}"


def call_of(identity: str) -> str | None:
    """The call that an identity was made for by `identity_of`; None if it was not."""
    if not identity.startswith(_PREFIX):
        return None
    call, _, attempt = identity.removeprefix(_PREFIX).rpartition("-")
    return call if call and attempt.isdecimal() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is wanted."""

    id: str
    agent: str
    """Name of the agent that is to serve it."""
    room: str
    created_at: float
    """When it was asked for, s."""
    since: float
    """When its phase began, s."""
    phase: Phase = Phase.QUEUED
    priority: int = 0
    """Higher goes first."""
    deadline_at: float | None = None
    """When waiting for the first agent is over, s."""
    attempt: int = 0
    """Number of the last attempt; 0 before the first."""
    identity: str = ""
    """The agent's in this attempt."""
    worker: str = ""
    """Whom this attempt was given to."""
    tries: int = 0
    """Attempts in a row that failed."""
    not_before: float = 0.0
    """When the next attempt may be made, s."""
    ghosts: tuple[str, ...] = ()
    """Identities of lost attempts that may still be seen in the room."""
    restores: int = 0
    """How often it lost its agent."""
    met: bool = False
    """Whether a person was ever seen in its room."""
    alone_since: float | None = None
    """Since when nobody is in its room after somebody was, s."""
    missing_since: float | None = None
    """Since when its agent is missing from its room, s."""
    own_room: bool = False
    """Whether the room was made for this call, and goes with it."""
    cancelled: bool = False
    """Whether somebody asked to end it."""
    ending: str = ""
    """Why it is over; an `Ending`, or the agent's own reason."""

    @property
    def waiting(self) -> bool:
        """Whether it needs a worker."""
        return self.phase in (Phase.QUEUED, Phase.RESTORING)

    @property
    def placed(self) -> bool:
        """Whether it takes a slot of a worker."""
        return self.phase in (Phase.CONNECTING, Phase.ACTIVE)

    def owns(self, identity: str) -> bool:
        """Whether a participant is an agent of this call, of whatever attempt."""
        return identity == self.identity or identity in self.ghosts or call_of(identity) == self.id


@dataclass(frozen=True, slots=True)
class Room:
    """A room as it was seen."""

    name: str
    seen_at: float
    """When, s."""
    exists: bool = True
    finished: bool = False
    """Whether the server said that it ended, which it does not when it restarts."""
    agents: frozenset[str] = frozenset()
    """Identities of the participants of LiveKit's kind AGENT."""
    people: int = 0
    """How many others are in it."""
    dispatches: frozenset[str] = frozenset()
    """Identities that the room's dispatches ask for."""
    state: str = ""
    """What the room's metadata tells people, as `actions.TellRoom` wrote it."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process as its link shows it."""

    id: str
    agent: str
    """Name of the agent that it runs."""
    slots: int
    seen_at: float
    """When it was last heard of, s."""
    label: str = ""
    """Its deployment label, by which a dispatch reaches it and no other; none on LiveKit Cloud."""
    host: str = ""
    connected: bool = True
    """Whether its link is open."""
    dead: bool = False
    """Whether its supervisor saw it die."""
    draining: bool = False
    behind: bool = False
    """Whether its audio frames are late, so that another call would hurt those it has."""
    serving: Mapping[str, str] = field(default_factory=dict)
    """Its agents at work: identity to room."""
    finished: Mapping[str, str] = field(default_factory=dict)
    """Identities of agents that ended by themselves, each with the reason."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that was seen."""

    rooms: Mapping[str, Room]
    """By name. One that is missing here was not looked at; one that does not exist says so."""
    workers: Mapping[str, Worker]
    """By id."""
    since: float = 0.0
    """When this dispatcher began to listen for workers, s: before, nobody could have been heard."""
