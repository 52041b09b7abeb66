"""The chat brain against a real HTTP server that streams as such endpoints do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from antiphon.agents.errors import ModelRefused, ModelUnavailable
from antiphon.plugins.local.brain_chat import ChatBrain, messages
from antiphon.plugins.local.engines import BrainRequest, TextDelta, ToolRequest

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

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.body, self.headers = await request.json(), request.headers
        if self.status != 200:
            return web.Response(status=self.status, text="no such model")
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for line in self.lines:
                await response.write(f"data: {line}\n\n".encode())
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


async def test_text_and_tool_calls_stream(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.lines = [
        delta(content="Hel"),
        delta(content="lo."),
        delta(tool_calls=[{"index": 0, "function": {"name": "look", "arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
        "[DONE]",
    ]
    parts = [part async for part in ChatBrain(url, model="m", key="secret").reply(REQUEST)]
    assert parts == [TextDelta("Hel"), TextDelta("lo."), ToolRequest("look", '{"a": 1}')]
    assert made.body["model"] == "m"
    assert made.body["messages"][-1] == {"role": "user", "content": "Hi"}
    assert made.body["tools"][0]["function"]["name"] == "look"
    assert made.headers["Authorization"] == "Bearer secret"


async def test_a_refusal_says_what_to_check(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.status = 404
    with pytest.raises(ModelRefused, match=r"no such model.*ANTIPHON_CHAT_MODEL"):
        [part async for part in ChatBrain(url).reply(REQUEST)]


async def test_nobody_there_says_what_to_do() -> None:
    with pytest.raises(ModelUnavailable, match="built-in brain") as caught:
        [part async for part in ChatBrain("http://127.0.0.1:9/v1").reply(REQUEST)]
    assert caught.value.retryable


async def test_nonsense_is_a_fault_of_the_endpoint(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.lines = ["{not json"]
    with pytest.raises(ModelUnavailable):
        [part async for part in ChatBrain(url).reply(REQUEST)]


async def test_stopping_ends_the_request(endpoint: tuple[Endpoint, str]) -> None:
    made, url = endpoint
    made.lines, made.hang = [delta(content="One")], True
    stream = ChatBrain(url).reply(REQUEST)
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
