"""One connection of the local realtime model: a shell around the protocol core.

One task feeds the core, in order, from one queue: the client's messages, the engines' results,
deadlines. Replies and hearing run in tasks of their own and put what they have into the queue. Speech in
what was appended is looked for between two events, a second of audio at a time.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypedDict

import numpy as np
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from antiphon.agents.errors import ModelError
from antiphon.agents.logs import get_logger
from antiphon.agents.media.windows import Windows
from antiphon.plugins.local.engines import CutShort, Engines, NextMessage, ToolRequest
from antiphon.plugins.local.protocol import (
    CancelReply,
    Close,
    Core,
    Listen,
    Output,
    Send,
    StartReply,
    Transcribe,
)
from antiphon.plugins.local.speaker import Reply, Words, reply
from antiphon.plugins.silero import SileroVad

__all__ = ["Session", "SessionOptions"]

log = get_logger(__name__)

_WINDOW_S = 0.032
_WINDOWS_AT_ONCE = 32  # 1 s of audio, about 3 ms of work; chosen

Task = Callable[[float], tuple[Output, ...]]


class SessionOptions(TypedDict):
    """What a server sets for each of its sessions."""

    model: str
    """The name that the client asked for."""
    limit_s: float
    """The session's longest duration, s."""
    speed: float
    """How many times faster than real time replies go out."""


class Session:
    """One connection.

    Args:
        request: The client's.
        socket: What it was upgraded to.
        engines: Ears, brain and voice.
        model: As in `SessionOptions`, like the next two.
        limit_s: s.
        speed: Times real time.
        await_ears: Of `Core`.
    """

    def __init__(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        engines: Engines,
        *,
        model: str,
        limit_s: float,
        speed: float,
        await_ears: bool = True,
    ) -> None:
        self._request = request
        self._socket = socket
        self._engines = engines
        self._speed = speed
        self._core = Core(
            model=model,
            new_id=lambda kind: f"{kind}_{secrets.token_hex(10)}",
            now=time.monotonic(),
            wall=time.time(),
            limit_s=limit_s,
            await_ears=await_ears,
        )
        self._queue: asyncio.Queue[Task | None] = asyncio.Queue(maxsize=256)
        self._replies: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._vad: SileroVad | None = None
        self._windows = Windows()
        self._window_end_ms = 0.0
        self._unheard: deque[NDArray[np.int16]] = deque()

    async def run(self) -> None:
        """Serves until either side closes."""
        reader = asyncio.create_task(self._read(), name="antiphon-model-read")
        try:
            await self._carry_out(self._core.start())
            while not self._socket.closed:
                step = await self._next()
                if step is None:
                    break
                await self._carry_out(step(time.monotonic()))
                await self._detect()
        except ConnectionError:
            log.debug("a client went away")
        finally:
            tasks = [reader, *self._tasks, *self._replies.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not self._socket.closed:
                await self._socket.close()

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._socket.close(code=1001, message=b"server stops")

    def drop(self) -> None:
        """Cuts the connection without a closing handshake, as a network does."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def report(self, message: str) -> None:
        """Sends an ``error`` event that changes nothing."""
        await self._queue.put(lambda now: self._core.refuse(message))

    async def expire(self) -> None:
        """Ends the session as its limit does: ``session_expired``, then 1001."""
        await self._queue.put(lambda now: self._core.expire())

    async def drop_next(self) -> None:
        """`drop`, once what is in the queue has been sent."""

        def cut(now: float) -> tuple[Output, ...]:
            self.drop()
            return ()

        await self._queue.put(cut)

    async def _next(self) -> Task | None:
        """The next thing to tell the core, or its deadline."""
        wait = max(self._core.deadline() - time.monotonic(), 0.0)
        try:
            return await asyncio.wait_for(self._queue.get(), None if math.isinf(wait) else wait)
        except TimeoutError:
            return self._core.tick

    async def _read(self) -> None:
        cancelled = False
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(message.data)
                elif message.type is WSMsgType.BINARY:
                    await self._queue.put(
                        lambda now: self._core.refuse("Only JSON text frames are understood.")
                    )
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            # Cancelled, nobody takes from the queue any more, and a full one would hold us for ever.
            if not cancelled:
                await self._queue.put(None)

    async def _take(self, text: str) -> None:
        try:
            event: Any = json.loads(text)
        except (ValueError, RecursionError):  # ValueError: also a number of thousands of digits
            await self._queue.put(lambda now: self._core.refuse("The message is not valid JSON."))
            return
        await self._queue.put(lambda now: self.client_event(event, now))

    def client_event(self, event: Any, now: float) -> tuple[Output, ...]:
        """A client's event. Overridden by the scripted server, which records it."""
        return self._core.handle(event, now)

    def _listen(self, job: Listen) -> None:
        """What was appended, in windows for `_detect`."""
        if self._vad is None:
            self._vad = SileroVad()
            self._windows.reset()
            self._window_end_ms = job.start_ms
        self._unheard.extend(self._windows.push(job.audio))

    async def _detect(self) -> None:
        """Tells the core the speech probability of each new window, before the next event.

        Minutes of audio may come in one append: other sessions get their turn in between.
        """
        if not self._core.detects_turns:
            self._vad = None
            self._unheard.clear()
        while self._unheard and self._vad is not None:
            for _ in range(min(len(self._unheard), _WINDOWS_AT_ONCE)):
                self._window_end_ms += _WINDOW_S * 1000
                speech = self._vad.window(self._unheard.popleft())
                out = self._core.speech(speech, round(self._window_end_ms), time.monotonic())
                if out:
                    await self._carry_out(out)
            if self._unheard:
                await asyncio.sleep(0)

    async def _carry_out(self, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                if output.event["type"] == "mcp_list_tools.failed":
                    log.warning("the local model calls no MCP servers; this one's tools are not offered")
                await self.send(dict(output.event))
            elif isinstance(output, Listen):
                self._listen(output)
            elif isinstance(output, Transcribe):
                self._spawn(self._hear(output))
            elif isinstance(output, StartReply):
                self._replies[output.response_id] = asyncio.create_task(self._reply(output))
            elif isinstance(output, CancelReply):
                if task := self._replies.pop(output.response_id, None):
                    task.cancel()
            elif isinstance(output, Close):
                await self._socket.close(code=output.code, message=output.reason.encode())

    async def send(self, event: dict[str, Any]) -> None:
        """Sends an event. Overridden by the scripted server, which records it."""
        await self._socket.send_str(json.dumps(event))

    def _spawn(self, coro: Coroutine[None, None, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hear(self, job: Transcribe) -> None:
        seconds = len(job.audio) / 24_000
        try:
            heard = await self._engines.ears.hear(job.audio, language=job.language)
        except Exception as error:  # ears are anyone's code; their fault must not leave the turn waiting
            message = str(error) or type(error).__name__
            log.warning("the ears failed", error=message, exc_info=not isinstance(error, ModelError))
            await self._queue.put(lambda now: self._core.deaf(job.item_id, message, now))
            return
        await self._queue.put(lambda now: self._core.heard(job.item_id, heard, seconds, now))

    async def _reply(self, job: StartReply) -> None:
        name, core = job.response_id, self._core
        parts = reply(
            self._engines.brain,
            self._engines.voice,
            job.request,
            audio=job.audio,
            voice_name=job.voice,
            speed=self._speed,
        )
        try:
            async for part in parts:
                await self._queue.put(_told(core, name, part))
        except Exception as error:  # brains and voices are anyone's code; a reply has to end in any case
            given = getattr(error, "code", None)
            code = given if isinstance(given, str) else type(error).__name__
            message = str(error) or code
            log.warning("a reply failed", error=message, exc_info=not isinstance(error, ModelError))
            await self._queue.put(lambda now: core.reply_failed(name, code, message, now))
        else:
            await self._queue.put(lambda now: core.reply_done(name, now))
        finally:
            await parts.aclose()
            self._replies.pop(name, None)


def _told(core: Core, name: str, part: Reply) -> Task:
    match part:
        case Words(text):
            return lambda now: core.reply_text(name, text, now)
        case ToolRequest(tool, arguments):
            return lambda now: core.reply_tool(name, tool, arguments, now)
        case NextMessage():
            return lambda now: core.reply_next_message(name)
        case CutShort(reason):
            return lambda now: core.reply_cut(name, reason, now)
        case samples:
            return lambda now: core.reply_audio(name, samples, now)
