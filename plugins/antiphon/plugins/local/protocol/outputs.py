"""What the protocol core asks of its shell, and how it says no to a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from antiphon.plugins.local.engines import BrainRequest, Samples

__all__ = [
    "CancelReply",
    "Close",
    "Flush",
    "Listen",
    "Outbox",
    "Output",
    "Play",
    "Refusal",
    "Send",
    "StartReply",
    "Transcribe",
]


@dataclass(frozen=True, slots=True)
class Send:
    """Send this server event."""

    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listen:
    """Look for speech in what was appended; tell `Core.speech` of each 32 ms window."""

    audio: Samples
    start_ms: float
    """Where it starts, ms since the session began."""


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Have the ears hear a user item; answer with `Core.heard`."""

    item_id: str
    audio: Samples
    language: str | None


@dataclass(frozen=True, slots=True)
class StartReply:
    """Have the brain reply, and the voice speak if ``audio``; answer with ``Core.reply_*``."""

    response_id: str
    request: BrainRequest
    audio: bool
    voice: str


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Stop that reply; its results are no longer wanted."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection with this WebSocket code."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Play:
    """Play this on the track, behind what it has; tell `Core.played` how far it is."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Flush:
    """Drop what the track has not played yet."""


Output = Send | Listen | Transcribe | StartReply | CancelReply | Close | Play | Flush


class Outbox:
    """Where the parts of the core put what is to be done, in order, until the core hands it over.

    Args:
        new_id: Makes an id with a prefix.
    """

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._out: list[Output] = []

    def emit(self, kind: str, **fields: Any) -> None:
        """A server event, with an id of its own."""
        self._out.append(Send({"type": kind, "event_id": self._new_id("event"), **fields}))

    def do(self, *outputs: Output) -> None:
        """Anything else."""
        self._out += outputs

    def drain(self) -> tuple[Output, ...]:
        """All of it; the box is empty then."""
        out, self._out = tuple(self._out), []
        return out


@dataclass(slots=True)
class Refusal(Exception):
    """A client event that cannot be carried out; becomes an ``error`` event and changes nothing."""

    code: str
    message: str
    param: str | None = None
    kind: str = "invalid_request_error"
