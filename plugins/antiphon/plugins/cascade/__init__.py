"""STT-LLM-TTS under the same session and floor as a realtime model, and as one.

`CascadeModel` takes any livekit plugins; `local_cascade` brings parts that need no key.
"""

from antiphon.plugins.cascade.local import LocalCascade, LocalLLM, LocalSTT, LocalTTS, local_cascade
from antiphon.plugins.cascade.model import CascadeModel

__all__ = ["CascadeModel", "LocalCascade", "LocalLLM", "LocalSTT", "LocalTTS", "local_cascade"]
