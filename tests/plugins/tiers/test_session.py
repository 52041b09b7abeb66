from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from livekit.agents import llm

from antiphon.agents.errors import ConfigError, ModelUnavailable
from antiphon.plugins import openai
from antiphon.plugins.cascade import LocalLLM
from antiphon.plugins.local.testing import Say, ScriptedServer
from antiphon.plugins.tiers import TieredModel, TierOptions
from tests.plugins.cascade.rig import Brain, speech, words

QUESTION = "How far is the moon?"
ANSWER = "About four hundred thousand kilometres."
ASK = Say(tools=[("ask_expert", json.dumps({"question": QUESTION}))])
BRIDGE = "Let me check."


@dataclass
class Tiers:
    server: ScriptedServer
    session: Any
    deep: Brain
    model: TieredModel

    def outputs(self) -> list[str]:
        """What the fast model was told by the expert."""
        created = [record.event["item"] for record in self.server.events("conversation.item.create", "c")]
        return [item["output"] for item in created if item["type"] == "function_call_output"]


@asynccontextmanager
async def tiers(
    script: Sequence[Say],
    deep: Brain,
    *,
    transcripts: Sequence[str] = (),
    hear_s: float = 0.0,
    **options: Any,
) -> AsyncIterator[Tiers]:
    async with (
        ScriptedServer(script, transcripts=transcripts, hear_s=hear_s) as server,
        aiohttp.ClientSession() as http,
    ):
        fast = openai.realtime(base_url=server.base_url, api_key="k", model="fast", http_session=http)
        model = TieredModel(fast, LocalLLM(deep), **options)
        session = model.session(turn_detection_disabled=True)
        try:
            yield Tiers(server, session, deep, model)
        finally:
            await session.aclose()


async def texts(event: llm.GenerationCreatedEvent) -> list[str]:
    async with asyncio.timeout(10):
        return ["".join([part async for part in m.text_stream]) async for m in event.message_stream]


def quick(bridge_after_s: float = 30.0, **others: Any) -> TierOptions:
    return TierOptions(bridge_after_s=bridge_after_s, **others)


async def test_the_fast_model_asks_and_speaks_the_answer() -> None:
    async with tiers([ASK, Say(ANSWER)], Brain([words(ANSWER)]), options=quick()) as t:
        context = t.session.chat_ctx
        context.add_message(role="user", content="Hello. How far is it?")
        await t.session.update_chat_ctx(context)
        event = await t.session.generate_reply()
        assert event.user_initiated
        assert await texts(event) == [ANSWER]
        assert t.outputs() == [ANSWER]
        asked = t.deep.requests[0]
        assert "expert" in asked.instructions
        said = [item["content"][0]["text"] for item in asked.items]
        assert said == ["Hello. How far is it?", QUESTION]


async def test_a_slow_answer_is_bridged_once_and_comes_in_the_same_reply() -> None:
    thinking = asyncio.Event()
    script = [ASK, Say(BRIDGE), Say(ANSWER)]
    async with tiers(script, Brain([[thinking, *words(ANSWER)]]), options=quick(0.0)) as t:
        event = await t.session.generate_reply(instructions="Go.")
        stream = aiter(event.message_stream)
        async with asyncio.timeout(10):
            bridge = await anext(stream)
            assert "".join([part async for part in bridge.text_stream]) == BRIDGE
        thinking.set()
        async with asyncio.timeout(10):
            answer = await anext(stream)
            assert "".join([part async for part in answer.text_stream]) == ANSWER
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        wanted = t.server.events("response.create", "c")[1].event["response"]
        assert f'Say exactly: "{BRIDGE}"' in wanted["instructions"]
        assert wanted["tool_choice"] == "none"


async def test_a_model_that_said_something_itself_needs_no_bridge() -> None:
    thinking = asyncio.Event()
    script = [Say("Good question.", tools=ASK.tools), Say(ANSWER)]
    async with tiers(script, Brain([[thinking, *words(ANSWER)]]), options=quick(0.0)) as t:
        reading = asyncio.create_task(texts(await t.session.generate_reply(instructions="Go.")))
        await t.server.wait_for("response.done")
        await asyncio.wait_for(t.deep.asked.wait(), 5)
        await asyncio.sleep(0.1)  # long after the bridge would have been due
        thinking.set()
        assert await reading == ["Good question.", ANSWER]


@pytest.mark.parametrize("how", ["fails", "is late", "is empty"])
async def test_no_answer_is_said_to_the_fast_model(how: str) -> None:
    thoughts = {
        "fails": [[ModelUnavailable("gone")]] * 2,
        "is late": [[asyncio.Event()]],
        "is empty": [words(" ")],
    }
    options = quick(timeout_s=0.2 if how == "is late" else 20.0)
    async with tiers([ASK, Say("I am sorry.")], Brain(thoughts[how]), options=options) as t:
        assert await texts(await t.session.generate_reply(instructions="Go.")) == ["I am sorry."]
        assert t.outputs() == [options.sorry]


@pytest.mark.parametrize("how", ["interrupt", "commit_audio"])
async def test_an_interruption_drops_the_question_and_its_answer(how: str) -> None:
    thinking = asyncio.Event()
    script = [ASK, Say("Something else.")]
    deep = Brain([[thinking, *words(ANSWER)]])
    async with tiers(script, deep, options=quick()) as t:
        event = await t.session.generate_reply(instructions="Go.")
        await t.server.wait_for("response.done")
        await asyncio.wait_for(deep.asked.wait(), 5)
        for frame in speech(0.5):
            t.session.push_audio(frame)
        getattr(t.session, how)()
        assert await texts(event) == []
        thinking.set()
        assert await texts(await t.session.generate_reply(instructions="Else.")) == ["Something else."]
        assert t.outputs() == ["The person went on before the answer came."]
        assert len(t.server.events("response.create", "c")) == 2


async def test_the_agents_own_tools_go_their_way() -> None:
    both = Say(tools=[("look", "{}"), *ASK.tools])

    @llm.function_tool
    async def look() -> str:
        """Looks."""
        return "seen"

    async with tiers([both, Say(ANSWER)], Brain([words(ANSWER)]), options=quick()) as t:
        await t.session.update_tools([look])
        assert list(t.session.tools.function_tools) == ["look"]
        event = await t.session.generate_reply(instructions="Go.")
        assert await texts(event) == [ANSWER]
        assert [call.name async for call in event.function_stream] == ["look"]
        sent = t.server.events("session.update", "c")[-1].event["session"]["tools"]
        assert [tool["name"] for tool in sent] == ["look", "ask_expert"]


async def test_a_reply_with_tools_of_its_own_has_the_expert_too() -> None:
    async with tiers([Say("Hello.")], Brain(), options=quick()) as t:
        await texts(await t.session.generate_reply(instructions="Go.", tools=[]))
        tools = t.server.events("response.create", "c")[0].event["response"]["tools"]
        assert [tool["name"] for tool in tools] == ["ask_expert"]


def spoken(session: Any) -> None:
    for frame in speech(0.5):
        session.push_audio(frame)
    session.commit_audio()


async def test_a_router_sends_a_turn_to_the_deep_model() -> None:
    seen: list[tuple[str, int]] = []

    async def router(said: str, context: llm.ChatContext) -> Any:
        seen.append((said, len(context.items)))
        return "deep" if "moon" in said else "fast"

    script = [Say("Hello."), Say(ANSWER)]
    heard = ["Good morning.", QUESTION]
    async with tiers(script, Brain([words(ANSWER)]), transcripts=heard, router=router, options=quick()) as t:
        spoken(t.session)
        assert await texts(await t.session.generate_reply()) == ["Hello."]
        assert t.deep.requests == []
        spoken(t.session)
        assert await texts(await t.session.generate_reply()) == [ANSWER]
        assert [said for said, _ in seen] == heard
        assert t.outputs() == [ANSWER]
        assert t.deep.requests[0].items[-1]["content"][0]["text"] == QUESTION
        assert all("tools" not in r.event["session"] for r in t.server.events("session.update", "c"))


async def test_without_a_transcript_in_time_the_fast_model_answers() -> None:
    async with tiers(
        [Say("Hello.")],
        Brain(),
        transcripts=["late"],
        hear_s=0.5,
        router=lambda said, context: "deep",
        options=quick(transcript_wait_s=0.05),
    ) as t:
        spoken(t.session)
        assert await texts(await t.session.generate_reply()) == ["Hello."]


async def test_a_router_that_raises_costs_no_answer() -> None:
    def router(said: str, context: llm.ChatContext) -> Any:
        raise KeyError(said)

    async with tiers([Say("Hello.")], Brain(), transcripts=["x"], router=router, options=quick()) as t:
        spoken(t.session)
        assert await texts(await t.session.generate_reply()) == ["Hello."]


async def test_each_tier_is_measured() -> None:
    async with tiers([ASK, Say(ANSWER)], Brain([words(ANSWER)]), options=quick()) as t:
        labels: list[tuple[str, str]] = []
        t.session.on("metrics_collected", lambda m: labels.append((m.label, m.metadata.model_name)))
        await texts(await t.session.generate_reply(instructions="Go."))
        assert ("deep", "local-brain") in labels
        assert labels.count(("fast", "fast")) >= 2
        assert t.model.tier_names == {"fast": "fast", "local-brain": "deep"}


async def test_the_deep_one_may_be_a_realtime_model() -> None:
    async with (
        ScriptedServer([Say(ANSWER)]) as deep_server,
        ScriptedServer([ASK, Say(ANSWER)]) as server,
        aiohttp.ClientSession() as http,
    ):
        fast = openai.realtime(base_url=server.base_url, api_key="k", http_session=http)
        deep = openai.realtime(base_url=deep_server.base_url, api_key="k", http_session=http)
        session = TieredModel(fast, deep, options=quick()).session()
        try:
            await deep_server.wait_for("session.created")  # before anything is asked
            assert await texts(await session.generate_reply(instructions="Go.")) == [ANSWER]
            assert deep_server.requests[0].items[-1]["content"][0]["text"] == QUESTION
            assert "expert" in deep_server.requests[0].instructions
        finally:
            await session.aclose()


def test_what_cannot_be_is_refused() -> None:
    fast = openai.realtime(base_url="http://h/v1", api_key="k")
    with pytest.raises(ConfigError, match="RealtimeModel"):
        TieredModel(LocalLLM(Brain()), fast)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="router"):
        TieredModel(fast, LocalLLM(Brain()), tool=False)
    with pytest.raises(ConfigError, match="timeout_s"):
        TierOptions(timeout_s=0)
