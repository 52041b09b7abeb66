"""A client of its own for a realtime server from outside: events as they are on the wire, nothing else.

It knows no adapter of ours or anyone's, so what it finds is the server's doing.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlparse, urlunparse

import aiohttp
import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import ModelRefused, ModelUnavailable
from antiphon.workers.conformance.result import Failure

__all__ = ["RATE_HZ", "Server", "Wire", "pcm"]

RATE_HZ = 24_000  # Hz, the protocol's audio/pcm
_LARGEST = 32 * 1024 * 1024  # bytes a message


@dataclass(frozen=True, slots=True)
class Server:
    """A realtime server."""

    url: str
    """``ws://`` or ``wss://``; ``http`` and a base path such as ``/v1`` are taken too."""
    key: str = "conformance"
    model: str = "local"
    responses: int = 30
    """How many responses the grammar is checked on."""
    session_limit_s: float | None = None
    """Its longest session where that is short enough to wait for, s."""

    wait_s: float = 15.0
    """Longest wait for one event, s; chosen."""

    @property
    def socket_url(self) -> str:
        """The address of its WebSocket."""
        parts = urlparse(self.url)
        path = parts.path.rstrip("/")
        if not path.endswith("/realtime"):
            path = (path or "/v1") + "/realtime"
        query = parse_qs(parts.query)
        query.setdefault("model", [self.model])
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        return urlunparse((scheme, parts.netloc, path, "", urlencode(query, doseq=True), ""))

    @asynccontextmanager
    async def connect(self, *, key: str | None = None) -> AsyncIterator[Wire]:
        """One connection.

        Raises:
            ModelRefused: The handshake was answered with an error.
            ModelUnavailable: The server cannot be reached.
        """
        shown = self.key if key is None else key
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        async with aiohttp.ClientSession() as http:
            try:
                socket = await http.ws_connect(
                    self.socket_url, headers=headers, max_msg_size=_LARGEST, timeout=_CLOSE
                )
            except aiohttp.WSServerHandshakeError as error:
                raise ModelRefused(
                    "the server refused the connection", value=error.status, hint="Give it a key: --key."
                ) from None
            except (aiohttp.ClientError, OSError) as error:
                raise ModelUnavailable(
                    "the server cannot be reached", value=self.socket_url, hint=str(error)
                ) from None
            wire = Wire(socket, self.wait_s)
            reading = asyncio.create_task(wire.read(), name="antiphon-conformance-read")
            try:
                yield wire
            finally:
                await socket.close()
                reading.cancel()
                await asyncio.wait([reading])


_CLOSE = aiohttp.ClientWSTimeout(ws_close=2.0)


def pcm(samples: NDArray[np.int16]) -> str:
    """int16 mono at 24 kHz as the wire has it."""
    return base64.b64encode(samples.astype("<i2").tobytes()).decode()


@dataclass
class Wire:
    """An open connection; every event that came is in `events`."""

    socket: aiohttp.ClientWebSocketResponse
    wait_s: float
    events: list[dict[str, Any]] = field(default_factory=list)
    closed_with: int | None = None
    """The code it was closed with."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _count: Any = field(default_factory=lambda: itertools.count(1))

    async def read(self) -> None:
        """Takes what comes, until the end."""
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.events.append(json.loads(message.data))
                self._changed.set()
        self.closed_with = self.socket.close_code
        self._changed.set()

    async def send(self, type_: str, **fields: Any) -> str:
        """Sends an event; returns its id."""
        name = f"evt_{next(self._count)}"
        await self.socket.send_str(json.dumps({"type": type_, "event_id": name, **fields}))
        return name

    async def append(self, samples: NDArray[np.int16]) -> None:
        """Sends audio, 100 ms an event."""
        for at in range(0, len(samples), RATE_HZ // 10):
            await self.send("input_audio_buffer.append", audio=pcm(samples[at : at + RATE_HZ // 10]))

    async def wait(
        self,
        type_: str,
        *,
        after: int = 0,
        where: Callable[[dict[str, Any]], bool] = lambda event: True,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """The first event of a type, of those from index ``after`` on.

        Raises:
            Failure: It did not come in time; with what did.
        """
        looked = after
        timeout_s = self.wait_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for event in self.events[looked:]:
                        if event.get("type") == type_ and where(event):
                            return event
                    looked = len(self.events)
                    if self.closed_with is not None:
                        break
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        ended = f" (closed with {self.closed_with})" if self.closed_with is not None else ""
        raise Failure(f"no {type_} within {timeout_s:g} s{ended}; came: {self._seen(after)}")

    async def wait_closed(self, timeout_s: float) -> int | None:
        """Waits for the server to close; the code, or None if it did not."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.closed_with is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self.closed_with

    async def error(self, event_id: str, *, after: int = 0) -> dict[str, Any]:
        """The error that answers an event of ours."""
        found = await self.wait("error", after=after, where=lambda e: e["error"].get("event_id") == event_id)
        error: dict[str, Any] = found["error"]
        return error

    async def update(self, **session: Any) -> dict[str, Any]:
        """Changes the session; returns it as it is then."""
        after = len(self.events)
        name = await self.send("session.update", session={"type": "realtime", **session})
        found = await self.wait_either("session.updated", name, after)
        return dict(found["session"])

    async def wait_either(self, type_: str, event_id: str, after: int) -> dict[str, Any]:
        """An event of a type.

        Raises:
            Failure: An error answered ours instead, or nothing did.
        """
        answer = asyncio.create_task(self.wait(type_, after=after))
        refusal = asyncio.create_task(self.error(event_id, after=after))
        done, pending = await asyncio.wait([answer, refusal], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if answer in done:
            return answer.result()
        error = refusal.result()
        raise Failure(f"no {type_} but the error {error.get('code')}: {error.get('message')}")

    async def respond(self, *, wait: bool = True, **response: Any) -> tuple[str, int]:
        """Asks for a response; returns its id, and from where in `events` on it is."""
        after = len(self.events)
        tag = f"tag_{next(self._count)}"
        name = await self.send("response.create", response={"metadata": {"tag": tag}, **response})
        waiting = asyncio.create_task(
            self.wait(
                "response.created",
                after=after,
                where=lambda e: (e["response"].get("metadata") or {}).get("tag") == tag,
            )
        )
        refusal = asyncio.create_task(self.error(name, after=after))
        done, pending = await asyncio.wait([waiting, refusal], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if waiting not in done:
            error = refusal.result()
            raise Failure(f"no response but the error {error.get('code')}: {error.get('message')}")
        response_id = str(waiting.result()["response"]["id"])
        if wait:
            await self.done(response_id, after=after)
        return response_id, after

    async def done(self, response_id: str, *, after: int = 0) -> dict[str, Any]:
        """A response, once it is done."""
        found = await self.wait(
            "response.done", after=after, where=lambda e: e["response"]["id"] == response_id, timeout_s=60.0
        )
        return dict(found["response"])

    def of(self, response_id: str, type_: str) -> list[dict[str, Any]]:
        """A response's events of a type."""
        return [e for e in self.events if e["type"] == type_ and e.get("response_id") == response_id]

    def _seen(self, after: int) -> str:
        return ", ".join(dict.fromkeys(str(e.get("type")) for e in self.events[after:])) or "nothing"
