"""The local engines in livekit's clothes, the real ones included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import llm, stt
from livekit.agents.types import APIConnectOptions
from numpy.typing import NDArray

from antiphon.plugins.cascade import LocalLLM, LocalSTT, local_cascade
from antiphon.plugins.cascade.local import PAUSE_S, brain_request
from antiphon.plugins.local.engines import ToolRequest
from tests.plugins.cascade.rig import Brain, Ears, speech, words

NO_RETRY = APIConnectOptions(max_retry=0)


async def transcripts(stream: stt.RecognizeStream) -> list[str]:
    async with asyncio.timeout(10):
        return [
            event.alternatives[0].text
            async for event in stream
            if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT
        ]


async def test_a_flush_ends_a_turn() -> None:
    ears = Ears(["One.", "Two.", "x"])
    async with LocalSTT(ears).stream(conn_options=NO_RETRY) as stream:
        for seconds in (0.4, 0.6):
            for frame in speech(seconds):
                stream.push_frame(frame)
            stream.flush()
        stream.end_input()
        assert await transcripts(stream) == ["One.", "Two."]
    assert [round(s, 1) for s in ears.heard_s] == [0.4, 0.6]


async def test_a_pause_is_read_on_trial_and_that_reading_stands() -> None:
    ears = Ears(["Said."])
    async with LocalSTT(ears).stream(conn_options=NO_RETRY) as stream:
        for frame in [*speech(0.5), *speech(PAUSE_S + 0.2, level=0)]:
            stream.push_frame(frame)
        stream.end_input()
        assert await transcripts(stream) == ["Said."]
    assert len(ears.heard_s) == 1
    assert ears.heard_s[0] == pytest.approx(0.5 + PAUSE_S, abs=0.03)  # before the end came


async def test_speech_after_a_pause_is_read_again_and_whole() -> None:
    ears = Ears(["Half.", "Whole."])
    async with LocalSTT(ears).stream(conn_options=NO_RETRY) as stream:
        for frame in [*speech(0.4), *speech(PAUSE_S + 0.05, level=0)]:
            stream.push_frame(frame)
        await asyncio.wait_for(ears.began.wait(), 5)  # the trial
        for frame in speech(0.4):
            stream.push_frame(frame)
        stream.end_input()
        assert await transcripts(stream) == ["Whole."]
    assert ears.heard_s[-1] > 0.9


async def test_silence_before_the_first_sound_is_not_kept() -> None:
    ears = Ears(["Hello."])
    async with LocalSTT(ears).stream(conn_options=NO_RETRY) as stream:
        for frame in [*speech(5.0, level=0), *speech(0.4)]:
            stream.push_frame(frame)
        stream.end_input()
        await transcripts(stream)
    assert ears.heard_s[0] < 1.0


async def test_a_conversation_becomes_the_protocols_items() -> None:
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="Be brief.")
    context.add_message(role="user", content="Look.")
    context.items.append(llm.FunctionCall(name="look", arguments="{}", call_id="c1"))
    context.items.append(llm.FunctionCallOutput(call_id="c1", output="it", is_error=False))
    context.add_message(role="assistant", content="I saw it.")

    @llm.function_tool
    async def look(where: str) -> str:
        """Looks somewhere."""
        return where

    request = brain_request(context, [look], {"type": "function", "function": {"name": "look"}})
    assert request.instructions == "Be brief."
    assert [item["type"] for item in request.items] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
    ]
    assert request.items[-1]["content"] == [{"type": "output_text", "text": "I saw it."}]
    assert request.tools[0]["name"] == "look"
    assert request.tools[0]["parameters"]["required"] == ["where"]
    assert request.tool_choice == {"type": "function", "name": "look"}


async def test_a_brains_words_and_calls_are_chunks() -> None:
    brain = Brain([[*words("One moment."), ToolRequest("look", "{}")]])
    answer = await LocalLLM(brain).chat(chat_ctx=llm.ChatContext.empty()).collect()
    assert answer.text == "One moment."
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("look", "{}")]


@pytest.mark.weights
async def test_the_real_ones_answer_a_spoken_question(clip: Callable[..., NDArray[np.int16]]) -> None:
    model = local_cascade()
    session = model.session()
    heard: list[Any] = []
    session.on("input_audio_transcription_completed", heard.append)
    try:
        question = clip("weather_question", 24_000)
        for at in range(0, len(question), 480):
            part = question[at : at + 480]
            session.push_audio(rtc.AudioFrame(part.tobytes(), 24_000, 1, len(part)))
        session.commit_audio()
        event = await session.generate_reply()
        text, sound = "", 0.0
        async with asyncio.timeout(60):
            async for message in event.message_stream:
                text += "".join([part async for part in message.text_stream])
                sound += sum([frame.duration async for frame in message.audio_stream])
        assert "weather" in heard[0].transcript.lower()
        assert len(text.split()) > 3
        assert 0.15 < sound / len(text.split()) < 1.2  # s a word
    finally:
        await session.aclose()
        await model.aclose()
