"""`CascadeModel`: a recogniser, a language model and a voice as one `llm.RealtimeModel`.

So a cascade runs under the same session and the same floor as a speech-to-speech model, and can stand
last in a list of models to fail over to. The parts are any livekit plugins. Turn taking is the session's
(`capabilities.turn_detection` is False): audio comes as turns, and a turn's end is told.
"""

from __future__ import annotations

from typing import Any

from livekit.agents import APIConnectOptions, llm, stt, tts
from livekit.agents.types import NOT_GIVEN, NotGivenOr

from antiphon.agents.errors import ConfigError
from antiphon.plugins.cascade.session import CascadeSession

__all__ = ["CascadeModel"]

CONNECT = APIConnectOptions(max_retry=1, retry_interval=0.5, timeout=10.0)  # a person waits; chosen


class CascadeModel(llm.RealtimeModel):
    """STT-LLM-TTS as a realtime model.

    Args:
        stt: Writes down what the person says. One that streams hears a turn while it is spoken.
        llm: Thinks.
        tts: Speaks, a sentence at a time.
        language: What the person speaks, as the recogniser wants it named.
        conn_options: Retries and timeout of the parts' requests.
        finish_s: How long a streaming recogniser may take for the rest once a turn is over, s; one that has
            written nothing yet has the requests' timeout.

    Raises:
        ConfigError: A part is none of its kind.
    """

    def __init__(
        self,
        *,
        stt: stt.STT[Any],
        llm: llm.LLM[Any],
        tts: tts.TTS[Any],
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = CONNECT,
        finish_s: float = 3.0,
    ) -> None:
        _check("stt", stt, "STT", _STT)
        _check("llm", llm, "LLM", _LLM)
        _check("tts", tts, "TTS", _TTS)
        super().__init__(capabilities=_capabilities())
        self.stt = stt
        self.llm = llm
        self.tts = tts
        self.language = language
        self.conn_options = conn_options
        self.finish_s = finish_s

    @property
    def model(self) -> str:
        """The language model's name."""
        return self.llm.model

    @property
    def provider(self) -> str:
        """The language model's provider."""
        return self.llm.provider

    def session(self, *, turn_detection_disabled: bool = False) -> CascadeSession:
        """Opens a session."""
        return CascadeSession(self)

    async def aclose(self) -> None:
        """Closes nothing: the parts are the caller's."""


_STT, _LLM, _TTS = stt.STT, llm.LLM, tts.TTS


def _capabilities() -> llm.RealtimeCapabilities:
    return llm.RealtimeCapabilities(
        message_truncation=True,
        turn_detection=False,
        user_transcription=True,
        auto_tool_reply_generation=False,
        audio_output=True,
        manual_function_calls=True,
        can_disable_turn_detection=True,
        mutable_chat_context=True,
        mutable_instructions=True,
        mutable_tools=True,
        per_response_tool_choice=True,
        supports_say=True,
    )


def _check(name: str, given: object, kind: str, wanted: type[Any]) -> None:
    if not isinstance(given, wanted):
        raise ConfigError(f"CascadeModel({name})", given, f"a livekit.agents {kind}")
