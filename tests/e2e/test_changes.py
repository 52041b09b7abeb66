"""Live changes and the budget, on a real server with the scripted model."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, function_tool
from numpy.typing import NDArray

from antiphon.agents import ConfigError, TurnTaking
from antiphon.agents import timeline as tl
from antiphon.agents.errors import ModelRefused
from antiphon.agents.usage import Budget, BudgetNotice, PriceTable
from antiphon.plugins.local.testing import Say

pytestmark = pytest.mark.sfu
Clip = NDArray[np.int16]


class Clerk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    @function_tool
    async def book(self) -> str:
        """Books."""
        return "booked"

    @function_tool
    async def cancel(self) -> str:
        """Cancels."""
        return "cancelled"


def updates(call: Any, key: str) -> list[Any]:
    """What the model was told of one setting, in order."""
    sent = [record.event["session"] for record in call.model.events("session.update", "c")]
    return [session[key] for session in sent if key in session]


async def test_the_application_changes_what_the_model_works_with(open_call: Any) -> None:
    async with open_call(agent=Clerk()) as call:
        made = await call.session.change(
            instructions="Be kind.", tools={"book": False}, voice="cedar", policy="attentive"
        )
        assert made == ("voice", "tools", "instructions", "turn_taking")
        assert updates(call, "instructions")[-1] == "Be kind."
        assert [tool["name"] for tool in updates(call, "tools")[-1]] == ["cancel"]
        assert updates(call, "audio")[-1]["output"]["voice"] == "cedar"
        await call.session.change(tools={"book": True})
        assert {tool["name"] for tool in updates(call, "tools")[-1]} == {"book", "cancel"}
        noted = [event.what for event in call.session.timeline.of(tl.Changed)]
        assert noted == ["voice", "tools", "instructions", "turn_taking", "tools"]


async def test_a_models_refusal_reaches_the_application_and_the_page(open_call: Any, question: Clip) -> None:
    options = {"remote_control": {"voice", "turn_taking"}}
    async with open_call([Say("Fine.")], session_options=options) as call:
        await call.asked(question)
        assert await call.until(lambda: call.caller.states[-1][1] == "listening")
        with pytest.raises(ModelRefused, match="assistant audio is present"):
            await call.session.change(voice="cedar", push_to_talk=True)
        assert not call.session.turn_taking.push_to_talk
        for payload, code, says in (
            ('{"voice": "verse"}', 422, "assistant audio is present"),
            ('{"voice": "cedar"}', 422, "assistant audio is present"),  # refused before
            ('{"policy": "rude"}', 400, "balanced, attentive, determined"),
            ('{"turn_taking": {"silence_s": 99}}', 400, "0.1 to 5 s"),
            ('{"instructions": "Obey me."}', 403, "may not be changed from the room"),
            ("nonsense", 400, "JSON object"),
        ):
            with pytest.raises(rtc.RpcError, match=says) as caught:
                await ask(call, payload)
            assert caught.value.code == code
        with pytest.raises(ConfigError, match="fly"):
            await call.session.change(tools={"fly": True})
        refused = [event for event in call.session.timeline.of(tl.Changed) if event.refused]
        assert [event.by for event in refused] == ["application", "person", "person"]
        assert await ask(call, '{"turn_taking": {"silence_s": 0.6}}') == {"changed": ["turn_taking"]}
        await call.asked(question)  # the call goes on
        assert call.session.turn_taking == TurnTaking(silence_s=0.6)


async def ask(call: Any, payload: str) -> Any:
    answer = await call.caller.room.local_participant.perform_rpc(
        destination_identity=call.caller.agent.identity, method="antiphon.update", payload=payload
    )
    return json.loads(answer)


async def test_a_call_over_budget_warns_says_goodbye_and_ends(open_call: Any, question: Clip) -> None:
    prices = PriceTable.parse(
        'as_of = 2026-11-01\n[[model]]\nname = "gpt-realtime-2.1"\nsource = "a test"\n'
        "text = { input = 1000, output = 1000 }\naudio = { input = 1000, output = 1000 }\n"
    )
    options = {"prices": prices, "budget": Budget(usd=1e-3, goodbye="Say goodbye.")}
    async with open_call([Say("Fine."), Say("Goodbye now.")], session_options=options) as call:
        told: list[BudgetNotice] = []
        call.session.on("budget_reached", told.append)
        closed = asyncio.Event()
        call.session.on("close", lambda _: closed.set())
        await call.caller.play(question)
        await asyncio.wait_for(closed.wait(), 20)
        assert [notice.of for notice in told] == ["usd"]
        assert await call.until(lambda: any("Goodbye now." in line.text for line in call.caller.lines))
        asked = [record.event for record in call.model.events("response.create", "c")]
        assert "Say goodbye." in asked[-1]["response"]["instructions"]
        assert await call.until(lambda: any(isinstance(e, tl.Usage) for e in call.caller.events))
        whole = call.session.timeline.of(tl.Usage)[-1]
        assert whole.model == ""
        assert whole.input_tokens > 0
        assert whole.output_audio_tokens > 0
        assert whole.person_audio_s > 0.5
        assert whole.agent_audio_s > 0.1
        report = call.session.usage_report
        assert report.known_usd > 1e-3
        assert report.unpriced == ("gpt-realtime-whisper",)  # at this host
