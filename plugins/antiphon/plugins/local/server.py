"""The local realtime model over WebSocket: the addresses it serves, and who may connect.

Each connection is a `Session`. Loopback unless told otherwise.
"""

from __future__ import annotations

import json
import secrets
from types import TracebackType
from typing import Self

from aiohttp import web

from antiphon.agents.errors import ConfigError, MisuseError
from antiphon.plugins.local.engines import Engines
from antiphon.plugins.local.session import Session, SessionOptions

__all__ = ["LocalRealtimeServer", "Session"]

MAX_MESSAGE = 22 * 1024 * 1024  # bytes; an append of 15 MiB in base64
SPEED = 8.0  # times real time; hosted models send 3 to 5 s of audio in the first second


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

    async def __aenter__(self) -> Self:
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
        session = self.make_session(request, socket)
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
        return socket

    def make_session(self, request: web.Request, socket: web.WebSocketResponse) -> Session:
        """One connection's session. Overridden by the scripted server, whose sessions are recorded."""
        return Session(request, socket, self.engines, **self.session_options(request))

    def session_options(self, request: web.Request) -> SessionOptions:
        """Those of `Session`."""
        model = request.query.get("model") or "local"
        return {"model": model, "limit_s": self._limit_s, "speed": self._speed}

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
