"""Two tiers in a room: one voice, one bridge, and nothing spoken that was interrupted."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from livekit.agents import AgentServer
from numpy.typing import NDArray

from antiphon.plugins import openai
from antiphon.plugins.cascade import LocalLLM
from antiphon.plugins.local.testing import Say, ScriptedServer
from antiphon.plugins.tiers import TieredModel, TierOptions
from antiphon.workers.appfile import load_app
from tests.plugins.cascade.rig import Brain, words

pytestmark = pytest.mark.sfu
ROOT = Path(__file__).parents[2]
ASK = Say(tools=[("ask_expert", json.dumps({"question": "What is the weather?"}))])
BRIDGE, ANSWER = "Let me check.", "It is eighteen degrees in Paris today, with a light wind from the west."


@asynccontextmanager
async def tiers(script: list[Say], deep: Brain, options: TierOptions) -> AsyncIterator[Any]:
    async with ScriptedServer(script, repeat_last=True) as server, aiohttp.ClientSession() as http:
        fast = openai.realtime(base_url=server.base_url, api_key="k", http_session=http)
        yield server, TieredModel(fast, LocalLLM(deep), options=options)


def said(call: Any) -> list[str | None]:
    """What the agent said, as the session remembers it."""
    return [item.text_content for item in call.session.history.messages() if item.role == "assistant"]


async def test_a_bridge_and_the_answer_are_heard_as_one_reply(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    thinking = asyncio.Event()
    deep = Brain([[thinking, *words(ANSWER)]])
    script = [ASK, Say(BRIDGE), Say(ANSWER)]
    async with (
        tiers(script, deep, TierOptions(bridge_after_s=0.3)) as (server, model),
        open_call(model=server, session_options={"llm": model}) as call,
    ):
        await call.asked(question)
        assert await call.until(lambda: any(BRIDGE in line.text for line in call.caller.lines), 30)
        thinking.set()
        assert await call.until(lambda: any("the west" in line.text for line in call.caller.lines), 30)
        assert await call.until(lambda: said(call) == [BRIDGE, ANSWER], 30), said(call)
        asked = [record.event["response"] for record in server.events("response.create")]
        assert sum("Say exactly" in (response.get("instructions") or "") for response in asked) == 1
        assert not call.errors


async def test_who_goes_on_in_the_wait_does_not_hear_the_answer(
    open_call: Any, question: NDArray[np.int16], interruption: NDArray[np.int16]
) -> None:
    thinking = asyncio.Event()
    deep = Brain([[thinking, *words(ANSWER)]])
    script = [ASK, Say("As you wish, then let us do something else.")]
    async with (
        tiers(script, deep, TierOptions(bridge=())) as (server, model),
        open_call(model=server, session_options={"llm": model}) as call,
    ):
        await call.caller.play(question)
        await asyncio.wait_for(deep.asked.wait(), 10)
        await call.caller.play(interruption)
        assert await call.until(lambda: any("As you wish" in line.text for line in call.caller.lines), 30)
        thinking.set()
        assert await call.until(lambda: call.caller.states[-1][1] == "listening", 30)
        assert await call.until(lambda: said(call) == ["As you wish, then let us do something else."], 30)
        assert len(server.events("response.create")) == 2


async def test_the_example_asks_its_expert(open_call: Any, question: NDArray[np.int16]) -> None:
    assert isinstance(load_app(str(ROOT / "examples" / "tiers.py")), AgentServer)
    example = sys.modules["tiers"]
    script = [Say("Welcome to the museum."), ASK, Say("The expert says it is nine.")]
    async with ScriptedServer(script, repeat_last=True) as server, aiohttp.ClientSession() as http:
        fast = openai.realtime(base_url=server.base_url, api_key="k", http_session=http)
        model = TieredModel(fast, example.deep_model(), options=example.OPTIONS)
        async with open_call(model=server, session_options={"llm": model}, agent=example.Guide()) as call:
            assert await call.until(lambda: any("Welcome" in line.text for line in call.caller.lines), 30)
            assert await call.until(lambda: call.caller.states[-1][1] == "listening", 30)
            await call.caller.play(question)
            assert await call.until(lambda: any("nine" in line.text for line in call.caller.lines), 30)
            outputs = [
                record.event["item"]["output"]
                for record in server.events("conversation.item.create", "c")
                if record.event["item"]["type"] == "function_call_output"
            ]
            assert len(outputs) == 1
            assert outputs[0]
