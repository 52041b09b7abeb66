"""`realtime()`: an OpenAI Realtime model, with explicit settings.

Why each is explicit: livekit-plugins-openai 1.8.9 defaults to ``gpt-realtime`` (shut down 2027-01-20)
and ``gpt-4o-mini-transcribe`` (2027-02-26), to server-side turn detection, and to a fresh connection
every 20 minutes, which cuts a person in mid-utterance.

Names are checked against `catalogue` for OpenAI's own address; any other server may have others, and one
it does not know is refused by it at the first connection, with its list (`websocket`).
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any, Literal

from livekit.agents import NOT_GIVEN, APIConnectOptions, llm

from antiphon.agents.errors import ConfigError
from antiphon.agents.logs import get_logger
from antiphon.plugins.openai import catalogue
from antiphon.plugins.openai.websocket import WebSocketModel
from openai.types.realtime import AudioTranscription

__all__ = ["DEFAULT_MODEL", "DEFAULT_TRANSCRIPTION", "DEFAULT_VOICE", "OPENAI_URL", "realtime"]

log = get_logger(__name__)

DEFAULT_MODEL = "gpt-realtime-2.1"
DEFAULT_TRANSCRIPTION = "gpt-realtime-whisper"
DEFAULT_VOICE = "marin"
OPENAI_URL = "https://api.openai.com/v1"
_CONNECT = APIConnectOptions(max_retry=3, retry_interval=1.0, timeout=10.0)
_PEERS = {"webrtc": "aiortc", "wrtc": "wrtc"}  # an extra, and the package that it brings


def realtime(
    *,
    model: str = DEFAULT_MODEL,
    voice: str = DEFAULT_VOICE,
    transcription: str | None = DEFAULT_TRANSCRIPTION,
    language: str | None = None,
    noise_reduction: Literal["near_field", "far_field"] | None = "near_field",
    speed: float = 1.0,
    transport: Literal["websocket", "webrtc"] = "websocket",
    api_key: str | None = None,
    base_url: str | None = None,
    **options: Any,
) -> llm.RealtimeModel:
    """An OpenAI Realtime model for a `VoiceSession`.

    Turn detection is off at the model: the session decides (``create_response`` would answer coughs).

    Args:
        model: The model's name; it cannot change during a session.
        voice: The voice's name, or the id of one of your own; it cannot change once the model has spoken.
        transcription: Model that writes down what the person says; None for no transcript.
        language: What the person speaks, ISO 639-1, e.g. ``en``; helps the transcription.
        noise_reduction: Kind of microphone, for the model's own noise reduction; None for none.
        speed: Of the voice, 0.25 to 1.5.
        transport: How audio gets to the model: a WebSocket, or WebRTC (the extra ``webrtc``), which loses
            less time on a lossy line.
        api_key: Else the environment's OPENAI_API_KEY.
        base_url: Else the environment's OPENAI_BASE_URL, else OpenAI's. Any server of the protocol.
        options: Further arguments of `livekit.plugins.openai.realtime.RealtimeModel`, and over WebRTC those
            of `webrtc.webrtc_model`.

    Returns:
        A model whose sessions connect by themselves. What the server refuses (key, quota, model) is an
        ``error`` event of the session that says so and is not retried.

    Raises:
        ConfigError: There is no key, or a name or number is none of those allowed; with the list. Or the
            transport's packages are not installed.
    """
    key = api_key or os.environ.get("OPENAI_API_KEY")
    if not key:
        raise ConfigError(
            "OPENAI_API_KEY",
            key or "",
            "a key in the environment or as api_key=; without one, `agent dev` brings a local model",
        )
    if not 0.25 <= speed <= 1.5:
        raise ConfigError("realtime(speed)", speed, "0.25 to 1.5")
    if noise_reduction not in (None, "near_field", "far_field"):
        raise ConfigError("realtime(noise_reduction)", noise_reduction, "near_field, far_field, None")
    url = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    if catalogue.is_openai(url):
        catalogue.check_model(model)
        catalogue.check_voice(voice)
        if transcription is not None:
            catalogue.check_transcription(transcription)
        for name in (model, transcription):
            if name in catalogue.SHUT_DOWN:
                log.warning("OpenAI turns this model off", model=name, on=catalogue.SHUT_DOWN[name])
    heard = (
        None
        if transcription is None
        else AudioTranscription.model_validate(
            {"model": transcription, **({"language": language} if language else {})}
        )
    )
    settings: dict[str, Any] = {
        "model": model,
        "voice": voice,
        "input_audio_transcription": heard,
        "input_audio_noise_reduction": noise_reduction,
        "speed": speed,
        "api_key": key,
        "base_url": base_url or NOT_GIVEN,
    }
    settings |= {"turn_detection": None, "max_session_duration": None, "conn_options": _CONNECT, **options}
    if transport == "webrtc":
        return _over_webrtc(settings)
    if transport != "websocket":
        raise ConfigError("realtime(transport)", transport, "websocket, webrtc")
    return WebSocketModel(**settings)


def _over_webrtc(settings: dict[str, Any]) -> llm.RealtimeModel:
    """The same model over WebRTC."""
    extra = "wrtc" if settings.get("peer") == "wrtc" else "webrtc"
    if find_spec(_PEERS[extra]) is None:
        raise ConfigError(
            "realtime(transport)", "webrtc", f'websocket; for WebRTC: pip install "antiphon[{extra}]"'
        )
    from antiphon.plugins.openai.webrtc import webrtc_model  # what it needs is in an extra

    return webrtc_model(**settings)
