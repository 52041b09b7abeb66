"""Who may connect and where, and the model under livekit's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import llm

from antiphon.agents.errors import ConfigError
from antiphon.plugins import openai
from antiphon.plugins.local.server import LocalRealtimeServer
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def test_no_key_is_401_before_any_frame(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer(api_key="right") as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(server.url, headers=headers)
            assert refused.value.status == 401
        async with http.get(f"{server.base_url}/models") as answer:
            assert answer.status == 401
            assert (await answer.json())["error"]["code"] == "invalid_api_key"
        async with http.ws_connect(server.url, headers={"Authorization": "Bearer right"}) as socket:
            created = await asyncio.wait_for(socket.receive_json(), 10)
            assert created["session"]["type"] == "realtime"
        protocols = ("realtime", "openai-insecure-api-key.right")
        async with http.ws_connect(server.url, protocols=protocols) as socket:
            assert (await asyncio.wait_for(socket.receive_json(), 10))["type"] == "session.created"


async def test_a_taken_port_is_named() -> None:
    async with ScriptedServer() as server:
        with pytest.raises(ConfigError, match=str(server.port)):
            await ScriptedServer(port=server.port).start()


async def words(generation: llm.GenerationCreatedEvent) -> str:
    return "".join([text async for m in generation.message_stream async for text in m.text_stream])


async def test_livekits_own_client_passes(http: aiohttp.ClientSession) -> None:
    script = [
        Say("Hello."),
        Say(tools=[("look", "{}")]),
        Say("chirp", chirp_reply(6.0)),
        Say("After the interruption."),
    ]
    async with ScriptedServer(script, transcripts=["What is this?"]) as server:
        model = openai.realtime(base_url=server.base_url, api_key="x", http_session=http)
        session = model.session()
        errors: list[Any] = []
        session.on("error", errors.append)
        try:
            await session.update_instructions("Be brief.")
            context = llm.ChatContext.empty()
            context.add_message(role="user", content="Hello")
            await session.update_chat_ctx(context)
            generation = await session.generate_reply()
            assert (
                "".join([text async for m in generation.message_stream async for text in m.text_stream])
                == "Hello."
            )
            generation = await session.generate_reply()
            calls = [call async for call in generation.function_stream]
            assert [(call.name, call.arguments) for call in calls] == [("look", "{}")]
            sound = np.zeros(24_000, dtype=np.int16)
            session.push_audio(rtc.AudioFrame(sound.tobytes(), 24_000, 1, len(sound)))
            session.commit_audio()
            generation = await session.generate_reply()
            async for message in generation.message_stream:
                await anext(message.audio_stream.__aiter__())
                session.interrupt()
                session.truncate(
                    message_id=message.message_id,
                    modalities=["audio"],
                    audio_end_ms=80,
                    audio_transcript="ch",
                )
                break
            await server.wait_for("conversation.item.truncated")
            done = await server.wait_for("response.done", count=3)
            assert done.event["response"]["status"] == "cancelled"
            generation = await session.generate_reply()
            assert "After" in await words(generation)
        finally:
            await session.aclose()
            await model.aclose()
        assert not errors
        assert not server.events("error")
        assert isinstance(server, LocalRealtimeServer)
