"""Questions to a realtime model outside of any conversation, over a WebSocket of their own.

`OutOfBand` sends a ``response.create`` with ``conversation: "none"`` for each question and gives its text
back. The socket is kept between questions and opened anew when it was lost or its session expired; that
happens on a thread with a loop of its own, so a caller waits as long as they said and no longer.

Why not over the call's own socket: a response that somebody else asked for is a generation to
livekit-agents' plugin, which would have the call say it; and a socket of its own works for every provider
of the protocol, over WebRTC too, and when the call's session is being renewed. A response out of band adds
nothing to a conversation, so a whole process can ask over one. It costs its own tokens alone.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from antiphon.agents.logs import get_logger

__all__ = ["Answer", "OutOfBand"]

log = get_logger(__name__)

CONNECT_S = 10.0  # s; as long as a connection that nobody waits for may take
_KEY = "antiphon_question"  # of the metadata that comes back with a response


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question."""

    text: str = ""
    trouble: str = ""
    """Why there is no text: late, refused, unreachable, no answer; empty if there is."""
    reason: str = ""


@dataclass(slots=True)
class _Line:
    """One connection."""

    socket: aiohttp.ClientWebSocketResponse
    reader: asyncio.Task[None] | None = None
    waiting: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)
    responses: dict[str, str] = field(default_factory=dict)
    """The model's name of a response, by question."""


class OutOfBand:
    """Asks one server. `close` it when done with it.

    Args:
        url: The API's base address, e.g. ``http://127.0.0.1:8123/v1``.
        model: The model's name.
        key: Its key.
    """

    def __init__(self, url: str, model: str, key: str) -> None:
        base = url.rstrip("/")
        self._url = f"{base.replace('http', 'ws', 1)}/realtime"
        self._query = {"model": model} if model else {}
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._numbers = itertools.count(1)
        self._http: aiohttp.ClientSession | None = None
        self._line: _Line | None = None
        self._connecting: asyncio.Task[_Line] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Lock()

    def connect(self, timeout_s: float) -> bool:
        """Opens the socket now; whether it is open."""
        try:
            asyncio.run_coroutine_threadsafe(self._connected(), self._running()).result(timeout_s)
        except (concurrent.futures.TimeoutError, aiohttp.ClientError, OSError, ConnectionError):
            return False
        return True

    def ask(self, response: Mapping[str, Any], timeout_s: float) -> Answer:
        """Has a response made. Blocks, for ``timeout_s`` at most; a late one is cancelled.

        Args:
            response: Of the ``response.create``; conversation and metadata are added.
            timeout_s: s.
        """
        asked = asyncio.run_coroutine_threadsafe(self._ask(response, timeout_s), self._running())
        try:
            return asked.result(timeout_s + 1.0)  # a second for a loop that is late; it keeps the time
        except concurrent.futures.TimeoutError:
            asked.cancel()
            return Answer(trouble="late", reason="the thread that asks is busy")

    def close(self) -> None:
        """Closes the socket and ends the thread. Nothing may be asked after it."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), loop).result(5.0)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5.0)
        loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._started:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="antiphon-out-of-band", daemon=True
                )
                self._thread.start()
            return self._loop

    # On the loop.

    async def _ask(self, response: Mapping[str, Any], timeout_s: float) -> Answer:
        number = str(next(self._numbers))
        line: _Line | None = None
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._connected()
                answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
                line.waiting[number] = answer
                request = {**response, "conversation": "none", "metadata": {_KEY: number}}
                await line.socket.send_json(
                    {"type": "response.create", "event_id": _event_id(number), "response": request}
                )
                return await answer
        except TimeoutError:
            if line is not None and number in line.responses and not line.socket.closed:
                await self._cancel(line, line.responses[number])
            return Answer(trouble="late", reason=f"no answer in {timeout_s:.2g} s")
        except aiohttp.WSServerHandshakeError as error:
            return Answer(trouble="refused", reason=f"status {error.status}")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(trouble="unreachable", reason=type(error).__name__)
        finally:
            if line is not None:
                line.waiting.pop(number, None)
                line.responses.pop(number, None)

    async def _cancel(self, line: _Line, response_id: str) -> None:
        try:
            await line.socket.send_json({"type": "response.cancel", "response_id": response_id})
        except (aiohttp.ClientError, ConnectionError):
            log.debug("a late answer could not be cancelled")

    async def _connected(self) -> _Line:
        """The open line. A question that gives up leaves the connecting to whoever asks next."""
        if self._line is not None and not self._line.socket.closed:
            return self._line
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        self._line = await asyncio.shield(self._connecting)
        return self._line

    async def _connect(self) -> _Line:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S))
        socket = await self._http.ws_connect(
            self._url, params=self._query, headers=self._headers, heartbeat=20.0, max_msg_size=0
        )
        line = _Line(socket)
        line.reader = asyncio.get_running_loop().create_task(self._read(line))
        return line

    async def _read(self, line: _Line) -> None:
        async for message in line.socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                event = json.loads(message.data)
                _take(line, event)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                log.debug("an event that cannot be read", error=type(error).__name__)
        for waiting in line.waiting.values():
            if not waiting.done():
                waiting.set_result(Answer(trouble="unreachable", reason="the connection was closed"))

    async def _close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        line = self._line
        if line is not None:
            await line.socket.close()
            if line.reader is not None:
                await line.reader
        if self._http is not None:
            await self._http.close()


def _event_id(number: str) -> str:
    return f"{_KEY}_{number}"


def _take(line: _Line, event: dict[str, Any]) -> None:
    """One of the server's events."""
    kind = event["type"]
    if kind == "error":
        error = event["error"]
        for number, waiting in line.waiting.items():
            if error.get("event_id") == _event_id(number) and not waiting.done():
                reason = str(error.get("code") or error.get("type"))
                waiting.set_result(Answer(trouble="refused", reason=reason))
    elif kind in ("response.created", "response.done"):
        response = event["response"]
        asked = (response.get("metadata") or {}).get(_KEY)
        if asked not in line.waiting:
            return
        line.responses[asked] = str(response["id"])
        if kind == "response.done" and not line.waiting[asked].done():
            line.waiting[asked].set_result(_answer(response))


def _answer(response: Mapping[str, Any]) -> Answer:
    """The text of a response that is done."""
    texts = [
        str(part.get("text") or part.get("transcript") or "")
        for item in response.get("output") or ()
        for part in item.get("content") or ()
    ]
    text = "".join(texts).strip()
    if text:
        return Answer(text)
    return Answer(trouble="no answer", reason=str(response.get("status")))
