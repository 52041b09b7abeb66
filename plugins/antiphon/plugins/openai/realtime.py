"""`realtime()`: the WebSocket Realtime model of livekit-plugins-openai, with explicit settings.

Why each is explicit: livekit-plugins-openai 1.8.9 defaults to ``gpt-realtime`` (shut down 2027-01-20)
and ``gpt-4o-mini-transcribe`` (2027-02-26), to server-side turn detection, and to a fresh connection
every 20 minutes, which cuts a person in mid-utterance.
"""

from __future__ import annotations

import os
from typing import Any, Literal

from livekit.agents import NOT_GIVEN, APIConnectOptions
from livekit.plugins.openai.realtime import RealtimeModel

from antiphon.agents.errors import ConfigError
from openai.types.realtime import AudioTranscription

__all__ = ["DEFAULT_MODEL", "DEFAULT_TRANSCRIPTION", "DEFAULT_VOICE", "realtime"]

DEFAULT_MODEL = "gpt-realtime-2.1"
DEFAULT_TRANSCRIPTION = "gpt-realtime-whisper"
DEFAULT_VOICE = "marin"
_CONNECT = APIConnectOptions(max_retry=3, retry_interval=1.0, timeout=10.0)


def realtime(
    *,
    model: str = DEFAULT_MODEL,
    voice: str = DEFAULT_VOICE,
    transcription: str | None = DEFAULT_TRANSCRIPTION,
    language: str | None = None,
    noise_reduction: Literal["near_field", "far_field"] | None = "near_field",
    speed: float = 1.0,
    api_key: str | None = None,
    base_url: str | None = None,
    **options: Any,
) -> RealtimeModel:
    """An OpenAI Realtime model for a `VoiceSession`, over WebSocket.

    Turn detection is off at the model: the session decides (``create_response`` would answer coughs).

    Args:
        model: The model's name; it cannot change during a session.
        voice: The voice's name; it cannot change once the model has spoken.
        transcription: Model that writes down what the person says; None for no transcript.
        language: What the person speaks, ISO 639-1, e.g. ``en``; helps the transcription.
        noise_reduction: Kind of microphone, for the model's own noise reduction; None for none.
        speed: Of the voice, 0.25 to 1.5.
        api_key: Else the environment's OPENAI_API_KEY.
        base_url: Else the environment's OPENAI_BASE_URL, else OpenAI's. Any server of the protocol.
        options: Further arguments of `livekit.plugins.openai.realtime.RealtimeModel`.

    Raises:
        ConfigError: There is no key, or the speed is out of range.
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
    heard = (
        None
        if transcription is None
        else AudioTranscription.model_validate(
            {"model": transcription, **({"language": language} if language else {})}
        )
    )
    settings: dict[str, Any] = {
        "turn_detection": None,
        "max_session_duration": None,
        "conn_options": _CONNECT,
        **options,
    }
    return RealtimeModel(
        model=model,
        voice=voice,
        input_audio_transcription=heard,
        input_audio_noise_reduction=noise_reduction,
        speed=speed,
        api_key=key,
        base_url=base_url or NOT_GIVEN,
        **settings,
    )
