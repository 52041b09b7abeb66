"""How a call to the model is set up: one POST that carries our offer and brings the answer.

Two forms. With a server's key: multipart, the offer and the session's settings, so that the session
starts as it shall be. With an ephemeral key (``ek_...``), whose session is set already: the offer alone,
as ``application/sdp``. Both are answered 201 with an SDP answer and the call's address in ``Location``.

Errors are livekit-agents' own, so that its session retries what may be retried and ends with the reason
otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
from livekit.agents import APIConnectionError, APIStatusError

__all__ = ["Answer", "calls_url", "post_offer"]

_FATAL = frozenset(
    {
        "insufficient_quota",
        "invalid_api_key",
        "account_deactivated",
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
    }
)  # codes that come with a 429 or 5xx and still fail again; openai-realtime's own list
_TEXT_SHOWN = 300  # characters of an error's text
_HINTS = {
    400: "The server refused the offer or the session's settings.",
    401: "Check the key.",
    403: "The key may not use this model.",
    404: 'Check base_url: this server may have no WebRTC; transport="websocket" may work.',
    429: "Too many requests; it is tried again.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    sdp: str
    call: str
    """The call's address, as in ``Location``; empty if the server gave none."""


def calls_url(base_url: str, model: str | None) -> str:
    """Where calls are set up: ``https://api.openai.com/v1`` becomes ``.../v1/realtime/calls``.

    Args:
        base_url: With or without ``/realtime``; ws and wss are taken for http and https.
        model: Named in the address if the address names none; None to leave it out.
    """
    parts = urlsplit(base_url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    if path in ("", "/openai"):
        path += "/v1"
    for piece in ("/realtime", "/calls"):
        if not path.endswith("/realtime/calls") and not path.endswith(piece):
            path += piece
    query = dict(parse_qsl(parts.query))
    if model is not None:
        query.setdefault("model", model)
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))


async def post_offer(
    http: aiohttp.ClientSession,
    *,
    base_url: str,
    model: str,
    headers: Mapping[str, str],
    offer: str,
    session: Mapping[str, Any] | None,
    timeout_s: float,
) -> Answer:
    """Sends the offer.

    Args:
        http: Does the asking.
        base_url: Of the API, as its clients take it.
        model: The model's name.
        headers: Authorization among them.
        offer: SDP with every candidate.
        session: The session's settings; None for the form without (ephemeral keys).
        timeout_s: For the whole request, s.

    Raises:
        APIStatusError: The server refused; ``retryable`` says whether asking again may help.
        APIConnectionError: It could not be reached, or its answer is no SDP.
    """
    body: aiohttp.FormData | str
    sent = dict(headers)
    if session is None:
        body = offer
        sent["Content-Type"] = "application/sdp"
    else:
        body = aiohttp.FormData(default_to_multipart=True)
        body.add_field("sdp", offer, content_type="application/sdp")
        body.add_field("session", json.dumps(session), content_type="application/json")
    url = calls_url(base_url, model if session is None else None)
    try:
        async with http.post(
            url, data=body, headers=sent, timeout=aiohttp.ClientTimeout(timeout_s), allow_redirects=False
        ) as response:
            text = await response.text(errors="replace")
            status, place = response.status, response.headers.get("Location", "")
            request_id = response.headers.get("x-request-id")
    except TimeoutError as error:
        raise APIConnectionError(f"no answer to the WebRTC offer within {timeout_s:g} s ({url})") from error
    except aiohttp.ClientError as error:
        raise APIConnectionError(f"the WebRTC offer could not be sent to {url}") from error
    if not 200 <= status < 300:
        raise _refused(status, text, request_id)
    if not text.lstrip().startswith("v=0"):
        raise APIConnectionError(f"the answer to the WebRTC offer is no SDP ({url})", retryable=False)
    return Answer(text, place)


def _refused(status: int, text: str, request_id: str | None) -> APIStatusError:
    message, code, body = text.strip(), "", None
    try:
        body = json.loads(text)
        error = body["error"]
        message, code = (
            str(error.get("message") or message),
            str(error.get("code") or error.get("type") or ""),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        pass  # a gateway's page, or another server's way of saying it: shown as it is
    hint = _HINTS.get(status, "The server has trouble; it is tried again." if status >= 500 else "")
    what = f"the WebRTC call was refused: {message[:_TEXT_SHOWN] or 'no reason given'} {hint}".rstrip()
    return APIStatusError(
        what, status_code=status, request_id=request_id, body=body, retryable=_retryable(status, code)
    )


def _retryable(status: int, code: str) -> bool:
    return (status in (408, 429) or status >= 500) and code not in _FATAL
