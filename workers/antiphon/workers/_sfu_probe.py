"""Is there a LiveKit server at this address, and does it take this key?

Plain blocking HTTP, for use before any event loop and with no library of LiveKit's retrying behind it. A
server answers ``GET /`` with ``OK``; a call of its room API tells a right key from a wrong one.
"""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from livekit import api

from antiphon.agents.errors import ServerUnavailable

__all__ = ["answers", "check", "http_url"]

PROBE_TIMEOUT_S = 4.0  # s; chosen: far above a round trip, short enough to wait for
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HTTP = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


def http_url(url: str) -> str:
    """``url`` with its scheme turned from ws to http. Raises `ServerUnavailable` for another scheme."""
    parts = urlsplit(url)
    if parts.scheme not in _HTTP or not parts.netloc:
        raise ServerUnavailable(
            "LIVEKIT_URL is no WebSocket address",
            value=url,
            hint="It looks like wss://my-project.livekit.cloud.",
        )
    return urlunsplit((_HTTP[parts.scheme], parts.netloc, parts.path.rstrip("/"), "", ""))


def _open(request: urllib.request.Request, timeout_s: float) -> int:
    """The status of the answer. Raises `OSError` when there is none."""
    loopback = urlsplit(request.full_url).hostname in _LOOPBACK
    proxies = [urllib.request.ProxyHandler({})] if loopback else []
    try:
        with urllib.request.build_opener(*proxies).open(request, timeout=timeout_s) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def answers(url: str, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Whether anything answers HTTP at ``url`` within ``timeout_s``."""
    try:
        _open(urllib.request.Request(http_url(url) + "/"), timeout_s)
    except (OSError, ValueError):
        return False
    return True


def _key_status(url: str, key: str, secret: str, timeout_s: float) -> int:
    token = api.AccessToken(key, secret).with_grants(api.VideoGrants(room_list=True)).to_jwt()
    request = urllib.request.Request(
        http_url(url) + "/twirp/livekit.RoomService/ListRooms",
        data=b"{}",
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    return _open(request, timeout_s)


def check(url: str, key: str, secret: str, timeout_s: float = PROBE_TIMEOUT_S) -> Literal[True]:
    """Returns when a LiveKit server at ``url`` takes ``key`` and ``secret``.

    Raises `ServerUnavailable` when none can be reached, when what answers is no LiveKit server, and when it
    refuses the key: each with what to do.
    """
    try:
        status = _key_status(url, key, secret, timeout_s)
    except ValueError as error:
        raise ServerUnavailable("LIVEKIT_URL is no address", value=url, hint=f"{error}.") from error
    except OSError as error:
        raise ServerUnavailable(
            "no LiveKit server answers at LIVEKIT_URL",
            value=f"{url}: {_reason(error)}",
            hint="Check the address, or unset LIVEKIT_URL to use a local server.",
        ) from error
    if status == 401:
        raise ServerUnavailable(
            "the LiveKit server refuses this key",
            value=f"{url}, LIVEKIT_API_KEY={key}",
            hint="Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a pair that this server knows.",
        )
    if status != 200:
        raise ServerUnavailable(
            "what answers at LIVEKIT_URL is no LiveKit server",
            value=f"{url}: HTTP {status}",
            hint="Check the address.",
        )
    return True


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLError):
        return reason.reason or str(reason)
    if isinstance(reason, TimeoutError):
        return "timed out"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return str(reason)
