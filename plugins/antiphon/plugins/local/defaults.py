"""The local model as it comes: the best ears, brain and voice that this machine has.

``ANTIPHON_CHAT_URL`` (with ``ANTIPHON_CHAT_MODEL`` and ``ANTIPHON_CHAT_KEY``) puts a chat endpoint in
the place of the built-in brain; ``ANTIPHON_WHISPER_DIR`` and ``ANTIPHON_PIPER_VOICE`` name other
weights.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from antiphon.plugins.local.brain_builtin import BuiltinBrain
from antiphon.plugins.local.ears import WhisperEars
from antiphon.plugins.local.engines import Brain, Engines
from antiphon.plugins.local.voice import find_voice

__all__ = ["aclose", "load_engines", "warm_up"]


def load_engines(
    *,
    whisper_dir: str | Path | None = None,
    piper_voice: str | Path | None = None,
    chat_url: str | None = None,
    chat_model: str | None = None,
    chat_key: str | None = None,
) -> Engines:
    """Finds the engines; loads no weights yet.

    Args:
        whisper_dir: A Whisper model for CTranslate2.
        piper_voice: A Piper voice, ``.onnx``.
        chat_url: An OpenAI-compatible chat endpoint.
        chat_model: The model's name there.
        chat_key: Its key.

    Raises:
        ConfigError: Something named is not there, or nothing is installed.
    """
    ears = WhisperEars(whisper_dir)
    voice, voice_label = find_voice(piper_voice)
    url = chat_url or os.environ.get("ANTIPHON_CHAT_URL", "")
    if url:
        # Only then: the openai package takes half a second to import.
        from antiphon.plugins.local.brain_chat import ChatBrain

        model = chat_model or os.environ.get("ANTIPHON_CHAT_MODEL", "")
        brain: Brain = ChatBrain(url, model=model, key=chat_key or os.environ.get("ANTIPHON_CHAT_KEY", ""))
        brain_label = f"{model or 'chat model'} at {url}"
    else:
        brain, brain_label = BuiltinBrain(), "built-in demonstration brain"
    labels = {"ears": ears.weights.label, "brain": brain_label, "voice": voice_label}
    return Engines(ears, brain, voice, labels)


async def warm_up(engines: Engines) -> None:
    """Loads the weights, so that the first call need not wait (1 to 3 s)."""
    todo = [part.warm_up() for part in (engines.ears, engines.voice) if hasattr(part, "warm_up")]
    await asyncio.gather(*todo)


async def aclose(engines: Engines) -> None:
    """Ends what the engines started."""
    for part in (engines.ears, engines.brain, engines.voice):
        if hasattr(part, "aclose"):
            await part.aclose()
