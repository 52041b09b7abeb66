"""Is there a LiveKit server at this address, and does it take this key? One question, asked once.

Blocking HTTP with nothing of LiveKit's retrying behind it, so that a wrong address or key is known before
a worker registers (livekit-agents tries 16 times, about two minutes, and says little). Imports quickly.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from antiphon.agents.errors import ConfigError, RoomError, ServerUnavailable

__all__ = ["answers", "check", "check_environ"]

TIMEOUT_S = 5.0  # s; far above a round trip, short enough to wait for
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}
_HINT = "Start the server or correct LIVEKIT_URL; without it, `agent dev` brings a local server."


def check_environ(environ: Mapping[str, str]) -> None:
    """`check` with LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.

    Raises:
        ConfigError: One of the three is missing.
    """
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        if not environ.get(name):
            raise ConfigError(
                name, "", "your LiveKit server's; without one, `agent dev` brings a local server"
            )
    check(environ["LIVEKIT_URL"], environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"])


def check(url: str, api_key: str, api_secret: str, timeout_s: float = TIMEOUT_S) -> None:
    """Returns when a LiveKit server at ``url`` takes the key.

    Raises:
        ConfigError: ``url`` is no address of a server.
        ServerUnavailable: Nothing answers there, or something that is no LiveKit server.
        RoomError: The key is refused.
    """
    from livekit import api

    token = api.AccessToken(api_key, api_secret).with_grants(api.VideoGrants(room_list=True)).to_jwt()
    request = urllib.request.Request(
        _http(url) + "/twirp/livekit.RoomService/ListRooms",
        data=b'{"names": ["-"]}',
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    try:
        status = _status(request, timeout_s)
    except (OSError, http.client.HTTPException) as error:
        raise ServerUnavailable(
            "the LiveKit server does not answer", value=f"{url}: {_reason(error)}", hint=_HINT
        ) from None
    if status in (401, 403):
        raise RoomError(
            "the LiveKit server refused the key",
            value=f"LIVEKIT_API_KEY={api_key} at {url}",
            hint="Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
        )
    if status != 200:
        raise ServerUnavailable(
            "what answers is no LiveKit server, or one in trouble", value=f"{url}: HTTP {status}", hint=_HINT
        )


def answers(url: str, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether anything at all answers HTTP at ``url``."""
    try:
        _status(urllib.request.Request(_http(url) + "/"), timeout_s)
    except (OSError, http.client.HTTPException):
        return False
    return True


def _http(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number
        known = False
    if not known:
        raise ConfigError("LIVEKIT_URL", url, "an address that begins with ws:// or wss://")
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.rstrip('/')}"


def _status(request: urllib.request.Request, timeout_s: float) -> int:
    loopback = urlsplit(request.full_url).hostname in _LOOPBACK
    without_proxy = [urllib.request.ProxyHandler({})] if loopback else []
    try:
        with urllib.request.build_opener(*without_proxy).open(request, timeout=timeout_s) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "timed out"
    if isinstance(reason, ssl.SSLError):
        return f"TLS, {reason.reason or reason}"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return str(reason) or type(error).__name__
