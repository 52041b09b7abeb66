"""The HTTP side of WebRTC: offers answered, calls ended, ephemeral keys made, and pages let in.

``POST /v1/realtime/calls`` takes an offer as ``application/sdp``, or a form with ``sdp`` and ``session``;
it answers 201 with the SDP and the call's address in ``Location``. ``/calls/{id}/hangup`` ends one.
Bodies are small; what cannot be is told in OpenAI's form of an error.

Pages: with a key of its own the server lets any page in, since the key protects it. Taking any key, it
lets in pages of this machine only, else any page its user visits could use the model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from antiphon.plugins.local.keys import DEFAULT_S, MAX_S, MIN_S
from antiphon.plugins.local.protocol import Refusal
from antiphon.plugins.local.protocol.config import UNNAMED, default_session, merge_session

__all__ = ["MAX_BODY", "expiry", "fault", "may_come_from", "offer", "page_headers", "session_settings"]

MAX_BODY = 1024 * 1024  # bytes of an offer, or a session's settings; chosen: an offer has 2 to 10 KiB
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ALLOWED_HEADERS = "Authorization, Content-Type, OpenAI-Beta, OpenAI-Safety-Identifier"


class _TooLarge(web.HTTPClientError):
    status_code = 413  # aiohttp's own class has a text of its own


def fault(
    status: type[web.HTTPException], message: str, code: str | None = None, param: str | None = None
) -> web.HTTPException:
    """A refusal in OpenAI's form."""
    kind = "server_error" if status.status_code >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return status(text=json.dumps({"error": error}), content_type="application/json")


def may_come_from(origin: str | None, *, any_page: bool) -> bool:
    """Whether a page of that ``Origin`` may use the server; no page at all always may."""
    if origin is None or any_page:
        return True
    try:
        return urlsplit(origin).hostname in _LOOPBACK
    except ValueError:
        return False


def page_headers(request: web.Request) -> Mapping[str, str]:
    """What lets a page's script read the answer (CORS); to be sent only to one that may come."""
    origin = request.headers.get("Origin")
    if origin is None:
        return {}
    asked = request.headers.get("Access-Control-Request-Headers")
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": asked or _ALLOWED_HEADERS,
        "Access-Control-Expose-Headers": "Location",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
    if request.headers.get("Access-Control-Request-Private-Network") == "true":
        headers["Access-Control-Allow-Private-Network"] = "true"
    return headers


async def offer(request: web.Request) -> tuple[str, Mapping[str, Any] | None]:
    """The SDP of a call's request, and the session's settings if it has any.

    Raises:
        HTTPException: It has none, is too large, or is neither form.
    """
    try:
        return await _offer(request.clone(client_max_size=MAX_BODY))
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None


async def _offer(request: web.BaseRequest) -> tuple[str, Mapping[str, Any] | None]:
    settings: Mapping[str, Any] | None = None
    if request.content_type == "application/sdp":
        sdp = (await request.read()).decode("utf-8", "replace")
    elif request.content_type == "multipart/form-data":
        try:
            form = await request.post()
        except ValueError as error:
            raise fault(web.HTTPBadRequest, f"The form cannot be read: {error}") from None
        sdp = _field(form.get("sdp"))
        if "session" in form:
            settings = session_settings(_json(_field(form["session"]), "session"))
    else:
        text = "Send the offer as application/sdp, or as multipart/form-data with 'sdp' and 'session'."
        raise fault(web.HTTPUnsupportedMediaType, text)
    if not sdp.strip():
        raise fault(web.HTTPBadRequest, "Missing required parameter: 'sdp'.", param="sdp")
    return sdp, settings


async def expiry(request: web.Request) -> tuple[int, Mapping[str, Any]]:
    """How long a client secret is to live, s, and its session's settings.

    Raises:
        HTTPException: Something of it cannot be.
    """
    try:
        body = (await request.clone(client_max_size=MAX_BODY).read()).decode("utf-8", "replace")
    except web.HTTPRequestEntityTooLarge:
        raise _too_large() from None
    given = _json(body, "body") if body.strip() else {}
    if not isinstance(given, dict):
        raise fault(web.HTTPBadRequest, "The body must be a JSON object.")
    if unknown := next((key for key in given if key not in ("expires_after", "session")), None):
        raise fault(web.HTTPBadRequest, f"Unknown parameter: '{unknown}'.", "unknown_parameter", unknown)
    after = given.get("expires_after") or {}
    seconds = after.get("seconds", DEFAULT_S) if isinstance(after, dict) else None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not MIN_S <= seconds <= MAX_S:
        text = f"expires_after.seconds must be a whole number from {MIN_S} to {MAX_S}."
        raise fault(web.HTTPBadRequest, text, param="expires_after.seconds")
    return seconds, session_settings(given.get("session") or {"type": "realtime"})


def session_settings(given: object) -> Mapping[str, Any]:
    """A session's settings, checked.

    Raises:
        HTTPException: Something of them cannot be.
    """
    try:
        merge_session(default_session("", UNNAMED, 0), given, has_spoken=False)
    except Refusal as refusal:
        raise fault(web.HTTPBadRequest, refusal.message, refusal.code, refusal.param) from None
    assert isinstance(given, dict)
    return given


def public_secret(value: str, expires_at: float, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A client secret as its maker is shown it."""
    base = default_session("", UNNAMED, int(time.time()))
    session = merge_session(base, settings, has_spoken=False)
    return {"value": value, "expires_at": int(expires_at), "session": session}


def _too_large() -> web.HTTPException:
    return fault(_TooLarge, f"The body is larger than {MAX_BODY} bytes.", "body_too_large")


def _field(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):  # a field with a type of its own and no file name
        return value.decode("utf-8", "replace")
    if isinstance(value, web.FileField):
        value = value.file.read()
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else ""


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise fault(web.HTTPBadRequest, f"'{name}' is not valid JSON.", "invalid_json", name) from None
