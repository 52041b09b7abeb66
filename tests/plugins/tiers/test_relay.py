"""The corners of a reply that the session's tests do not reach; over a cascade, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit.agents import llm

from antiphon.plugins.cascade import LocalLLM
from antiphon.plugins.local.engines import ToolRequest
from antiphon.plugins.tiers import TieredModel, TierOptions
from tests.plugins.cascade.rig import Brain, cascade, words


def ask(question: str = "How far?") -> ToolRequest:
    return ToolRequest("ask_expert", json.dumps({"question": question}))


@asynccontextmanager
async def opened(fast: Brain, deep: Brain, **options: Any) -> AsyncIterator[Any]:
    options = {"bridge_after_s": 30.0, **options}
    model = TieredModel(cascade(brain=fast), LocalLLM(deep), options=TierOptions(**options))
    session = model.session()
    try:
        yield session
    finally:
        await session.aclose()


async def texts(event: llm.GenerationCreatedEvent) -> list[str]:
    async with asyncio.timeout(10):
        return ["".join([t async for t in m.text_stream]).strip() async for m in event.message_stream]


def outcomes(session: Any) -> list[str]:
    return [item.output for item in session.chat_ctx.items if item.type == "function_call_output"]


async def test_a_model_that_speaks_texts_says_the_bridge_word_for_word() -> None:
    thinking = asyncio.Event()
    fast = Brain([[ask()], words("It is far.")])
    async with opened(fast, Brain([[thinking, *words("Far.")]]), bridge_after_s=0.0) as session:
        event = await session.generate_reply(instructions="Go.")
        stream = aiter(event.message_stream)
        async with asyncio.timeout(10):
            bridge = await anext(stream)
            assert [text async for text in bridge.text_stream] == ["Let me check."]
            thinking.set()
            answer = await anext(stream)
            assert "".join([text async for text in answer.text_stream]).strip() == "It is far."
        assert len(fast.requests) == 2  # the bridge needed no thought


async def test_two_questions_at_once_are_asked_one_at_a_time() -> None:
    fast = Brain([[ask("How far?"), ask("How old?")], words("Far.")])
    deep = Brain([words("Very far.")])
    async with opened(fast, deep) as session:
        assert await texts(await session.generate_reply(instructions="Go.")) == ["Far."]
        assert sorted(outcomes(session)) == ["Ask one question at a time.", "Very far."]
        assert len(deep.requests) == 1


async def test_a_model_that_only_asks_is_let_ask_three_times() -> None:
    fast = Brain([[ask()]] * 6)
    deep = Brain([words("Far.")] * 6)
    async with opened(fast, deep) as session:
        assert await texts(await session.generate_reply(instructions="Go.")) == []
        assert len(deep.requests) == 3


async def test_a_call_without_a_question_asks_what_the_person_said() -> None:
    fast = Brain([[ToolRequest("ask_expert", "no json")], words("Far.")])
    deep = Brain([words("Far.")])
    async with opened(fast, deep) as session:
        context = session.chat_ctx
        context.add_message(role="user", content="How far is the moon?")
        await session.update_chat_ctx(context)
        await texts(await session.generate_reply())
        assert deep.requests[0].items[-1]["content"][0]["text"] == "How far is the moon?"


async def test_an_interruption_while_the_answer_is_made_is_heeded() -> None:
    more = asyncio.Event()
    fast = Brain([[ask()], [*words("It is far. And"), more]])
    async with opened(fast, Brain([words("Far.")])) as session:
        event = await session.generate_reply(instructions="Go.")
        async with asyncio.timeout(10):
            message = await anext(aiter(event.message_stream))
            session.interrupt()
            async for _ in message.audio_stream:
                pass
        assert await texts(event) == []
