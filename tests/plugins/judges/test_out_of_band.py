"""Questions over a socket of their own: to the local realtime server, and to one that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from antiphon.plugins.judges.out_of_band import Answer, OutOfBand
from antiphon.plugins.local.testing import Say, ScriptedServer

TEXT = {"output_modalities": ["text"], "input": []}


def question(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {**TEXT, "input": [{"type": "message", "role": "user", "content": content}]}


@asynccontextmanager
async def line(url: str, key: str = "test") -> AsyncIterator[OutOfBand]:
    made = OutOfBand(url, "m", key)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)


Handler = Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    async def serve(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer test":
            return web.Response(status=401)
        assert request.query["model"] == "m"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await handler(socket, json.loads(message.data))
        return socket

    app = web.Application()
    app.router.add_get("/v1/realtime", serve)
    async with TestServer(app) as made:
        yield str(made.make_url("/v1"))


def done(request: dict[str, Any], text: str) -> dict[str, Any]:
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    response = {"id": "r", "status": "completed", "metadata": request["response"]["metadata"]}
    return {"type": "response.done", "response": {**response, "output": output}}


async def test_questions_that_cross_get_their_own_answers() -> None:
    asked: list[dict[str, Any]] = []

    async def backwards(socket: web.WebSocketResponse, event: dict[str, Any]) -> None:
        asked.append(event)
        if len(asked) == 3:
            for request in reversed(asked):
                said = request["response"]["input"][0]["content"][0]["text"]
                await socket.send_json(done(request, f"to {said}"))

    async with server(backwards) as url, line(url) as out:
        answers = await asyncio.gather(
            *(asyncio.to_thread(out.ask, question(text), 5.0) for text in ("a", "b", "c"))
        )
    assert answers == [Answer("to a"), Answer("to b"), Answer("to c")]
    assert {event["response"]["conversation"] for event in asked} == {"none"}


async def test_a_connection_that_was_lost_is_opened_again() -> None:
    connections: list[web.WebSocketResponse] = []

    async def once(socket: web.WebSocketResponse, event: dict[str, Any]) -> None:
        if socket not in connections:
            connections.append(socket)
        if len(connections) == 1:
            await socket.close()
        else:
            await socket.send_json(done(event, "here"))

    async with server(once) as url, line(url) as out:
        lost = await asyncio.to_thread(out.ask, TEXT, 5.0)
        assert (lost.text, lost.trouble) == ("", "unreachable")
        assert await asyncio.to_thread(out.ask, TEXT, 5.0) == Answer("here")


async def test_what_is_refused_says_why() -> None:
    async def refuse(socket: web.WebSocketResponse, event: dict[str, Any]) -> None:
        error = {"type": "invalid_request_error", "code": "unknown_parameter", "event_id": event["event_id"]}
        await socket.send_json({"type": "error", "error": {**error, "event_id": "somebody else's"}})
        await socket.send_json({"type": "error", "error": error})

    async with server(refuse) as url:
        async with line(url) as out:
            answer = await asyncio.to_thread(out.ask, TEXT, 5.0)
            assert answer == Answer(trouble="refused", reason="unknown_parameter")
        async with line(url, "wrong") as out:
            assert await asyncio.to_thread(out.ask, TEXT, 5.0) == Answer(
                trouble="refused", reason="status 401"
            )


async def test_nonsense_is_passed_over() -> None:
    async def babble(socket: web.WebSocketResponse, event: dict[str, Any]) -> None:
        for text in ("{", "[]", "{}", '{"type": "response.done"}', '{"type": "error", "error": null}'):
            await socket.send_str(text)
        await socket.send_bytes(b"\x00")
        await socket.send_json({"type": "response.done", "response": {"id": "other", "metadata": None}})
        await socket.send_json(done(event, "sense"))

    async with server(babble) as url, line(url) as out:
        assert await asyncio.to_thread(out.ask, TEXT, 5.0) == Answer("sense")


async def test_a_silent_server_is_waited_for_no_longer_than_stated() -> None:
    async def silent(socket: web.WebSocketResponse, event: dict[str, Any]) -> None:
        """Says nothing."""

    async with server(silent) as url, line(url) as out:
        assert await asyncio.to_thread(out.connect, 5.0)
        began = asyncio.get_running_loop().time()
        answer = await asyncio.to_thread(out.ask, TEXT, 0.3)
        assert answer == Answer(trouble="late", reason="no answer in 0.3 s")
        assert asyncio.get_running_loop().time() - began < 3.0


async def test_nobody_is_there() -> None:
    async with line("http://127.0.0.1:9/v1") as out:
        assert not await asyncio.to_thread(out.connect, 5.0)
        assert (await asyncio.to_thread(out.ask, TEXT, 2.0)).trouble == "unreachable"


async def test_the_local_model_answers_out_of_band() -> None:
    async with ScriptedServer([Say("Yes."), Say("No.")], strict=True) as model, line(model.base_url) as out:
        assert await asyncio.to_thread(out.ask, question("Well?"), 5.0) == Answer("Yes.")
        assert await asyncio.to_thread(out.ask, question("Well?"), 5.0) == Answer("No.")
        assert model.events("conversation.item.added") == []
        assert len(model.events("session.created")) == 1


async def test_one_that_was_never_used_closes() -> None:
    OutOfBand("http://127.0.0.1:9/v1", "m", "").close()


@pytest.mark.parametrize(
    ("url", "wanted"), [("https://a/v1/", "wss://a/v1/realtime"), ("http://b", "ws://b/realtime")]
)
def test_the_address(url: str, wanted: str) -> None:
    assert OutOfBand(url, "", "")._url == wanted
