"""What the server refuses is said once, in its words, without a trace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from livekit.agents.llm import RealtimeModelError
from livekit.plugins.openai.realtime import RealtimeSession

from antiphon.plugins.local.testing import Say, ScriptedServer
from antiphon.plugins.openai import realtime
from antiphon.plugins.openai.websocket import FATAL_CODES, WebSocketSession


@asynccontextmanager
async def session_at(base_url: str, key: str) -> AsyncIterator[tuple[Any, asyncio.Queue[Any]]]:
    """A session and what it reports as errors."""
    async with aiohttp.ClientSession() as http:
        model = realtime(base_url=base_url, api_key=key, http_session=http)
        session = model.session()
        errors: asyncio.Queue[RealtimeModelError] = asyncio.Queue()
        session.on("error", errors.put_nowait)
        try:
            yield session, errors
        finally:
            await session.aclose()
            await model.aclose()


async def test_a_wrong_key_is_said_once_in_the_servers_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        ScriptedServer(api_key="right") as server,
        session_at(server.base_url, "wrong") as (session, errors),
    ):
        async with asyncio.timeout(5):
            error = await errors.get()
            await session._main_atask  # it gives up, rather than try again
        assert not error.recoverable
        assert "Incorrect API key provided" in str(error.error)
        assert "OPENAI_API_KEY" in str(error.error)
        assert "wrong" not in str(error.error)
        assert error.error.status_code == 401
        assert error.error.body["code"] == "invalid_api_key"
        assert errors.empty()
        assert len(server.sessions) == 0
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_model_the_server_has_not_is_answered_with_its_list() -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no such model"}}, status=404)

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "one"}, {"id": "two"}]})

    app = web.Application()
    app.router.add_get("/v1/realtime", refuse)
    app.router.add_get("/v1/models", models)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with session_at(f"http://127.0.0.1:{port}/v1", "k") as (_, errors):
            error = await asyncio.wait_for(errors.get(), 5)
        assert not error.recoverable
        assert "it has: one, two" in str(error.error)
    finally:
        await runner.cleanup()


async def test_no_quota_ends_it_with_the_reason() -> None:
    async with (
        ScriptedServer([Say(fault="fail", code="insufficient_quota")]) as server,
        session_at(server.base_url, "k") as (session, errors),
    ):
        await session.generate_reply()
        error = await asyncio.wait_for(errors.get(), 5)
        assert not error.recoverable
        assert error.error.body.code == "insufficient_quota"
        async with asyncio.timeout(5):
            await session._main_atask
        assert len(server.events("session.created", "s")) == 1


async def test_a_line_that_is_down_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        ScriptedServer([Say("Hello.", fault="drop"), Say("Here again.")]) as server,
        session_at(server.base_url, "k") as (session, errors),
    ):
        there = asyncio.Event()
        session.on("session_reconnected", lambda _: there.set())
        await session.generate_reply()
        error = await asyncio.wait_for(errors.get(), 5)
        assert error.recoverable
        await asyncio.wait_for(there.wait(), 5)
        again = await session.generate_reply()
        texts = [text async for message in again.message_stream async for text in message.text_stream]
        assert "".join(texts) == "Here again."
    traces = [record.getMessage() for record in caplog.records if record.exc_info]
    assert traces == []
    assert any("closed unexpectedly" in record.getMessage() for record in caplog.records)


def test_what_it_reaches_into_is_there() -> None:
    assert asyncio.iscoroutinefunction(RealtimeSession._main_task.__wrapped__)
    for name in ("_create_ws_conn", "_is_fatal_error", "_emit_error", "_create_ws_url_and_headers"):
        assert getattr(WebSocketSession, name) is not None
        assert hasattr(RealtimeSession, name)
    assert "insufficient_quota" in FATAL_CODES
