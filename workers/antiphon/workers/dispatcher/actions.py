"""What a dispatcher does. Each is idempotent: done twice, it changes nothing more.

`key` names an action's effect. Whoever carries actions out leaves one alone whose key it is already
working at, and waits longer after each failure (`throttle.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Action", "DeleteDispatch", "DeleteRoom", "Dispatch", "MakeRoom", "RemoveParticipant", "TellRoom"]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Make the room if it is missing, and ask for an agent in it."""

    call: str
    room: str
    agent: str
    identity: str
    """The identity that the agent is to join with."""
    attempt: int
    worker: str
    label: str
    """Deployment label of the worker it is for; empty for any."""
    body: str = ""
    """What the application gave along: the job's metadata."""

    @property
    def key(self) -> str:
        """One for each attempt."""
        return f"dispatch {self.identity}"


@dataclass(frozen=True, slots=True)
class MakeRoom:
    """Make a room again that its server lost, so that people and agent can come back."""

    room: str

    @property
    def key(self) -> str:
        """One for each room."""
        return f"make-room {self.room}"


@dataclass(frozen=True, slots=True)
class DeleteDispatch:
    """Take back the request for an agent."""

    room: str
    identity: str

    @property
    def key(self) -> str:
        """One for each attempt."""
        return f"delete-dispatch {self.identity}"


@dataclass(frozen=True, slots=True)
class RemoveParticipant:
    """Put an agent out of a room."""

    room: str
    identity: str

    @property
    def key(self) -> str:
        """One for each participant."""
        return f"remove {self.room} {self.identity}"


@dataclass(frozen=True, slots=True)
class DeleteRoom:
    """End a room with everybody in it."""

    room: str

    @property
    def key(self) -> str:
        """One for each room."""
        return f"delete-room {self.room}"


@dataclass(frozen=True, slots=True)
class TellRoom:
    """Write into the room's metadata how the call stands, for pages to show."""

    room: str
    state: str
    """JSON: ``{"state": "queued", "position": 3}``; states are those of `Phase`."""

    @property
    def key(self) -> str:
        """One for each room: the latest state replaces those that wait."""
        return f"tell {self.room}"


Action = Dispatch | MakeRoom | DeleteDispatch | RemoveParticipant | DeleteRoom | TellRoom
