"""OpenAI Realtime over WebRTC: livekit-agents' own model and session, over a call instead of a socket.

What the session does with events, chat context and tools is livekit's code, unchanged; only the way to
the server is another (`call`). It relies on four private things of livekit-agents 1.8.9, which
``tests/plugins/openai/test_livekit_contract.py`` pins: `_create_ws_conn` makes what `_run_ws` uses, that
uses nothing but ``send_str``, ``receive`` and ``close``, `_bstream` cuts what is appended, and
`_create_session_update_event` has the session's settings.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal
from urllib.parse import urlsplit

from livekit.agents import APIConnectOptions, utils
from livekit.agents.llm._realtime.openai import NUM_CHANNELS, SAMPLE_RATE
from livekit.plugins.openai.realtime import RealtimeModel
from pydantic import BaseModel

from antiphon.agents.errors import ConfigError
from antiphon.plugins.openai.call import Call, CallOptions
from antiphon.plugins.openai.peer import PeerEvents, PeerKind, PeerTransport, make_peer, peer_thread
from antiphon.plugins.openai.signalling import Answer, post_offer
from antiphon.plugins.openai.uplink import FRAME
from antiphon.plugins.openai.websocket import WebSocketSession

__all__ = ["Form", "WebRtcModel", "WebRtcSession", "webrtc_model"]

Form = Literal["auto", "multipart", "sdp"]
_PACKAGES = {"aiortc": ("aiortc", "webrtc"), "wrtc": ("webrtc", "wrtc")}  # by peer: package, extra
_CONNECT = APIConnectOptions(max_retry=3, retry_interval=1.0, timeout=10.0)


class WebRtcModel(RealtimeModel):
    """`livekit.plugins.openai.realtime.RealtimeModel` over WebRTC. Make it with `webrtc_model`."""

    def __init__(
        self,
        *,
        peer: PeerKind = "aiortc",
        form: Form = "auto",
        ice_servers: Sequence[str] = (),
        grace_s: float = 5.0,
        flight_s: float = 0.06,
        catch_up: float = 1.0,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.peer = peer
        self.form = form
        self.ice_servers = tuple(ice_servers)
        self.grace_s = grace_s
        self.flight_s = flight_s
        self.catch_up = catch_up

    def session(self, *, turn_detection_disabled: bool = False) -> WebRtcSession:
        """As livekit's, over a call of its own."""
        session = WebRtcSession(self, turn_detection_disabled=turn_detection_disabled)
        self._sessions.add(session)
        return session


class WebRtcSession(WebSocketSession):
    """`WebSocketSession`, over a call."""

    _realtime_model: WebRtcModel

    def __init__(self, realtime_model: WebRtcModel, *, turn_detection_disabled: bool = False) -> None:
        super().__init__(realtime_model, turn_detection_disabled=turn_detection_disabled)
        # livekit appends 100 ms at a time; the track takes what there is, or a turn would end later.
        self._bstream = utils.audio.AudioByteStream(SAMPLE_RATE, NUM_CHANNELS, samples_per_channel=FRAME)
        self.call: Call | None = None
        """The call at hand."""

    async def _create_ws_conn(self) -> Any:
        model, options = self._realtime_model, self._opts
        _, headers = self._create_ws_url_and_headers()
        started = time.perf_counter()

        def make(events: PeerEvents) -> PeerTransport:
            return make_peer(model.peer, events, model.ice_servers, loopback=_is_here(options.base_url))

        async def post(offer: str) -> Answer:
            return await post_offer(
                model._ensure_http_session(),
                base_url=options.base_url,
                model=options.model,
                headers=headers,
                offer=offer,
                session=self._settings() if self._multipart() else None,
                timeout_s=options.conn_options.timeout,
            )

        self.call = await Call.open(
            peer_thread(),
            make,
            CallOptions(
                grace_s=model.grace_s,
                flight_s=model.flight_s,
                catch_up=model.catch_up,
                server_turns=options.turn_detection is not None,
            ),
            post=post,
            timeout_s=options.conn_options.timeout,
        )
        self._report_connection_acquired(time.perf_counter() - started)
        return self.call

    def _multipart(self) -> bool:
        form = self._realtime_model.form
        return form == "multipart" or (form == "auto" and not str(self._opts.api_key or "").startswith("ek_"))

    def _settings(self) -> dict[str, Any]:
        event = self._create_session_update_event()
        if isinstance(event, BaseModel):
            event = event.model_dump(by_alias=True, exclude_unset=True, exclude_defaults=False)
        settings: dict[str, Any] = event["session"]
        return settings


def _is_here(url: str) -> bool:
    """Whether an address is this machine's."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def webrtc_model(
    *,
    peer: PeerKind = "aiortc",
    form: Form = "auto",
    ice_servers: Sequence[str] = (),
    grace_s: float = 5.0,
    flight_s: float = 0.06,
    catch_up: float = 1.0,
    **settings: Any,
) -> WebRtcModel:
    """A Realtime model over WebRTC, for a `VoiceSession` or an `AgentSession`.

    Args:
        peer: Which library brings the peer: ``aiortc`` (extra ``webrtc``), or ``wrtc``, libwebrtc with its
            own jitter buffer (extra ``wrtc``).
        form: How the call is asked for: with the session's settings (``multipart``), the offer alone
            (``sdp``), or the second for an ephemeral key and else the first (``auto``).
        ice_servers: STUN servers, ``stun:host:port``; OpenAI's needs none.
        grace_s: How long a lost path may take to come back before the session connects anew, s.
        flight_s: How much later than its last packet a commit leaves, s.
        catch_up: How fast audio that was kept back (a pre-roll, a turn said while the call was made) goes
            out, times real time. More than 1 only for servers that take it as it comes, as the local one.
        settings: Arguments of `livekit.plugins.openai.realtime.RealtimeModel`. Unless given, turn
            detection is off and a connection is not made anew by itself.

    Raises:
        ConfigError: An option has a value it cannot have, or the peer's package is not installed.
    """
    if peer not in ("aiortc", "wrtc"):
        raise ConfigError("realtime(peer)", peer, "aiortc or wrtc")
    package, extra = _PACKAGES[peer]
    if find_spec(package) is None:
        raise ConfigError("realtime(peer)", peer, f"what is installed: run `pip install 'antiphon[{extra}]'`")
    if form not in ("auto", "multipart", "sdp"):
        raise ConfigError("realtime(form)", form, "auto, multipart or sdp")
    if not 0 < grace_s <= 60:
        raise ConfigError("realtime(grace_s)", grace_s, "more than 0, up to 60 s")
    if not 0 <= flight_s <= 1:
        raise ConfigError("realtime(flight_s)", flight_s, "0 to 1 s")
    if not 1 <= catch_up <= 10:
        raise ConfigError("realtime(catch_up)", catch_up, "1 to 10 times real time")
    for name in ("azure_deployment", "entra_token", "api_version"):
        if settings.get(name):
            raise ConfigError(f"realtime({name})", settings[name], 'not given with transport="webrtc"')
    defaults = {"turn_detection": None, "max_session_duration": None, "conn_options": _CONNECT}
    return WebRtcModel(
        peer=peer,
        form=form,
        ice_servers=ice_servers,
        grace_s=grace_s,
        flight_s=flight_s,
        catch_up=catch_up,
        **{**defaults, **settings},
    )
