"""What a call to the model needs of a WebRTC peer, whichever library brings it.

Two do: `peer_aiortc` (the default) and `peer_wrtc` (libwebrtc, with its own jitter buffer, for lossy
paths). A peer lives on one loop, that of `peer_thread()`: application code may block its own loop, and
must not stop the packets with it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError
from antiphon.agents.media.thread import MediaThread

__all__ = ["PeerEvents", "PeerKind", "PeerTransport", "Samples", "make_peer", "peer_thread"]

CHANNEL = "oai-events"
DEFAULT_MAX_MESSAGE = 65_536  # bytes, where the answer names no ``max-message-size``; RFC 8841 section 6.1
RATE_HZ = 24_000

Samples = NDArray[np.int16]
PeerKind = Literal["aiortc", "wrtc"]


@dataclass(frozen=True, slots=True)
class PeerEvents:
    """Whom a peer tells, on its loop."""

    opened: Callable[[], None]
    """The channel takes messages."""
    message: Callable[[str], None]
    """A message came over the channel."""
    audio: Callable[[Samples], None]
    """The next 10 or 20 ms of the remote track, mono int16, 24 kHz; gaps are filled in."""
    connected: Callable[[bool], None]
    """The way to the other side is there, or was lost and may come back."""
    closed: Callable[[str], None]
    """It is over, and why: ICE failed, the channel or the connection was closed."""


class PeerTransport(Protocol):
    """One peer connection with an audio track each way and the channel. All on its loop."""

    @property
    def max_message(self) -> int:
        """The largest message that the other side takes, bytes; known after `answer`."""

    @property
    def packets(self) -> int:
        """Media packets that came so far: while it grows, the other side lives."""

    async def offer(self) -> str:
        """The offer, with every candidate in it: there is no trickle."""

    async def answer(self, sdp: str) -> None:
        """Takes the answer.

        Raises:
            ValueError: It is no answer to the offer.
        """

    def write(self, frame: Samples) -> None:
        """Sends the next 20 ms, mono int16, shape (480,), 24 kHz. Pacing is the caller's."""

    def send(self, text: str) -> None:
        """Sends a message of at most `max_message` bytes over the channel, which is open."""

    async def close(self) -> None:
        """Ends it; no callback follows."""


_thread: tuple[int, MediaThread] | None = None
_lock = threading.Lock()


def peer_thread() -> MediaThread:
    """The process's thread for peers; a forked child makes its own."""
    global _thread
    with _lock:
        if _thread is None or _thread[0] != os.getpid():
            _thread = (os.getpid(), MediaThread("antiphon-peers"))
        return _thread[1]


def make_peer(
    kind: PeerKind, events: PeerEvents, ice_servers: Sequence[str] = (), *, loopback: bool = False
) -> PeerTransport:
    """A peer of that kind. On the loop it shall live on.

    Args:
        kind: Whose.
        events: Whom it tells.
        ice_servers: Addresses of STUN servers, ``stun:host:port``. OpenAI needs none.
        loopback: Whether the other side may be on this machine, which may have no other address.

    Raises:
        ConfigError: The package for it is not installed.
    """
    try:
        if kind == "wrtc":
            from antiphon.plugins.openai.peer_wrtc import WrtcPeer

            return WrtcPeer(events, ice_servers, loopback=loopback)
        from antiphon.plugins.openai.peer_aiortc import AiortcPeer

        return AiortcPeer(events, ice_servers, loopback=loopback)
    except ImportError as error:
        package = "antiphon[wrtc]" if kind == "wrtc" else "antiphon[webrtc]"
        raise ConfigError(
            "peer", kind, f"what is installed: run `pip install '{package}'` ({error.name} is missing)"
        ) from error
