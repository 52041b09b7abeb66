"""The judge against the local realtime server, by script."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import Judge, Occasion, Question
from antiphon.plugins.judges import semantic_realtime
from antiphon.plugins.judges.semantic_realtime import RealtimeSemanticJudge, request
from antiphon.plugins.local.testing import Say, ScriptedServer

SOUND = (8000 * np.sin(np.arange(16_000) * 0.1)).astype(np.int16)
ASKED = Question(Occasion.PAUSE, SOUND, 4800, 0.7, 0.19, "en")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of trouble that were logged."""
    kinds: list[str] = []

    class Log:
        def warning(self, event: str, *, kind: str, **_: object) -> None:
            kinds.append(kind)

    monkeypatch.setattr(semantic_realtime, "log", Log())
    return kinds


Ask = Callable[..., Any]


@asynccontextmanager
async def asking(
    script: list[Say], *, timeout_s: float = 5.0, **options: Any
) -> AsyncIterator[tuple[ScriptedServer, Ask, RealtimeSemanticJudge]]:
    """A server and a way to ask the judge as a call does: from a thread of its own."""
    server = ScriptedServer(script, **options)
    await server.start()
    judge = RealtimeSemanticJudge(server.base_url, model="m", key="test", timeout_s=timeout_s)
    try:
        yield server, lambda question=ASKED: asyncio.to_thread(judge.opinion, question), judge
    finally:
        await asyncio.to_thread(judge.close)
        await server.aclose()


@pytest.mark.parametrize(
    ("says", "opinion"), [("TURN", 0.92), ("LISTEN", 0.08), ("UNSURE", None), ("Turn or listen?", None)]
)
async def test_its_word_is_an_opinion(says: str, opinion: float | None, told: list[str]) -> None:
    async with asking([Say(says)]) as (_, ask, judge):
        await asyncio.to_thread(judge.warm_up)
        assert await ask() == opinion
        assert told == []


async def test_the_model_hears_the_speech_and_keeps_nothing_of_it() -> None:
    async with asking([Say("TURN"), Say("LISTEN")], transcripts=["hang on", "mm-hm"]) as (server, ask, _):
        await ask()
        await ask()
        first, second = server.events("response.create", "c")
        assert first.event["response"]["conversation"] == "none"
        (item,) = first.event["response"]["input"]
        assert [part["type"] for part in item["content"]] == ["input_text", "input_audio"]
        assert first.event["response"]["metadata"] != second.event["response"]["metadata"]
        assert server.events("conversation.item.added") == []
        assert len(server.events("session.created")) == 1  # one socket for all questions


async def test_one_that_is_late_is_no_opinion_and_cancelled(told: list[str]) -> None:
    async with asking([Say("TURN", delay_s=30.0), Say("LISTEN")], timeout_s=0.5) as (server, ask, judge):
        await asyncio.to_thread(judge.warm_up)
        assert await ask() is None
        assert told == ["late"]
        cancelled = await server.wait_for("response.cancel")
        assert cancelled.event["response_id"] == server.events("response.created")[0].event["response"]["id"]
        # What the late one still says is not taken for an answer to the next.
        assert await ask() == 0.08


async def test_what_the_server_refuses_is_told_once(told: list[str]) -> None:
    async with asking([Say("TURN", fault="fail"), Say("TURN", fault="fail")]) as (_, ask, _judge):
        assert await ask() is None
        assert await ask() is None
        assert told == ["no answer"]


async def test_without_a_server_the_call_goes_on(told: list[str]) -> None:
    judge = RealtimeSemanticJudge("http://127.0.0.1:9/v1", timeout_s=1.0)
    try:
        await asyncio.to_thread(judge.warm_up)
        assert await asyncio.to_thread(judge.opinion, ASKED) is None
        assert told == ["unreachable"]
    finally:
        await asyncio.to_thread(judge.close)


def test_the_request_says_what_the_agent_said_and_whether_the_person_goes_on() -> None:
    paused = request(ASKED, "and then we " + "x" * 400)
    text = paused["input"][0]["content"][0]["text"]
    assert text.startswith('The agent was saying: "xxx')
    assert "still speaking" not in text
    goes_on = request(Question(Occasion.LONG, SOUND, 0, 1.2))
    assert "still speaking" in goes_on["input"][0]["content"][0]["text"]
    sound = np.frombuffer(base64.b64decode(paused["input"][0]["content"][1]["audio"]), "<i2")
    assert len(sound) == 24_000
    assert np.abs(sound).max() == pytest.approx(8000, rel=0.01)


def test_it_is_a_judge_that_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTIPHON_JUDGE_URL", raising=False)
    with pytest.raises(ConfigError, match="ANTIPHON_JUDGE_URL"):
        RealtimeSemanticJudge()
    with pytest.raises(ConfigError, match="timeout_s"):
        RealtimeSemanticJudge("http://127.0.0.1:9/v1", timeout_s=0.0)
    judge: Judge = RealtimeSemanticJudge("http://127.0.0.1:9/v1")
    assert judge.opinion(Question(Occasion.PAUSE, np.zeros(0, np.int16), 0, 0.0)) is None
    judge.close()  # type: ignore[attr-defined]
