"""What the protocol core asks of its shell, and how it says no to a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon.plugins.local.engines import BrainRequest, Samples

__all__ = ["CancelReply", "Close", "Output", "Refusal", "Send", "StartReply", "Transcribe"]


@dataclass(frozen=True, slots=True)
class Send:
    """Send this server event."""

    event: Mapping[str, Any]


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


Output = Send | Transcribe | StartReply | CancelReply | Close


@dataclass(slots=True)
class Refusal(Exception):
    """A client event that cannot be carried out; becomes an ``error`` event and changes nothing."""

    code: str
    message: str
    param: str | None = None
    kind: str = "invalid_request_error"
    fields: Mapping[str, Any] = field(default_factory=dict)
