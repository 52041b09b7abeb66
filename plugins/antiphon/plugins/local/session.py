"""One session of the local realtime model: a shell around the protocol core.

One task feeds the core, in order, from one queue: the client's messages and audio, the engines' results,
deadlines. Replies and hearing run in tasks of their own and put what they have into the queue. Speech in
what came is looked for between two events, a second of audio at a time. How the client is reached is the
`Transport`'s; further connections may join, to see the same events and send their own.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import ModelError
from antiphon.agents.logs import get_logger
from antiphon.agents.media.windows import Windows
from antiphon.plugins.local.engines import CutShort, Engines, NextMessage, ToolRequest
from antiphon.plugins.local.protocol import (
    CancelReply,
    Close,
    Core,
    Flush,
    Listen,
    Output,
    Play,
    Send,
    StartReply,
    Transcribe,
)
from antiphon.plugins.local.speaker import Reply, Words, reply
from antiphon.plugins.local.transport import Transport
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
    settings: Mapping[str, Any] | None
    """Of the session, as in a ``session.update``, before it begins."""


class Session:
    """One session.

    Args:
        transport: To the client.
        engines: Ears, brain and voice.
        model: As in `SessionOptions`, like the next three.
        limit_s: s.
        speed: Times real time.
        settings: Of the session.
        await_ears: Of `Core`.

    Raises:
        Refusal: Something of ``settings`` cannot be.
    """

    def __init__(
        self,
        transport: Transport,
        engines: Engines,
        *,
        model: str,
        limit_s: float,
        speed: float,
        settings: Mapping[str, Any] | None = None,
        await_ears: bool = True,
    ) -> None:
        self._transport = transport
        self._joined: set[Transport] = set()
        self._engines = engines
        self._speed = speed
        self._core = Core(
            model=model,
            new_id=lambda kind: f"{kind}_{secrets.token_hex(10)}",
            now=time.monotonic(),
            wall=time.time(),
            limit_s=limit_s,
            await_ears=await_ears,
            track=transport.media is not None,
            settings=settings,
        )
        self._queue: asyncio.Queue[Task | None] = asyncio.Queue(maxsize=256)
        self._replies: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._track_told = False
        self._vad: SileroVad | None = None
        self._windows = Windows()
        self._window_end_ms = 0.0
        self._unheard: deque[NDArray[np.int16]] = deque()

    async def run(self) -> None:
        """Serves until either side closes."""
        readers = [asyncio.create_task(self._read(), name="antiphon-model-read")]
        if self._transport.media is not None:
            self._transport.media.on_played = self._track_moved
            readers.append(asyncio.create_task(self._hear_track(), name="antiphon-model-hear"))
        try:
            await self._carry_out(self._core.start())
            while not self._transport.closed:
                step = await self._next()
                if step is None:
                    break
                await self._follow_track()
                await self._carry_out(step(time.monotonic()))
                await self._detect()
        except ConnectionError:
            log.debug("a client went away")
        finally:
            tasks = [*readers, *self._tasks, *self._replies.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.aclose(1000, "")
            while not self._queue.empty():  # a sideband may wait for room in it
                self._queue.get_nowait()

    async def join(self, transport: Transport) -> None:
        """Serves another connection to this session until either side closes: a sideband.

        It is shown every event from now on, audio aside, and what it sends counts like the client's own.
        """
        try:
            await transport.send(json.dumps(self._core.joined().event))
            self._joined.add(transport)
            async with aclosing(transport.messages()) as messages:
                async for message in messages:
                    await self._take(message)
        except ConnectionError:
            log.debug("a sideband went away")
        finally:
            self._joined.discard(transport)

    async def aclose(self, code: int = 1001, reason: str = "server stops") -> None:
        """Closes the connection, and those that joined."""
        for transport in (*self._joined, self._transport):
            await transport.close(code, reason)

    def drop(self) -> None:
        """Cuts the connection without a closing handshake, as a network does."""
        self._transport.drop()

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
            async for message in self._transport.messages():
                await self._take(message)
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            # Cancelled, nobody takes from the queue any more, and a full one would hold us for ever.
            if not cancelled:
                await self._queue.put(None)

    async def _hear_track(self) -> None:
        media = self._transport.media
        assert media is not None
        async for samples in media.heard():
            await self._queue.put(lambda now, heard=samples: self._core.hear(heard))  # type: ignore[misc]

    def _track_moved(self, position: int) -> None:
        """Has the core told before long, though nothing else may happen."""
        if not self._track_told and not self._queue.full():
            self._track_told = True
            self._queue.put_nowait(self._tell_track)

    def _tell_track(self, now: float) -> tuple[Output, ...]:
        self._track_told = False
        return ()  # `_follow_track` comes before each step

    async def _follow_track(self) -> None:
        """Tells the core how far its track is, so that what it decides next is right to the frame."""
        if self._transport.media is not None:
            await self._carry_out(self._core.played(self._transport.media.position))

    async def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._queue.put(lambda now: self._core.refuse("Only JSON text frames are understood."))
            return
        try:
            event: Any = json.loads(message)
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
            elif isinstance(output, Play) and self._transport.media is not None:
                self._transport.media.play(output.samples)
            elif isinstance(output, Flush) and self._transport.media is not None:
                self._transport.media.flush()
            elif isinstance(output, Close):
                await self.aclose(output.code, output.reason)

    async def send(self, event: dict[str, Any]) -> None:
        """Sends an event. Overridden by the scripted server, which records it."""
        text = json.dumps(event)
        await self._transport.send(text)
        for transport in list(self._joined):
            try:
                await transport.send(text)
            except ConnectionError:
                self._joined.discard(transport)

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
