"""The STT-LLM-TTS cascade in place of a realtime model, and background audio beside the agent."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import BackgroundAudioPlayer, llm, stt, tts
from livekit.agents.utils import shortuuid
from numpy.typing import NDArray

from antiphon.agents import TurnTaking
from antiphon.agents import timeline as tl
from antiphon.plugins.local.testing import Say, tone

pytestmark = pytest.mark.sfu
OPTIONS = {"streaming": True, "interim_results": False}


class Recogniser(stt.STT):
    """Writes "heard something" after each loud stretch that ends in 300 ms of quiet."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(**OPTIONS))

    async def _recognize_impl(self, *_: Any, **__: Any) -> stt.SpeechEvent:
        raise AssertionError("only streams are used")

    def stream(self, *, language: Any = None, conn_options: Any = None) -> stt.RecognizeStream:
        return _Recognising(stt=self, conn_options=conn_options)


class _Recognising(stt.RecognizeStream):
    async def _run(self) -> None:
        loud, quiet_s = False, 0.0
        async for item in self._input_ch:
            if not isinstance(item, rtc.AudioFrame):
                continue
            samples = np.frombuffer(bytes(item.data), dtype=np.int16)
            if np.abs(samples).max(initial=0) > 800:
                loud, quiet_s = True, 0.0
                continue
            quiet_s += item.duration
            if loud and quiet_s > 0.3:
                loud = False
                data = [stt.SpeechData(language="en", text="heard something")]  # type: ignore[arg-type]
                self._event_ch.send_nowait(
                    stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=data)
                )


class Thinker(llm.LLM):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def chat(self, *, chat_ctx: Any, tools: Any = None, conn_options: Any = None, **_: Any) -> Any:
        self.seen.append(str(chat_ctx.items[-1].text_content))
        return _Thinking(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Thinking(llm.LLMStream):
    async def _run(self) -> None:
        for word in ("This ", "is ", "the ", "cascade."):
            delta = llm.ChoiceDelta(role="assistant", content=word)
            self._event_ch.send_nowait(llm.ChatChunk(id="c1", delta=delta))


class Speaker(tts.TTS):
    def __init__(self) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False), sample_rate=16_000, num_channels=1
        )

    def synthesize(self, text: str, *, conn_options: Any = None) -> tts.ChunkedStream:
        return _Speaking(tts=self, input_text=text, conn_options=conn_options)


class _Speaking(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=shortuuid(), sample_rate=16_000, num_channels=1, mime_type="audio/pcm"
        )
        output_emitter.push(tone(6.0)[: 16_000 * 4].tobytes())
        output_emitter.flush()


async def test_the_cascade_answers_and_is_interrupted_by_the_same_floor(
    open_call: Any, question: NDArray[np.int16], interruption: NDArray[np.int16]
) -> None:
    thinker = Thinker()
    options = {"llm": thinker, "stt": Recogniser(), "tts": Speaker()}
    async with open_call(session_options=options) as call:
        await call.asked(question)
        assert thinker.seen == ["heard something"]
        await asyncio.sleep(1.0)
        await call.caller.play(interruption)
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Yield)))
        assert await call.until(lambda: len(thinker.seen) == 2)
        history = [i for i in call.session.history.items if i.type == "message"]
        assert any(item.interrupted for item in history)
        commit = call.session.timeline.of(tl.Commit)[0]
        options = call.session.turn_taking
        waited = commit.at - commit.speech_ended_at
        assert options.endpoint_floor_s - 0.05 <= waited <= options.endpoint_ceiling_s + 0.1


async def test_with_a_key_the_recogniser_hears_what_was_pressed_for_and_nothing_else(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    thinker = Thinker()
    options = {"llm": thinker, "stt": Recogniser(), "tts": Speaker()}
    async with open_call(turn_taking=TurnTaking(push_to_talk=True), session_options=options) as call:
        heard: list[Any] = []
        call.session.on("user_input_transcribed", heard.append)
        await call.caller.play(question)
        await asyncio.sleep(1.0)
        assert heard == []  # the key is up
        await call.caller.say(question)
        assert await call.until(lambda: thinker.seen == ["heard something"])
        assert await call.until(lambda: call.caller.states[-1][1] == "speaking")


async def test_background_audio_plays_beside_the_agent(open_call: Any, question: NDArray[np.int16]) -> None:
    async def hum() -> Any:
        while True:
            yield rtc.AudioFrame(tone(0.1, 200.0)[::1].tobytes(), 24_000, 1, 2400)
            await asyncio.sleep(0.05)

    player = BackgroundAudioPlayer()
    async with open_call([Say("I am here.")]) as call:
        await player.start(room=call.room, agent_session=call.session)
        playing = player.play(hum())
        await call.asked(question)
        tracks = call.caller.agent.track_publications
        assert await call.until(lambda: len(tracks) == 2)
        playing.stop()
        await player.aclose()
