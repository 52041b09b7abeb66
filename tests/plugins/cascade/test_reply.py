from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit.agents import APIConnectOptions, APIError, llm

from antiphon.plugins.cascade import LocalTTS
from antiphon.plugins.cascade.reply import Reply
from tests.plugins.cascade.rig import MS_A_CHARACTER, Voice


def reply(calls: list[llm.FunctionCall] | None = None, voice: Voice | None = None) -> Reply:
    return Reply(
        LocalTTS(voice or Voice()),
        APIConnectOptions(max_retry=0),
        on_message=lambda message_id: None,
        on_call=(calls if calls is not None else []).append,
    )


async def parts(*given: str | llm.FunctionToolCall | Exception) -> AsyncIterator[str | llm.FunctionToolCall]:
    for part in given:
        if isinstance(part, Exception):
            raise part
        yield part


async def heard(event: llm.GenerationCreatedEvent) -> list[tuple[list[str], float]]:
    return [
        ([text async for text in m.text_stream], sum([frame.duration async for frame in m.audio_stream]))
        async for m in event.message_stream
    ]


async def test_words_go_out_piece_by_piece_with_their_sound() -> None:
    made = reply()
    event = made.event
    await made.run(parts("One. ", "Two and", " three."))
    (texts, seconds), *none = await heard(event)
    assert texts == ["One. ", "Two and three."]
    assert none == []
    assert seconds == pytest.approx(MS_A_CHARACTER * len("One.Two and three.") / 1000, abs=0.1)
    assert made.spoken.heard(MS_A_CHARACTER * 4 + 40) == "One."
    assert made.first_audio_s is not None


async def test_a_reply_of_calls_alone_has_no_message() -> None:
    calls: list[llm.FunctionCall] = []
    made = reply(calls)
    event = made.event
    await made.run(parts(llm.FunctionToolCall(name="look", arguments="{}", call_id="c1")))
    assert await heard(event) == []
    assert [call.call_id async for call in event.function_stream] == ["c1"]
    assert calls[0].name == "look"
    assert made.message_id is None


async def test_a_piece_without_sound_is_passed_over() -> None:
    voice = Voice()
    made = reply(voice=voice)
    event = made.event
    await made.run(parts("Well. ", "...\n", "Yes."))
    ((texts, _),) = await heard(event)
    assert "".join(texts) == "Well. ...\nYes."
    assert voice.texts == ["Well.", "Yes."]


async def test_a_fault_of_the_model_keeps_what_was_said_and_ends_the_streams() -> None:
    made = reply()
    event = made.event
    with pytest.raises(APIError):
        await made.run(parts("One. ", "Two", APIError("gone")))
    ((texts, _),) = await heard(event)
    assert texts[:1] in ([], ["One. "])


async def test_cancelled_it_ends_its_streams() -> None:
    async def endless() -> AsyncIterator[str]:
        yield "One. Two"
        await asyncio.Event().wait()

    made = reply()
    event = made.event
    running = asyncio.create_task(made.run(endless()))
    async with asyncio.timeout(5):
        message = await anext(aiter(event.message_stream))
        await anext(aiter(message.audio_stream))
        running.cancel()
        await asyncio.wait([running])
        assert [text async for text in message.text_stream] == ["One. "]
        assert [call async for call in event.function_stream] == []
