"""The model's socket is cut at every state of the floor: the call lives, and the next reply is right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents import TurnTaking
from antiphon.agents import timeline as tl
from antiphon.plugins import openai
from antiphon.plugins.continuity import Continuity, ContinuousModel
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply

pytestmark = pytest.mark.sfu
PLAIN = TurnTaking(silence_s=1.0)
WORDS = "one two three four five six seven eight nine ten eleven twelve"


@asynccontextmanager
async def lasting(
    open_call: Any,
    script: list[Say],
    transcripts: list[str],
    options: Continuity | None = None,
    **server: Any,
) -> AsyncIterator[tuple[Any, ContinuousModel]]:
    """A call whose model is wrapped."""
    async with (
        ScriptedServer(script, repeat_last=True, transcripts=transcripts, **server) as scripted,
        aiohttp.ClientSession() as http,
    ):
        wrapped = openai.realtime(base_url=scripted.base_url, api_key="test", http_session=http)
        model = ContinuousModel(wrapped, options)
        # Duration decides here, and a fixed silence: what is cut when must not hang on a judge's speed.
        plain = {"llm": model, "judges": (), "turn_end": None}
        async with open_call(model=scripted, session_options=plain, turn_taking=PLAIN) as call:
            yield call, model
        await model.aclose()


def cut_on(call: Any, kind: type, nth: int = 1) -> list[float]:
    """Cuts every socket of the model when the call notes the nth event of a kind."""
    seen: list[float] = []
    loop = asyncio.get_running_loop()
    append = call.session.timeline.append

    def appended(event: Any) -> None:
        append(event)
        if isinstance(event, kind):
            seen.append(event.at)
            if len(seen) == nth:
                loop.call_soon_threadsafe(call.model.drop_all)

    call.session.timeline.append = appended
    return seen


def cut_on_wire(call: Any, kind: str) -> None:
    """Cuts every socket of the model when an event of a type has gone over one."""

    class Watched(list[Any]):
        done = False

        def append(self, record: Any) -> None:
            super().append(record)
            if record.type == kind and not self.done:
                self.done = True
                asyncio.get_running_loop().call_soon(call.model.drop_all)

    call.model.wire = Watched(call.model.wire)


def said(call: Any) -> list[tuple[str, str]]:
    """The conversation, as the application has it."""
    return [
        (item.role, item.text_content or "")
        for item in call.session.history.items
        if item.type == "message" and item.role != "system"
    ]


async def test_while_nobody_speaks(open_call: Any, question: NDArray[np.int16]) -> None:
    async with lasting(open_call, [Say("Hello there.")], ["what is the weather"]) as (call, model):
        call.model.drop_all()
        assert await call.until(lambda: model.counters.failovers == 1)
        await call.asked(question)
        assert await call.until(lambda: said(call)[-1:] == [("assistant", "Hello there.")])
        assert said(call) == [("user", "what is the weather"), ("assistant", "Hello there.")]


@pytest.mark.parametrize("kind", [tl.Onset, tl.Commit, "response.create", "response.created"])
async def test_a_turn_is_answered_once(open_call: Any, question: NDArray[np.int16], kind: Any) -> None:
    script = [Say("It is sunny.", delay_s=0.4)]
    async with lasting(open_call, script, ["weather?", "weather?"]) as (call, model):
        if isinstance(kind, str):
            cut_on_wire(call, kind)
        else:
            cut_on(call, kind)
        await call.asked(question)
        assert await call.until(lambda: said(call)[-1:] == [("assistant", "It is sunny.")])
        assert await call.until(lambda: model.counters.failovers == 1)
        assert await call.until(lambda: bool(call.session.timeline.of(tl.PlayoutEnded)))
        assert said(call) == [("user", "weather?"), ("assistant", "It is sunny.")]
        heard = call.model.requests[-1]
        assert sum(item.get("role") == "user" for item in heard.items) == 1


async def test_a_reply_amid_its_words_is_taken_up(open_call: Any, question: NDArray[np.int16]) -> None:
    script = [Say(WORDS, chirp_reply(6.0)), Say("and so on.")]
    async with lasting(open_call, script, ["count"], speed=1.2) as (call, model):
        cut_on(call, tl.FirstAudio)
        await call.asked(question)
        assert await call.until(lambda: any("and so on" in text for _, text in said(call)), 15)
        (_, first), (_, second) = [line for line in said(call) if line[0] == "assistant"]
        assert WORDS.startswith(first.strip())
        assert len(first) < len(WORDS)
        assert second == "and so on."
        assert "Go on from exactly there" in (call.model.requests[-1].instructions or "")
        assert model.counters.failovers == 1


async def test_a_reply_that_is_here_already_plays_on(open_call: Any, question: NDArray[np.int16]) -> None:
    script = [Say(WORDS, chirp_reply(4.0)), Say("Second.")]
    async with lasting(open_call, script, ["count", "again"]) as (call, model):
        await call.asked(question)
        await call.model.wait_for("response.done", timeout=5)
        call.model.drop_all()
        assert await call.until(lambda: ("assistant", WORDS) in said(call), 8)
        (ended,) = call.session.timeline.of(tl.PlayoutEnded)
        assert not ended.interrupted
        await call.asked(question)
        assert await call.until(lambda: said(call)[-1:] == [("assistant", "Second.")])
        assert model.counters.failovers == 1


async def test_while_the_agent_is_held_it_resumes(
    open_call: Any, question: NDArray[np.int16], hum: NDArray[np.int16]
) -> None:
    async with lasting(open_call, [Say(WORDS, chirp_reply(5.0)), Say("Yes.")], ["count", "then"]) as (
        call,
        model,
    ):
        cut_on(call, tl.Hold)
        await call.asked(question)
        assert await call.until(lambda: call.session._call.heard[1] > 12_000)
        await call.caller.play(hum)
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Resume)))
        assert await call.until(lambda: ("assistant", WORDS) in said(call), 10)
        assert model.counters.failovers == 1
        await call.asked(question)
        assert await call.until(lambda: said(call)[-1:] == [("assistant", "Yes.")])


@pytest.mark.parametrize("kind", [tl.Hold, tl.Yield, tl.Truncation])
async def test_an_interruption_is_answered_and_what_was_heard_stays(
    open_call: Any, question: NDArray[np.int16], interruption: NDArray[np.int16], kind: type
) -> None:
    script = [Say(WORDS, chirp_reply(12.0)), Say("Of course.")]
    async with lasting(open_call, script, ["count", "hang on"]) as (call, model):
        cut_on(call, kind)
        await call.asked(question)
        assert await call.until(lambda: call.session._call.heard[1] > 24_000)
        await call.caller.play(interruption)
        assert await call.until(lambda: said(call)[-1:] == [("assistant", "Of course.")], 10)
        lines = said(call)
        assert [role for role, _ in lines] == ["user", "assistant", "user", "assistant"]
        heard = lines[1][1]
        assert 0 < len(heard) < len(WORDS)
        assert WORDS.startswith(heard.strip())
        assert model.counters.failovers == 1
        given = next(i for i in call.model.requests[-1].items if i.get("role") == "assistant")
        assert (given["content"][0].get("text") or "").strip() == heard.strip()


async def test_a_session_that_comes_to_its_cap_is_handed_over_unheard(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    answers = [f"Answer {n}." for n in range(1, 5)]
    questions = [f"question {n}" for n in range(1, 5)]
    options = Continuity(session_cap_s=5)
    script = [Say(answer) for answer in answers]
    async with lasting(open_call, script, questions, options, session_limit_s=5.0) as (call, model):
        for answer in answers:
            await call.asked(question)
            assert await call.until(lambda answer=answer: said(call)[-1:] == [("assistant", answer)])
        assert said(call) == [
            line for q, a in zip(questions, answers, strict=True) for line in (("user", q), ("assistant", a))
        ]
        assert model.counters.handoffs >= 1
        assert model.counters.failovers == 0
        assert not call.errors
