"""How a session of the local model reaches its client: messages both ways, and with some a track each way.

`SocketTransport` is a WebSocket; `peer.PeerTransport` a WebRTC peer, whose audio travels on tracks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Protocol

from aiohttp import WSMsgType, web

from antiphon.plugins.local.engines import Samples

__all__ = ["Media", "SocketTransport", "Transport"]


class Media(Protocol):
    """The tracks of a transport that has them. Sound is int16 mono at 24 kHz."""

    on_played: Callable[[int], None] | None
    """Called with `position` when that has grown; set by the session."""

    @property
    def position(self) -> int:
        """Samples given to `play` that have gone out or were dropped."""
        ...

    def heard(self) -> AsyncIterator[Samples]:
        """The client's audio as it comes, until the transport is closed."""
        ...

    def play(self, samples: Samples) -> None:
        """Plays this behind what there is."""
        ...

    def flush(self) -> None:
        """Drops what has not gone out."""
        ...


class Transport(Protocol):
    """One connection to a client."""

    media: Media | None
    """None where audio travels in events."""

    @property
    def closed(self) -> bool:
        """Whether nothing more can be sent."""
        ...

    def messages(self) -> AsyncGenerator[str | bytes, None]:
        """What the client sends, until it is gone."""
        ...

    async def send(self, text: str) -> None:
        """Sends a message.

        Raises:
            ConnectionError: The client is gone.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """Closes the connection; the code is a WebSocket's. Closing again does nothing."""
        ...

    def drop(self) -> None:
        """Cuts the connection without a word, as a network does."""
        ...


class SocketTransport:
    """A WebSocket.

    Args:
        request: The client's.
        socket: What it was upgraded to.
    """

    media: Media | None = None

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket

    @property
    def closed(self) -> bool:
        return self._socket.closed

    async def messages(self) -> AsyncGenerator[str | bytes, None]:
        async for message in self._socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                yield message.data

    async def send(self, text: str) -> None:
        await self._socket.send_str(text)

    async def close(self, code: int, reason: str) -> None:
        if not self._socket.closed:
            await self._socket.close(code=code, message=reason.encode())

    def drop(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()
