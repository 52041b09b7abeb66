"""The local realtime model's addresses: WebSocket and WebRTC, and who may connect.

    GET  /v1/realtime                  a WebSocket session; with ``call_id`` a sideband to a WebRTC one
    POST /v1/realtime/calls            a WebRTC session (see `calls`); 501 without the extra ``webrtc``
    POST /v1/realtime/calls/ID/hangup  ends one
    POST /v1/realtime/client_secrets   an ephemeral key

Each connection is a `Session`. Loopback unless told otherwise, media included.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from antiphon.agents.errors import ConfigError, MisuseError
from antiphon.agents.logs import get_logger
from antiphon.plugins.local import calls
from antiphon.plugins.local.calls import fault
from antiphon.plugins.local.engines import Engines
from antiphon.plugins.local.keys import EPHEMERAL, Keys, Secret
from antiphon.plugins.local.protocol.config import UNNAMED
from antiphon.plugins.local.session import Session, SessionOptions
from antiphon.plugins.local.transport import SocketTransport, Transport

__all__ = ["LocalRealtimeServer", "Session", "has_webrtc"]

log = get_logger(__name__)

MAX_MESSAGE = 22 * 1024 * 1024  # bytes; an append of 15 MiB in base64
SPEED = 8.0  # times real time; hosted models send 3 to 5 s of audio in the first second
MAX_SESSIONS = 64  # chosen: far more than ears and voice of one machine serve
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EVERYWHERE = ("0.0.0.0", "::", "")


def has_webrtc() -> bool:
    """Whether the extra ``webrtc`` is installed."""
    return find_spec("aiortc") is not None


class LocalRealtimeServer:
    """Serves the protocol on ``ws://host:port/v1/realtime``, and over WebRTC beside it.

    Args:
        engines: Ears, brain and voice, shared by all sessions.
        host: Address to listen on.
        port: 0 for a free one.
        api_key: The key that clients must show; None takes any, but one must be shown.
        session_limit_s: Longest duration of a session, s.
        speed: How many times faster than real time replies go out.
        max_sessions: Sessions at a time; more are refused with 429.
        media_addresses: To offer WebRTC's UDP ports on. By default the one it listens on, or those of
            every interface if it listens on all.
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
        max_sessions: int = MAX_SESSIONS,
        media_addresses: Sequence[str] | None = None,
    ) -> None:
        if session_limit_s <= 0:
            raise ConfigError("session_limit_s", session_limit_s, "more than 0 s")
        if max_sessions < 1:
            raise ConfigError("max_sessions", max_sessions, "1 or more")
        self.engines = engines
        self.sessions: set[Session] = set()
        """The sessions that are open."""
        self._host = host
        self._port = port
        self._keys = Keys(api_key)
        self._limit_s = session_limit_s
        self._speed = speed
        self._max_sessions = max_sessions
        if media_addresses is None and host not in _EVERYWHERE:
            media_addresses = ["127.0.0.1" if host in _LOOPBACK else host]
        self._media_addresses = media_addresses
        self._calls: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Starts listening.

        Raises:
            ConfigError: The port is taken.
        """
        app = web.Application(client_max_size=MAX_MESSAGE, middlewares=[self._guard])
        app.router.add_get("/v1/realtime", self._connect)
        app.router.add_post("/v1/realtime/calls", self._call)
        app.router.add_post("/v1/realtime/calls/{call_id}/hangup", self._hang_up)
        app.router.add_post("/v1/realtime/client_secrets", self._make_secret)
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
        await asyncio.gather(*self._tasks, return_exceptions=True)  # `_ended` has told of faults
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

    @property
    def calls_url(self) -> str:
        """Where WebRTC's offers are posted."""
        return f"{self.base_url}/realtime/calls"

    def make_session(self, transport: Transport, options: SessionOptions) -> Session:
        """One connection's session. Overridden by the scripted server, whose sessions are recorded."""
        return Session(transport, self.engines, **options)

    # Requests.

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "sessions": len(self.sessions)})

    async def _models(self, request: web.Request) -> web.Response:
        self._authenticate(request)
        model = {"id": "local", "object": "model", "owned_by": "antiphon", "created": 0}
        return web.json_response({"object": "list", "data": [model]})

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        secret = self._authenticate(request)
        call_id = request.query.get("call_id")
        call = None if call_id is None else self._find_call(call_id)
        if call is None:
            self._admit()
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE, protocols=("realtime",), heartbeat=30.0, compress=False
        )
        await socket.prepare(request)
        transport = SocketTransport(request, socket)
        if call is not None:
            await call.join(transport)
        else:
            settings = secret.settings if secret is not None else None
            session = self.make_session(transport, self._options(request, settings))
            await self._run(session)
        return socket

    async def _call(self, request: web.Request) -> web.Response:
        secret = self._authenticate(request)
        if not has_webrtc():
            text = "This server has no WebRTC: install antiphon[webrtc], or connect by WebSocket."
            raise fault(web.HTTPNotImplemented, text, "webrtc_not_installed")
        # aiortc is an extra, and its import takes half a second, in which others' audio must go on.
        await asyncio.to_thread(import_module, "antiphon.plugins.local.peer")
        from antiphon.plugins.local.peer import BadOffer, PeerTransport

        sdp, settings = await calls.offer(request)
        if settings is None and secret is not None:
            settings = secret.settings
        self._admit()
        self._opening += 1
        transport = PeerTransport(self._media_addresses)
        try:
            session = self.make_session(transport, self._options(request, settings))
            answer = await transport.answer(sdp)
        except BadOffer as error:
            await transport.close()
            raise fault(web.HTTPBadRequest, str(error), "invalid_sdp", "sdp") from None
        except BaseException:  # the client went away, or the server stops: the peer must not stay
            transport.drop()
            raise
        finally:
            self._opening -= 1
        call_id = f"rtc_{secrets.token_hex(12)}"
        self._calls[call_id] = session
        task = asyncio.create_task(self._run(session, call_id), name="antiphon-model-call")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        headers = {"Location": f"/v1/realtime/calls/{call_id}"}
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)

    async def _hang_up(self, request: web.Request) -> web.Response:
        self._authenticate(request)
        await self._find_call(request.match_info["call_id"]).aclose(1000, "hung up")
        return web.Response()

    async def _make_secret(self, request: web.Request) -> web.Response:
        if self._authenticate(request) is not None:
            raise fault(web.HTTPUnauthorized, "An ephemeral key makes no others.", "invalid_api_key")
        seconds, settings = await calls.expiry(request)
        secret = self._keys.make(settings, seconds, time.time())
        return web.json_response(calls.public_secret(secret.value, secret.expires_at, settings))

    # Sessions.

    async def _run(self, session: Session, call_id: str = "") -> None:
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
            self._calls.pop(call_id, None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a call ended by a fault", exc_info=error)

    def _options(self, request: web.Request, settings: Mapping[str, Any] | None) -> SessionOptions:
        given = settings.get("model") if settings is not None else None
        model = given or request.query.get("model") or UNNAMED
        return {"model": model, "limit_s": self._limit_s, "speed": self._speed, "settings": settings}

    def _admit(self) -> None:
        if len(self.sessions) + self._opening >= self._max_sessions:
            text = f"This server holds {self._max_sessions} sessions at a time; try again later."
            raise fault(web.HTTPTooManyRequests, text, "rate_limit_exceeded")

    def _find_call(self, call_id: str) -> Session:
        call = self._calls.get(call_id)
        if call is None:
            raise fault(web.HTTPNotFound, f"No call with id '{call_id}'.", "call_not_found", "call_id")
        return call

    # Who may.

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Keeps pages out that may not come, answers their preflights, and lets the others read."""
        origin = request.headers.get("Origin")
        if not calls.may_come_from(origin, any_page=not self._keys.any):
            text = (
                f"A page of {origin} may not use this server: only pages of this machine may, without a key."
            )
            raise fault(web.HTTPForbidden, text, "origin_not_allowed")
        headers = calls.page_headers(request)
        if request.method == "OPTIONS" and origin is not None:
            return web.Response(status=204, headers=headers)
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            error.headers.update(headers)
            raise
        if not response.prepared:
            response.headers.update(headers)
        return response

    def _authenticate(self, request: web.Request) -> Secret | None:
        """The ephemeral key of a request, None if it has the server's. Refuses others, before any upgrade."""
        key = ""
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            key = value.strip()
        for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
            if protocol.strip().startswith("openai-insecure-api-key."):
                key = protocol.strip().removeprefix("openai-insecure-api-key.")
        found = self._keys.check(key, time.time())
        if isinstance(found, Secret):
            return found
        if found:
            return None
        what = "Incorrect API key provided." if key else "You didn't provide an API key."
        if key.startswith(EPHEMERAL):
            what = "Ephemeral token expired, or not of this server."
        raise fault(web.HTTPUnauthorized, what, "invalid_api_key")
