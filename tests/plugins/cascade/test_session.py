from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.agents import llm
from livekit.agents.metrics import LLMMetrics, RealtimeModelMetrics, TTSMetrics

from antiphon.agents.errors import ModelRefused, ModelUnavailable
from antiphon.plugins.cascade import CascadeModel
from antiphon.plugins.cascade.session import CascadeSession
from antiphon.plugins.local.engines import TextDelta, ToolRequest
from tests.plugins.cascade.rig import Brain, Ears, Voice, cascade, speech, words


@asynccontextmanager
async def opened(model: CascadeModel) -> AsyncIterator[CascadeSession]:
    session = model.session()
    try:
        yield session
    finally:
        await session.aclose()


def say(session: CascadeSession, seconds: float = 1.0) -> None:
    for frame in speech(seconds):
        session.push_audio(frame)
    session.commit_audio()


async def read(event: llm.GenerationCreatedEvent) -> tuple[list[str], float, list[llm.FunctionCall]]:
    """(each message's words, seconds of sound, calls) of a whole generation."""
    texts: list[str] = []
    seconds = 0.0
    async with asyncio.timeout(5):
        async for message in event.message_stream:
            texts.append("".join([part async for part in message.text_stream]))
            seconds += sum([frame.duration async for frame in message.audio_stream])
        calls = [call async for call in event.function_stream]
    return texts, seconds, calls


def conversation(session: CascadeSession) -> list[tuple[str, str]]:
    return [(item.role, item.text_content or "") for item in session.chat_ctx.items if item.type == "message"]


async def test_a_turn_is_heard_answered_and_remembered() -> None:
    brain = Brain([words("It is sunny. Take a hat.")])
    async with opened(cascade(Ears(["How is the weather?"]), brain)) as session:
        told: list[Any] = []
        session.on("input_audio_transcription_completed", told.append)
        await session.update_instructions("Be brief.")
        say(session)
        texts, seconds, calls = await read(await session.generate_reply())
        assert [text.strip() for text in texts] == ["It is sunny. Take a hat."]
        assert seconds == pytest.approx(0.05 * len("It is sunny.Take a hat."), abs=0.05)
        assert calls == []
        assert told[0].transcript == "How is the weather?"
        assert told[0].is_final
        assert conversation(session) == [
            ("user", "How is the weather?"),
            ("assistant", "It is sunny. Take a hat."),
        ]
        assert brain.requests[0].instructions == "Be brief."


async def test_the_first_sentence_is_spoken_while_the_rest_is_thought_of() -> None:
    more = asyncio.Event()
    brain = Brain([[*words("It is sunny. And"), more, *words("warm.")]])
    voice = Voice()
    async with opened(cascade(brain=brain, voice=voice)) as session:
        event = await session.generate_reply(instructions="Talk.")
        async with asyncio.timeout(5):
            message = await anext(aiter(event.message_stream))
            frame = await anext(aiter(message.audio_stream))
        assert frame.samples_per_channel > 0
        assert voice.texts == ["It is sunny."]
        more.set()
        async with asyncio.timeout(5):
            assert [part async for part in message.text_stream] == ["It is sunny. ", "And warm. "]
        assert voice.texts == ["It is sunny.", "And warm."]


async def test_a_cut_message_keeps_what_was_heard() -> None:
    brain = Brain([words("One two three. Four five six."), words("Yes.")])
    async with opened(cascade(brain=brain)) as session:
        event = await session.generate_reply(instructions="Count.")
        async with asyncio.timeout(5):
            message = await anext(aiter(event.message_stream))
            sound = [frame async for frame in message.audio_stream]
        assert sum(frame.duration for frame in sound) > 1.0
        first_ms = 50 * len("One two three.")
        session.interrupt()
        heard_ms = first_ms + 50 * len("Four f")
        session.truncate(message_id=message.message_id, modalities=["audio", "text"], audio_end_ms=heard_ms)
        assert conversation(session) == [("assistant", "One two three. Four")]
        await read(await session.generate_reply(instructions="Go on."))
        assert brain.requests[1].items[0]["content"][0]["text"] == "One two three. Four"


async def test_a_message_of_which_nothing_was_heard_is_gone() -> None:
    async with opened(cascade()) as session:
        event = await session.generate_reply(instructions="Talk.")
        async with asyncio.timeout(5):
            message = await anext(aiter(event.message_stream))
        session.interrupt()
        session.truncate(message_id=message.message_id, modalities=["audio", "text"], audio_end_ms=0)
        assert conversation(session) == []


async def test_an_interrupted_reply_ends_its_streams_and_the_brain() -> None:
    never = asyncio.Event()
    brain = Brain([[*words("Now this goes on. And"), never], words("Again.")])
    async with opened(cascade(brain=brain)) as session:
        event = await session.generate_reply(instructions="Talk.")
        async with asyncio.timeout(5):
            await anext(aiter(event.message_stream))
            session.interrupt()
            await read(event)
        texts, _, _ = await read(await session.generate_reply(instructions="Again."))
        assert [text.strip() for text in texts] == ["Again."]


async def test_tools_are_called_and_their_results_spoken() -> None:
    brain = Brain([[ToolRequest("look", '{"where": "here"}')], words("I saw it.")])
    async with opened(cascade(Ears(["Look."]), brain)) as session:
        say(session)
        texts, _, calls = await read(await session.generate_reply())
        assert texts == []
        assert (calls[0].name, calls[0].arguments) == ("look", '{"where": "here"}')
        context = session.chat_ctx
        output = llm.FunctionCallOutput(call_id=calls[0].call_id, name="look", output="it", is_error=False)
        context.items.append(output)
        await session.update_chat_ctx(context)
        texts, _, _ = await read(await session.generate_reply())
        assert [text.strip() for text in texts] == ["I saw it."]
        kinds = [item["type"] for item in brain.requests[1].items]
        assert kinds == ["message", "function_call", "function_call_output"]


async def test_a_turn_without_words_is_not_answered() -> None:
    brain = Brain([words("Hello."), words("Never said.")])
    async with opened(cascade(Ears([""]), brain)) as session:
        await read(await session.generate_reply(instructions="Greet."))
        say(session)
        assert await read(await session.generate_reply()) == ([], 0.0, [])
        assert len(brain.requests) == 1


async def test_two_turns_in_a_row_stay_in_order() -> None:
    brain = Brain([words("Both heard.")])
    async with opened(cascade(Ears(["First.", "Second.", "x"]), brain)) as session:
        say(session)
        say(session)
        await read(await session.generate_reply())
        assert conversation(session)[:2] == [("user", "First."), ("user", "Second.")]


async def test_a_second_reply_meanwhile_is_refused() -> None:
    wait = asyncio.Event()
    brain = Brain([[wait, TextDelta("Done.")]])
    async with opened(cascade(brain=brain)) as session:
        first = await session.generate_reply(instructions="One.")
        with pytest.raises(llm.RealtimeError) as raised:
            await session.generate_reply(instructions="Two.")
        assert raised.value.code == "conversation_already_has_active_response"
        wait.set()
        assert (await read(first))[0] == ["Done."]


async def test_less_than_a_tenth_of_a_second_is_no_turn() -> None:
    ears = Ears(["x"])
    async with opened(cascade(ears)) as session:
        say(session, 0.06)
        assert ears.heard_s == []


async def test_a_cleared_turn_is_forgotten() -> None:
    ears = Ears(["kept"])
    async with opened(cascade(ears)) as session:
        for frame in speech(0.5):
            session.push_audio(frame)
        session.clear_audio()
        say(session, 0.3)
        await read(await session.generate_reply())
        assert ears.heard_s == [pytest.approx(0.3, abs=0.03)]


@pytest.mark.parametrize(
    ("fault", "recoverable"),
    [(ModelUnavailable("gone"), True), (ModelRefused("no key"), False)],
)
async def test_a_part_that_fails_is_an_error_event_and_the_session_lives(
    fault: Exception, recoverable: bool
) -> None:
    times = 2 if recoverable else 1  # one retry
    brain = Brain([[fault]] * times + [words("Back.")])
    async with opened(cascade(brain=brain)) as session:
        errors: list[Any] = []
        session.on("error", errors.append)
        assert await read(await session.generate_reply(instructions="Try.")) == ([], 0.0, [])
        await asyncio.wait_for(asyncio.shield(session._replying), 5)
        assert len(errors) == 1
        assert str(fault).split(".")[0] in str(errors[0].error) or recoverable
        texts, _, _ = await read(await session.generate_reply(instructions="Again."))
        assert [text.strip() for text in texts] == ["Back."]


async def test_say_speaks_the_text_as_it_is() -> None:
    async def parts() -> AsyncIterator[str]:
        yield "One moment"
        yield ", please."

    voice = Voice()
    async with opened(cascade(voice=voice)) as session:
        texts, _, _ = await read(await session.say(parts()))
        assert texts == ["One moment, please."]
        assert conversation(session) == [("assistant", "One moment, please.")]


async def test_only_its_own_requests_are_measured() -> None:
    model = cascade(brain=Brain([words("One."), words("Two.")]))
    async with opened(model) as mine, opened(model) as other:
        seen: asyncio.Queue[Any] = asyncio.Queue()
        others: list[Any] = []
        mine.on("metrics_collected", seen.put_nowait)
        other.on("metrics_collected", others.append)
        await read(await mine.generate_reply(instructions="Talk."))
        async with asyncio.timeout(5):
            found = [await seen.get() for _ in range(3)]
        assert {type(metrics) for metrics in found} == {LLMMetrics, TTSMetrics, RealtimeModelMetrics}
        assert others == []
        reply = next(metrics for metrics in found if isinstance(metrics, RealtimeModelMetrics))
        assert reply.ttft >= 0
        assert not reply.cancelled
