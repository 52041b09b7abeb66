"""What OpenAI's Realtime API offered when this was written: models, voices, models that transcribe.

Sources, read on `AS_OF`: the types of the ``openai`` package 3.54.0 and OpenAI's list of deprecations.
Only OpenAI's own address is held to these lists; another server has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlparse

from antiphon.agents.errors import ConfigError

__all__ = [
    "AS_OF",
    "MODELS",
    "SHUT_DOWN",
    "TRANSCRIPTION_MODELS",
    "VOICES",
    "check_model",
    "check_transcription",
    "check_voice",
    "is_openai",
]

AS_OF = "2026-11-22"
MODELS = (
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
    "gpt-realtime-2",
    "gpt-realtime-1.5",
    "gpt-realtime",
    "gpt-realtime-2025-08-28",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-10-06",
    "gpt-realtime-mini-2025-12-15",
)
VOICES = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse")
TRANSCRIPTION_MODELS = (
    "gpt-realtime-whisper",
    "gpt-live-transcribe",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
    "whisper-1",
)
SHUT_DOWN = {
    "gpt-realtime": "2027-01-20",
    "gpt-realtime-2025-08-28": "2027-01-20",
    "gpt-realtime-mini": "2027-01-20",
    "whisper-1": "2027-02-26",
    "gpt-4o-transcribe": "2027-02-26",
    "gpt-4o-mini-transcribe": "2027-02-26",
    "gpt-4o-mini-transcribe-2025-12-15": "2027-02-26",
    "gpt-4o-transcribe-diarize": "2027-02-26",
}
"""When OpenAI turns a model off, as announced."""
_CUSTOM_VOICE = "voice_"  # how the ids of a customer's own voices begin
_FINE_TUNED = "ft:"


def is_openai(base_url: str) -> bool:
    """Whether the address is OpenAI's own, regional ones included."""
    host = urlparse(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def check_model(name: str) -> None:
    """Refuses a model that OpenAI has not.

    Raises:
        ConfigError: With the list.
    """
    if name not in MODELS and not name.startswith(_FINE_TUNED):
        raise ConfigError("realtime(model)", name, _listed("models", MODELS))


def check_voice(name: str) -> None:
    """Refuses a voice that OpenAI has not; a customer's own are named by id, ``voice_…``.

    Raises:
        ConfigError: With the list.
    """
    if name not in VOICES and not name.startswith(_CUSTOM_VOICE):
        raise ConfigError("realtime(voice)", name, _listed("voices", VOICES))


def check_transcription(name: str) -> None:
    """Refuses a model that OpenAI cannot transcribe with.

    Raises:
        ConfigError: With the list.
    """
    if name not in TRANSCRIPTION_MODELS:
        raise ConfigError("realtime(transcription)", name, _listed("models", TRANSCRIPTION_MODELS))


def _listed(what: str, names: Sequence[str]) -> str:
    return f"OpenAI's {what} as of {AS_OF}: {', '.join(names)}"
