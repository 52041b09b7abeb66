"""The semantic judge against a real HTTP server that answers as chat endpoints do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import Judge, Occasion, Question
from antiphon.plugins.judges import semantic
from antiphon.plugins.judges.semantic import SemanticJudge, opinion_of_answer, prompt

ASKED = Question(Occasion.PAUSE, np.zeros(16_000, np.int16), 4800, 0.7, 0.19, "en")


class Endpoint:
    def __init__(self) -> None:
        self.body: dict[str, Any] = {}
        self.headers: Any = None
        self.answer: Any = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "TURN"}}]}
        self.status = 200
        self.hang = False
        self.gone = asyncio.Event()
        self.asked = 0

    def says(self, content: object) -> None:
        self.answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        self.body, self.headers = await request.json(), request.headers
        try:
            if self.hang:  # a byte now and then: no read of it ever times out
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b" ")
                    await asyncio.sleep(0.02)
        except (asyncio.CancelledError, ConnectionResetError):
            self.gone.set()
            raise
        if isinstance(self.answer, str):
            return web.Response(status=self.status, text=self.answer, content_type="application/json")
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def endpoint() -> AsyncIterator[tuple[Endpoint, str]]:
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.chat)
    async with TestServer(app) as server:
        yield made, str(server.make_url("/v1"))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the judge has logged."""
    lines: list[dict[str, object]] = []

    class Log:
        def warning(self, event: str, **fields: object) -> None:
            lines.append({"event": event, **fields})

    monkeypatch.setattr(semantic, "log", Log())
    return lines


Ask = Callable[[], Any]


@asynccontextmanager
async def judging(url: str, **options: Any) -> AsyncIterator[Ask]:
    """``await ask()`` puts the question as its shell would, from a thread without a loop."""
    made = SemanticJudge(url, **{"heard": lambda _: "wait, what?", "timeout_s": 5.0, **options})
    try:
        yield lambda question=ASKED: asyncio.to_thread(made.opinion, question)
    finally:
        await asyncio.to_thread(made.close)


async def test_it_asks_with_both_sides_words_and_takes_the_answer(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    async with judging(url, model="m", key="secret", said=lambda _: "Your order has left the") as ask:
        assert await ask() > 0.9
        assert "wait, what?" in made.body["messages"][-1]["content"]
        assert "Your order has left the" in made.body["messages"][-1]["content"]
        assert made.body["model"] == "m"
        assert made.headers["Authorization"] == "Bearer secret"
        made.says("listen.")
        assert await ask() < 0.1
        made.says("UNSURE")
        assert await ask() is None
    assert made.asked == 3


@pytest.mark.weights
async def test_the_packaged_recogniser_gives_the_words_where_nobody_else_does(
    endpoint: tuple[Endpoint, str], clip: Callable[..., Any]
) -> None:
    made, url = endpoint
    sound = np.concatenate([ASKED.audio[:4800], clip("en_ast_hang_on_a_second"), ASKED.audio[:3000]])
    async with judging(url, heard=None, timeout_s=30.0) as ask:
        assert await ask(Question(Occasion.LONG, sound, 4800, 1.1, 0.0, "en")) > 0.9
    asked = made.body["messages"][-1]["content"]
    assert "on a second" in asked
    assert asked.endswith("still speaking")


async def test_parameters_that_a_model_refuses_can_be_replaced(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    async with judging(url) as ask:
        await ask()
    assert made.body["temperature"] == 0
    async with judging(url, parameters={"reasoning_effort": "low"}) as ask:
        await ask()
    assert "temperature" not in made.body
    assert made.body["reasoning_effort"] == "low"


async def test_no_words_no_question(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    for nothing in (None, "", "  "):
        async with judging(url, heard=lambda _, said=nothing: said) as ask:
            assert await ask() is None
    assert made.asked == 0


async def test_an_endpoint_that_dribbles_is_left_in_time(
    endpoint: tuple[Endpoint, str], told: list[dict[str, object]]
) -> None:
    made, url = endpoint
    made.hang = True
    async with judging(url, timeout_s=0.3) as ask:
        await asyncio.to_thread(__import__, "openai")
        began = time.monotonic()
        assert await ask() is None
        assert time.monotonic() - began < 2
        await asyncio.wait_for(made.gone.wait(), 5)
        assert await ask() is None
    assert [line["kind"] for line in told] == ["late"]  # once, not each time


async def test_words_that_took_all_the_time_are_not_asked_about(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint

    def slow(_: Question) -> str:
        time.sleep(0.06)
        return "stop"

    judge = SemanticJudge(url, heard=slow, timeout_s=0.05)
    assert judge.opinion(ASKED) is None
    judge.close()
    assert made.asked == 0


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_a_refusal_is_no_opinion_and_not_tried_again(
    endpoint: tuple[Endpoint, str], told: list[dict[str, object]], status: int
) -> None:
    made, url = endpoint
    made.status = status
    async with judging(url) as ask:
        assert await ask() is None
    assert made.asked == 1
    assert told[0]["reason"] == f"status {status}"
    assert "wait" not in str(told)  # nobody's words


@pytest.mark.parametrize(
    "answer",
    [
        "{not json",
        "null",
        "{}",
        "[]",
        '{"choices": []}',
        '{"choices": [{}]}',
        '{"choices": [{"message": null}]}',
    ],
)
async def test_an_answer_that_is_none_is_no_opinion(endpoint: tuple[Endpoint, str], answer: str) -> None:
    made, url = endpoint
    made.answer = answer
    async with judging(url) as ask:
        assert await ask() is None
        made.says(None)
        assert await ask() is None
        made.says("turn")
        assert await ask() > 0.9  # and the next one is asked as before


async def test_nobody_there_is_no_opinion(told: list[dict[str, object]]) -> None:
    async with judging("http://127.0.0.1:9/v1") as ask:
        assert await ask() is None
    assert [line["kind"] for line in told] == ["unreachable"]


async def test_it_warms_up_without_a_request(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    judge = SemanticJudge(url, heard=lambda _: "stop")
    await asyncio.to_thread(judge.warm_up)
    await asyncio.to_thread(judge.close)
    await asyncio.to_thread(judge.close)
    assert made.asked == 0


def test_it_is_a_judge_and_needs_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTIPHON_JUDGE_URL", raising=False)
    with pytest.raises(ConfigError, match="ANTIPHON_JUDGE_URL"):
        SemanticJudge()
    monkeypatch.setenv("ANTIPHON_JUDGE_URL", "http://127.0.0.1:9/v1")
    judge: Judge = SemanticJudge(heard=lambda _: None)
    assert judge.name == "semantic"
    assert Occasion.EARLY not in judge.occasions
    with pytest.raises(ConfigError, match="more than 0 s"):
        SemanticJudge(timeout_s=0)


def test_the_prompt_holds_the_last_words_of_both() -> None:
    system, user = prompt("stop " * 200, "one " * 200 + "end", more_to_come=True)
    assert system["role"] == "system"
    assert str(user["content"]).count("stop") <= 101
    assert 'end"\n' in str(user["content"])
    assert str(user["content"]).endswith("still speaking")
    assert "agent" not in str(prompt("stop")[1]["content"])


@pytest.mark.parametrize(
    ("answer", "opinion"),
    [
        ("TURN", 0.92),
        ("Turn.", 0.92),
        (" listen\n", 0.08),
        ('{"answer": "LISTEN"}', 0.08),
        ("<think>could be turn or listen</think>listen", 0.08),
        ("<think>could be turn", None),
        ("UNSURE", None),
        ("TURN or LISTEN", None),
        ("Return", None),
        ("", None),
    ],
)
def test_an_answer_is_read_leniently(answer: str, opinion: float | None) -> None:
    assert opinion_of_answer(answer) == opinion
