"""The chat brain against a real HTTP server that streams as such endpoints do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from antiphon.agents.errors import ModelRefused, ModelUnavailable
from antiphon.plugins.local.brain_chat import ChatBrain, messages
from antiphon.plugins.local.engines import BrainRequest, CutShort, TextDelta, Thought, ToolRequest

TOOL = {"type": "function", "name": "look", "description": "", "parameters": {"type": "object"}}
REQUEST = BrainRequest(
    "Be kind.",
    [{"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": "Hi"}]}],
    [TOOL],
)


class Endpoint:
    def __init__(self) -> None:
        self.body: dict[str, Any] = {}
        self.headers: Any = None
        self.lines: list[str] = []
        self.status = 200
        self.gone = asyncio.Event()
        self.hang = False
        self.breaks = False
        self.asked = 0

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        self.body, self.headers = await request.json(), request.headers
        if self.status != 200:
            return web.Response(status=self.status, text="no such model")
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for line in self.lines:
                await response.write(f"data: {line}\n\n".encode())
            if self.breaks and request.transport is not None:
                request.transport.abort()
            if self.hang:
                await asyncio.Event().wait()
        except asyncio.CancelledError:  # the test server's way to say that the client went
            self.gone.set()
            raise
        return response


@pytest.fixture
async def endpoint() -> AsyncIterator[tuple[Endpoint, str]]:
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made.chat)
    async with TestServer(app) as server:
        yield made, str(server.make_url("/v1"))


def delta(**fields: Any) -> str:
    return json.dumps({"choices": [{"delta": fields}]})


@asynccontextmanager
async def brain(url: str, **options: str) -> AsyncIterator[ChatBrain]:
    made = ChatBrain(url, **options)
    try:
        yield made
    finally:
        await made.aclose()


async def think(url: str, request: BrainRequest = REQUEST, **options: str) -> list[Thought]:
    async with brain(url, **options) as made:
        return [part async for part in made.reply(request)]


async def test_text_and_tool_calls_stream(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.lines = [
        "{}",
        delta(content="Hel"),
        delta(content="lo."),
        delta(tool_calls=[{"index": 0, "function": {"name": "look", "arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
        delta(tool_calls=[{"index": 1, "function": {"name": "wave"}}]),
        "[DONE]",
    ]
    parts = await think(url, model="m", key="secret")
    assert parts == [
        TextDelta("Hel"),
        TextDelta("lo."),
        ToolRequest("look", '{"a": 1}'),
        ToolRequest("wave", "{}"),
    ]
    assert made.body["model"] == "m"
    assert made.body["messages"][-1] == {"role": "user", "content": "Hi"}
    assert made.body["tools"][0]["function"]["name"] == "look"
    assert made.headers["Authorization"] == "Bearer secret"
    assert "max_tokens" not in made.body


async def test_what_is_asked_for_is_asked_of_the_endpoint(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    choice = {"type": "function", "name": "look"}
    await think(url, replace(REQUEST, tool_choice=choice, max_output_tokens=50))
    assert made.body["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert made.body["max_tokens"] == 50
    await think(url, replace(REQUEST, tool_choice="none"))
    assert "tools" not in made.body


@pytest.mark.parametrize(
    ("said", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
async def test_an_answer_that_was_cut_is_no_whole_one(
    endpoint: tuple[Endpoint, str], said: str, reason: str
) -> None:
    made, url = endpoint
    made.lines = [
        delta(content="Half", tool_calls=[{"index": 0, "function": {"name": "look", "arguments": "{"}}]),
        json.dumps({"choices": [{"delta": {}, "finish_reason": said}]}),
        "[DONE]",
    ]
    assert await think(url) == [TextDelta("Half"), CutShort(reason)]  # and no half of a call


async def test_a_refusal_says_what_to_check(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.status = 404
    with pytest.raises(ModelRefused, match=r"404: no such model.*ANTIPHON_CHAT_MODEL"):
        await think(url)


async def test_a_refusal_is_not_tried_again(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.status = 500
    with pytest.raises(ModelRefused, match="500"):
        await think(url)
    assert made.asked == 1


async def test_nobody_there_says_what_to_do() -> None:
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:9.*built-in brain") as caught:
        await think("http://127.0.0.1:9/v1")
    assert caught.value.retryable


@pytest.mark.parametrize("line", ["{not json", '{"error": {"message": "out of memory"}}'])
async def test_nonsense_is_a_fault_of_the_endpoint(endpoint: tuple[Endpoint, str], line: str) -> None:
    made, url = endpoint
    made.lines = [line]
    with pytest.raises(ModelUnavailable):
        await think(url)


async def test_an_endpoint_that_breaks_off_is_at_fault(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.lines, made.breaks = [delta(content="One")], True
    with pytest.raises(ModelUnavailable):
        await think(url)


async def test_stopping_ends_the_request(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.lines, made.hang = [delta(content="One")], True
    async with brain(url) as thinking:
        stream = thinking.reply(REQUEST)
        assert await anext(stream) == TextDelta("One")
        await stream.aclose()
        await asyncio.wait_for(made.gone.wait(), 5)


def test_the_conversation_becomes_messages() -> None:
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": None}]},
    ]
    made = messages(BrainRequest("Base.", items))
    assert [m["role"] for m in made] == ["system", "user", "assistant", "tool"]
    assert made[0]["content"].startswith("Base.")
    assert made[2]["tool_calls"][0]["id"] == made[3]["tool_call_id"] == "c1"
