"""livekit's STT, LLM and TTS over the local model's ears, brain and voice: a cascade without a key.

Each takes an engine of `antiphon.plugins.local.engines`, so any that fits there fits here; `local_cascade`
finds those of this machine. They are demonstration engines.

`LocalSTT` reads a turn at its end, or better before: when the person has paused for `PAUSE_S`, it reads
what is there, and if nothing more comes that reading is the turn's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, llm, stt, tts
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given, shortuuid
from numpy.typing import NDArray

from antiphon.agents.errors import ModelError
from antiphon.agents.media.router import mixed_down
from antiphon.plugins.cascade.model import CascadeModel
from antiphon.plugins.local import defaults
from antiphon.plugins.local.engines import (
    RATE_HZ,
    Brain,
    BrainRequest,
    Ears,
    Engines,
    TextDelta,
    ToolRequest,
    Voice,
)

__all__ = ["LocalCascade", "LocalLLM", "LocalSTT", "LocalTTS", "brain_request", "local_cascade"]

PAUSE_S = 0.15  # s of quiet after which a turn is read on trial; chosen, below every end of turn
_SILENT = 58.0  # RMS of int16, -55 dBFS: below, nothing has been said yet; chosen
_FALL = 0.1  # of the turn's loudest frame, -20 dB: a pause; chosen
_PRE_ROLL_S = 0.5  # s kept before the first sound; chosen
_LONGEST_S = 60.0  # s; a turn's end is kept; chosen


class LocalCascade(CascadeModel):
    """A cascade of ears, brain and voice, which end with it.

    Args:
        engines: The three; a call of its own has its own, for they belong to one event loop.
    """

    def __init__(self, engines: Engines) -> None:
        super().__init__(stt=LocalSTT(engines.ears), llm=LocalLLM(engines.brain), tts=LocalTTS(engines.voice))
        self.engines = engines

    async def warm_up(self) -> None:
        """Loads the weights, so that the first turn need not wait (1 to 3 s)."""
        await defaults.warm_up(self.engines)

    async def aclose(self) -> None:
        """Ends the engines."""
        await defaults.aclose(self.engines)


def local_cascade(engines: Engines | None = None) -> LocalCascade:
    """A cascade of this machine's ears, brain and voice, without a key. Close it with the call.

    Args:
        engines: Those to use; found as `antiphon.plugins.local.defaults.load_engines` does when not given.

    Raises:
        ConfigError: An engine is not installed.
    """
    return LocalCascade(engines if engines is not None else defaults.load_engines())


class LocalSTT(stt.STT[Any]):
    """Ears as a recogniser.

    Args:
        ears: Reads a stretch of audio.
    """

    def __init__(self, ears: Ears) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(streaming=True, interim_results=False, manual_flush=True)
        )
        self.ears = ears

    @property
    def model(self) -> str:
        """Its label."""
        return "local-ears"

    @property
    def provider(self) -> str:
        """Ours."""
        return "antiphon"

    async def read(self, samples: NDArray[np.int16], language: NotGivenOr[str]) -> str:
        """The words in int16 mono at 24 kHz.

        Raises:
            livekit.agents.APIError: The ears failed.
        """
        try:
            heard = await self.ears.hear(samples, language=language if is_given(language) else None)
        except ModelError as error:
            raise _as_api_error(error) from error
        return heard.text.strip()

    async def _recognize_impl(
        self, buffer: Any, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        frames = buffer if isinstance(buffer, list) else [buffer]
        samples = np.concatenate([_samples(frame) for frame in _at_rate(frames)] or [np.zeros(0, np.int16)])
        return _event(await self.read(samples, language), language)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        """Reads what came before each `flush`."""
        return _Listening(self, language, conn_options)


class _Listening(stt.RecognizeStream):
    def __init__(self, owner: LocalSTT, language: NotGivenOr[str], conn_options: APIConnectOptions) -> None:
        super().__init__(stt=owner, conn_options=conn_options, sample_rate=RATE_HZ)
        self._owner = owner
        self._language = language
        self._reset()

    def _reset(self) -> None:
        self._held: list[NDArray[np.int16]] = []
        self._held_samples = 0
        self._loudest = 0.0
        self._quiet_s = 0.0
        self._trial: asyncio.Task[str] | None = None

    async def _run(self) -> None:
        try:
            async for item in self._input_ch:
                if isinstance(item, rtc.AudioFrame):
                    self._hold(_samples(item))
                else:
                    await self._conclude()
        finally:
            self._drop_trial()

    def _hold(self, samples: NDArray[np.int16]) -> None:
        level = float(np.sqrt(np.mean(samples.astype(np.float32) ** 2))) if len(samples) else 0.0
        self._held.append(samples)
        self._held_samples += len(samples)
        self._loudest = max(self._loudest, level)
        longest = _LONGEST_S if self._loudest > _SILENT else _PRE_ROLL_S
        while self._held_samples - len(self._held[0]) > longest * RATE_HZ:
            self._held_samples -= len(self._held.pop(0))
        if level > max(_SILENT, _FALL * self._loudest):
            self._quiet_s = 0.0
            self._drop_trial()
            return
        self._quiet_s += len(samples) / RATE_HZ
        if self._trial is None and self._quiet_s >= PAUSE_S and self._loudest > _SILENT:
            self._trial = asyncio.create_task(
                self._owner.read(np.concatenate(self._held), self._language), name="antiphon-local-read"
            )

    async def _conclude(self) -> None:
        trial, seconds = self._trial, self._held_samples / RATE_HZ
        if not self._held:
            return
        words = await (trial or self._owner.read(np.concatenate(self._held), self._language))
        self._reset()
        event = _event(words, self._language)
        usage = stt.RecognitionUsage(audio_duration=seconds)
        if words:
            self._event_ch.send_nowait(event)
        self._event_ch.send_nowait(
            stt.SpeechEvent(
                type=stt.SpeechEventType.RECOGNITION_USAGE,
                request_id=event.request_id,
                recognition_usage=usage,
            )
        )

    def _drop_trial(self) -> None:
        trial, self._trial = self._trial, None
        if trial is None:
            return
        if trial.done() and not trial.cancelled():
            trial.exception()  # taken: what failed on trial is read again at the turn's end
        trial.cancel()


class LocalLLM(llm.LLM[Any]):
    """A brain as a language model.

    Args:
        brain: Thinks; a chat endpoint is `antiphon.plugins.local.brain_chat.ChatBrain`.
    """

    def __init__(self, brain: Brain) -> None:
        super().__init__()
        self.brain = brain

    @property
    def model(self) -> str:
        """Its label."""
        return "local-brain"

    @property
    def provider(self) -> str:
        """Ours."""
        return "antiphon"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        """Streams one answer."""
        choice = tool_choice if is_given(tool_choice) else "auto"
        return _Thinking(self, chat_ctx, tools or [], conn_options, choice)


class _Thinking(llm.LLMStream):
    def __init__(
        self,
        owner: LocalLLM,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
        choice: llm.ToolChoice,
    ) -> None:
        super().__init__(owner, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._brain = owner.brain
        self._request = brain_request(chat_ctx, tools, choice)

    async def _run(self) -> None:
        name = shortuuid("chat_")
        thoughts = self._brain.reply(self._request)
        try:
            async for thought in thoughts:
                delta = llm.ChoiceDelta(role="assistant")
                if isinstance(thought, TextDelta):
                    delta.content = thought.text
                elif isinstance(thought, ToolRequest):
                    call = llm.FunctionToolCall(
                        name=thought.name, arguments=thought.arguments, call_id=shortuuid("call_")
                    )
                    delta.tool_calls = [call]
                else:
                    continue
                self._event_ch.send_nowait(llm.ChatChunk(id=name, delta=delta))
        except ModelError as error:
            raise _as_api_error(error) from error
        finally:
            await thoughts.aclose()


class LocalTTS(tts.TTS[Any]):
    """A voice as a synthesiser, int16 mono at 24 kHz.

    Args:
        voice: Speaks.
        name: Of the voice, where it has several.
    """

    def __init__(self, voice: Voice, *, name: str | None = None) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE_HZ, num_channels=1
        )
        self.voice = voice
        self.name = name

    @property
    def model(self) -> str:
        """Its label."""
        return "local-voice"

    @property
    def provider(self) -> str:
        """Ours."""
        return "antiphon"

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speaks the text."""
        return _Speaking(tts=self, input_text=text, conn_options=conn_options)


class _Speaking(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        owner = self._tts
        assert isinstance(owner, LocalTTS)
        output_emitter.initialize(
            request_id=shortuuid("tts_"), sample_rate=RATE_HZ, num_channels=1, mime_type="audio/pcm"
        )
        sound = owner.voice.speak(self._input_text, voice=owner.name)
        try:
            async for samples in sound:
                output_emitter.push(samples.tobytes())
        except ModelError as error:
            raise _as_api_error(error) from error
        finally:
            await sound.aclose()
        output_emitter.flush()


def brain_request(
    chat_ctx: llm.ChatContext, tools: list[llm.Tool], choice: llm.ToolChoice | str
) -> BrainRequest:
    """A conversation in livekit's form as a brain reads it: the protocol's items."""
    instructions = ""
    items: list[dict[str, Any]] = []
    for item in chat_ctx.items:
        if item.type == "function_call":
            call = {"name": item.name, "arguments": item.arguments, "call_id": item.call_id}
            items.append({"type": "function_call", "id": item.id, **call})
        elif item.type == "function_call_output":
            items.append(
                {
                    "type": "function_call_output",
                    "id": item.id,
                    "call_id": item.call_id,
                    "output": item.output,
                }
            )
        elif item.type == "message":
            role = "system" if item.role == "developer" else item.role
            text = item.text_content or ""
            if role == "system" and not items and not instructions:
                instructions = text
                continue
            kind = "output_text" if role == "assistant" else "input_text"
            content = [{"type": kind, "text": text}] if text else []
            items.append({"type": "message", "id": item.id, "role": role, "content": content})
    wanted: str | Mapping[str, Any] = choice
    if isinstance(choice, dict):
        wanted = {"type": "function", "name": choice["function"]["name"]}
    return BrainRequest(instructions=instructions, items=items, tools=_schemas(tools), tool_choice=wanted)


def _schemas(tools: list[llm.Tool]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for tool in tools:
        if isinstance(tool, llm.FunctionTool):
            made.append(llm.utils.build_legacy_openai_schema(tool, internally_tagged=True))
        elif isinstance(tool, llm.RawFunctionTool):
            made.append({**tool.info.raw_schema, "type": "function"})
    return made


def _as_api_error(error: ModelError) -> APIError:
    """A model's error as livekit's plugins have it; ``retryable`` is kept."""
    if error.retryable:
        return APIConnectionError(str(error))
    return APIError(str(error), retryable=False)


def _event(words: str, language: NotGivenOr[str]) -> stt.SpeechEvent:
    code = LanguageCode(language if is_given(language) else "en")
    return stt.SpeechEvent(
        type=stt.SpeechEventType.FINAL_TRANSCRIPT,
        request_id=shortuuid("stt_"),
        alternatives=[stt.SpeechData(language=code, text=words)],
    )


def _samples(frame: rtc.AudioFrame) -> NDArray[np.int16]:
    made: NDArray[np.int16] = mixed_down(np.frombuffer(bytes(frame.data), dtype=np.int16), frame.num_channels)
    return made


def _at_rate(frames: list[rtc.AudioFrame]) -> list[rtc.AudioFrame]:
    """The frames at 24 kHz."""
    if not frames or frames[0].sample_rate == RATE_HZ:
        return frames
    resampler = rtc.AudioResampler(frames[0].sample_rate, RATE_HZ, num_channels=frames[0].num_channels)
    return [out for frame in frames for out in resampler.push(frame)] + resampler.flush()
