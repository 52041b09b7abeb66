"""The local realtime model over WebSocket: a shell around the protocol core.

A connection has one task that feeds the core, in order, from one queue: the client's messages, the
engines' results, deadlines. Replies and hearing run in tasks of their own and put what they have into
the queue. Loopback unless told otherwise.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError, MisuseError, ModelError
from antiphon.agents.logs import get_logger
from antiphon.agents.media.windows import Windows
from antiphon.plugins.local.engines import Engines, NextMessage, Samples, ToolRequest
from antiphon.plugins.local.protocol import (
    CancelReply,
    Close,
    Core,
    Output,
    Send,
    StartReply,
    Transcribe,
)
from antiphon.plugins.local.protocol.audio import decode
from antiphon.plugins.local.protocol.outputs import Refusal
from antiphon.plugins.local.speaker import Words, reply
from antiphon.plugins.silero import SileroVad

__all__ = ["LocalRealtimeServer", "Session", "serve_forever"]

log = get_logger(__name__)

MAX_MESSAGE = 22 * 1024 * 1024  # bytes; an append of 15 MiB in base64
SPEED = 8.0  # times real time; hosted models send 3 to 5 s of audio in the first second
_WINDOW_S = 0.032
_WINDOWS_AT_ONCE = 32  # 1 s of audio, about 3 ms of work; chosen

Task = Callable[[float], tuple[Output, ...]]


class LocalRealtimeServer:
    """Serves the protocol on ``ws://host:port/v1/realtime``.

    Args:
        engines: Ears, brain and voice, shared by all sessions.
        host: Address to listen on.
        port: 0 for a free one.
        api_key: The key that clients must show; None takes any, but one must be shown.
        session_limit_s: Longest duration of a session, s.
        speed: How many times faster than real time replies go out.
    """

    def __init__(
        self,
        engines: Engines,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        session_limit_s: float = 3600.0,
        speed: float = SPEED,
    ) -> None:
        if session_limit_s <= 0:
            raise ConfigError("session_limit_s", session_limit_s, "more than 0 s")
        self.engines = engines
        self.sessions: set[Session] = set()
        """The sessions that are open."""
        self._host = host
        self._port = port
        self._api_key = api_key
        self._limit_s = session_limit_s
        self._speed = speed
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Starts listening.

        Raises:
            ConfigError: The port is taken.
        """
        app = web.Application(client_max_size=MAX_MESSAGE)
        app.router.add_get("/v1/realtime", self._connect)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/healthz", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            self._runner = None
            raise ConfigError(
                "port", self._port, f"a free port of {self._host} ({error.strerror}); 0 picks one"
            ) from error
        self._port = self._runner.addresses[0][1]

    async def aclose(self) -> None:
        """Ends every session and stops listening."""
        for session in list(self.sessions):
            await session.aclose()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> LocalRealtimeServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._runner is None:
            raise MisuseError("the server does not run", hint="Await start() first.")
        return self._port

    @property
    def url(self) -> str:
        """Of the WebSocket."""
        return f"ws://{self._host}:{self.port}/v1/realtime"

    @property
    def base_url(self) -> str:
        """As OpenAI's clients want it: their ``base_url``."""
        return f"http://{self._host}:{self.port}/v1"

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "sessions": len(self.sessions)})

    async def _models(self, request: web.Request) -> web.Response:
        self._authenticate(request)
        model = {"id": "local", "object": "model", "owned_by": "antiphon", "created": 0}
        return web.json_response({"object": "list", "data": [model]})

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        self._authenticate(request)
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE, protocols=("realtime",), heartbeat=30.0, compress=False
        )
        await socket.prepare(request)
        session = self.make_session(socket, request.query.get("model", "local"))
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
        return socket

    def make_session(self, socket: web.WebSocketResponse, model: str) -> Session:
        """One connection's session."""
        return Session(socket, self.engines, model=model or "local", limit_s=self._limit_s, speed=self._speed)

    def _authenticate(self, request: web.Request) -> None:
        """Refuses a request without the key, before any upgrade."""
        key = ""
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            key = value.strip()
        for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
            if protocol.strip().startswith("openai-insecure-api-key."):
                key = protocol.strip().removeprefix("openai-insecure-api-key.")
        if key and (self._api_key is None or secrets.compare_digest(key.encode(), self._api_key.encode())):
            return
        what = "Incorrect API key provided." if key else "You didn't provide an API key."
        error = {"message": what, "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}
        raise web.HTTPUnauthorized(
            text=json.dumps({"error": error}), content_type="application/json", reason="Unauthorized"
        )


class Session:
    """One connection."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        engines: Engines,
        *,
        model: str,
        limit_s: float,
        speed: float,
        await_ears: bool = True,
    ) -> None:
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
        request = self._socket._req
        if request is not None and request.transport is not None:
            request.transport.abort()

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
        out = self._core.handle(event, now)
        if self._core.detects_turns and isinstance(event, dict):
            if event.get("type") == "input_audio_buffer.append":
                self._cut_windows(event)
        else:
            self._vad = None
            self._unheard.clear()
        return out

    def _cut_windows(self, event: dict[str, Any]) -> None:
        """What was appended, in windows for `_detect`."""
        try:
            audio = decode(event.get("audio"), self._core.session["audio"]["input"]["format"])
        except Refusal:
            return
        if self._vad is None:
            self._vad = SileroVad()
            self._windows.reset()
            self._window_end_ms = self._core.input_end_ms - len(audio) / 24
        self._unheard.extend(self._windows.push(audio))

    async def _detect(self) -> None:
        """Tells the core the speech probability of each new window, before the next event.

        Minutes of audio may come in one append: other sessions get their turn in between.
        """
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
                await self.send(dict(output.event))
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

    def _spawn(self, coro: Any) -> None:
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


def _told(core: Core, name: str, part: Words | Samples | ToolRequest | NextMessage) -> Task:
    if isinstance(part, Words):
        return lambda now: core.reply_text(name, part.text)
    if isinstance(part, ToolRequest):
        return lambda now: core.reply_tool(name, part.name, part.arguments)
    if isinstance(part, NextMessage):
        return lambda now: core.reply_next_message(name)
    assert isinstance(part, np.ndarray)
    return lambda now: core.reply_audio(name, part, now)


async def serve_forever(
    *,
    host: str,
    port: int,
    api_key: str | None,
    engines: Engines,
    session_limit_s: float = 3600.0,
    on_ready: Callable[[LocalRealtimeServer], None],
) -> None:
    """Serves until cancelled; ``on_ready`` is told once it listens."""
    server = LocalRealtimeServer(
        engines, host=host, port=port, api_key=api_key, session_limit_s=session_limit_s
    )
    async with server:
        on_ready(server)
        await asyncio.Event().wait()
