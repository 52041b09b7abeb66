"""livekit-plugins-openai's Realtime model over WebSocket, with refusals that say what was refused.

livekit-agents 1.8.9 takes every failed handshake for a broken line: a wrong key is tried four times, each
with a stack trace, and the reason the server gave is lost. Here a handshake that was answered with 4xx is
not tried again, and the server is asked once (``GET /models``) what it has against us: its own words, or
the models it has when it knows no such model. The same holds for a model the server refuses later.

It reaches into livekit-agents at `RealtimeSession._main_task`, `_create_ws_conn` and `_is_fatal_error`,
which `tests/plugins/openai/test_websocket.py` pins.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
from livekit.agents import APIError, APIStatusError
from livekit.plugins.openai.realtime import RealtimeModel, RealtimeSession

from antiphon.agents.logs import get_logger

__all__ = ["FATAL_CODES", "WebSocketModel", "WebSocketSession"]

log = get_logger(__name__)

FATAL_CODES = frozenset(
    {
        "account_deactivated",
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_model",
        "model_not_found",
    }
)
"""Error codes after which no retry can succeed."""
_ASKED_S = 5.0  # s for the one question after a refusal; chosen
_WRAPPED = (
    "Error in _main_task",
    "Error in _recv_task",
    "Error in _send_task",
)  # as log_exceptions words them
_LISTED = 20  # models named in an error; chosen
_HINTS = {
    401: "Check the key: OPENAI_API_KEY, or api_key=.",
    403: "The key is valid but may not do this: check its project and permissions.",
    404: "Check base_url= and the model's name.",
    429: "Check the account's quota and billing, or try again later.",
}


class _NoTrace(logging.Filter):
    """A line that is down is one line in the log: its reason, not where in livekit it was noticed."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        ours = record.pathname.endswith("_realtime/openai.py") or str(record.msg) in _WRAPPED
        if isinstance(error, APIError) and ours:
            record.msg = f"{record.msg}: {error}"
            record.exc_info = record.exc_text = None
        return True


logging.getLogger("livekit.agents").addFilter(_NoTrace())


class WebSocketModel(RealtimeModel):
    """As livekit's, with `WebSocketSession`."""

    def session(self, *, turn_detection_disabled: bool = False) -> WebSocketSession:
        """Opens a session; its first connection is made in the background."""
        made = WebSocketSession(self, turn_detection_disabled=turn_detection_disabled)
        self._sessions.add(made)
        return made


class WebSocketSession(RealtimeSession):
    """One session. What the server refuses is an ``error`` event with ``recoverable`` False, once."""

    async def _main_task(self) -> None:
        loop: Any = RealtimeSession._main_task
        try:
            # The bare coroutine: livekit's wrapper logs a stack trace of what is an answer, not a fault.
            await loop.__wrapped__(self)
        except APIError as error:
            log.error("the model's session ended", reason=str(error.message), body=_shown(error.body))

    async def _create_ws_conn(self) -> aiohttp.ClientWebSocketResponse:
        try:
            return await super()._create_ws_conn()
        except APIError as error:
            cause = error.__cause__
            if not isinstance(cause, aiohttp.WSServerHandshakeError) or not 400 <= cause.status < 500:
                raise
            raise await self._refusal(cause.status) from None

    async def _refusal(self, status: int) -> APIStatusError:
        """What the server has against us, in its own words where it gives any."""
        body = await self._ask()
        error = body.get("error")
        said: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
        what = f"the model's server refused the connection (HTTP {status})"
        if message := said.get("message"):
            what = f"{what}: {str(message).rstrip('.')}"
        elif names := [str(entry.get("id")) for entry in body.get("data") or [] if isinstance(entry, dict)]:
            shown = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
            what = f"{what} for the model {self._opts.model!r}; it has: {shown}"
        code = str(said.get("code") or "")
        fatal = status != 429 or code in FATAL_CODES
        return APIStatusError(
            f"{what}. {_HINTS.get(status, 'Check base_url= and the model.')}",
            status_code=status,
            body={"code": code or None, "message": said.get("message")},
            retryable=not fatal,
        )

    async def _ask(self) -> dict[str, Any]:
        """The answer to ``GET /models``: an error with its reason, or the models there are."""
        base = self._opts.base_url.replace("ws", "http", 1) if self._opts.base_url.startswith("ws") else ""
        url = (base or self._opts.base_url).split("?")[0].rstrip("/").removesuffix("/realtime") + "/models"
        _, headers = self._create_ws_url_and_headers()
        try:
            async with asyncio.timeout(_ASKED_S):
                session = self._realtime_model._ensure_http_session()
                async with session.get(url, headers=headers) as answer:
                    found = json.loads(await answer.text())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.debug("the server does not say why", error=str(error))
            return {}
        return found if isinstance(found, dict) else {}

    def _is_fatal_error(self, error: object | None) -> bool:
        return getattr(error, "code", None) in FATAL_CODES or super()._is_fatal_error(error)

    def _emit_error(self, error: Exception, recoverable: bool) -> None:
        """As livekit's, with the server's words in the error's text."""
        body = getattr(error, "body", None)
        said = getattr(body, "message", None)
        if isinstance(error, APIError) and said and str(said) not in error.message:
            error.message = f"{error.message}: {said}"
            error.args = (error.message, *error.args[1:])
        super()._emit_error(error, recoverable)


def _shown(body: object) -> str | None:
    """The code of an error's body."""
    code = body.get("code") if isinstance(body, Mapping) else getattr(body, "code", None)
    return str(code) if code else None
