"""The model over a real WebSocket, and under livekit's own client."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import llm
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from antiphon.agents.errors import ConfigError
from antiphon.plugins import openai
from antiphon.plugins.local.engines import BrainRequest, Engines, Heard, Samples, TextDelta
from antiphon.plugins.local.server import LocalRealtimeServer, Session
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply

EVENTS: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def read(socket: aiohttp.ClientWebSocketResponse, until: str) -> list[dict[str, Any]]:
    """Events up to one of a type, each validated."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != until:
        message = await asyncio.wait_for(socket.receive(), 10)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        events.append(json.loads(message.data))
        EVENTS.validate_python(events[-1])
    return events


class Sessions(set[Session]):
    """A server's sessions that tell when one has ended."""

    def __init__(self, server: LocalRealtimeServer) -> None:
        self._ended = asyncio.Event()
        server.sessions = self

    def discard(self, session: Session) -> None:
        super().discard(session)
        self._ended.set()

    async def ended(self) -> None:
        """Waits for the end of one; none may be left."""
        await asyncio.wait_for(self._ended.wait(), 10)
        assert not self


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
            assert (await read(socket, "session.created"))[0]["session"]["type"] == "realtime"
        protocols = ("realtime", "openai-insecure-api-key.right")
        async with http.ws_connect(server.url, protocols=protocols) as socket:
            await read(socket, "session.created")


async def test_a_turn_and_what_is_no_event(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer([Say("Hello there.")]) as server,
        http.ws_connect(f"{server.url}?model=m", headers={"Authorization": "Bearer x"}) as socket,
    ):
        await read(socket, "conversation.created")
        for nonsense in ("{", "[]", '"text"', '{"type": 5}', "1" * 5000, "[" * 5000):
            await socket.send_str(nonsense)
            await read(socket, "error")
        await socket.send_bytes(b"\x00\x01")
        await read(socket, "error")
        await socket.send_json({"type": "response.create"})
        events = await read(socket, "response.done")
        assert events[-1]["response"]["status"] == "completed"
        assert any(event["type"] == "response.output_audio.delta" for event in events)
        server.check()


async def test_replies_come_faster_than_real_time(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer([Say("chirp", chirp_reply(6.0))]) as server,
        http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as socket,
    ):
        await socket.send_json({"type": "response.create"})
        await read(socket, "response.done")
        first, last = (server.events("response.output_audio.delta")[i].at for i in (0, -1))
        assert last - first < 3.0


async def test_a_session_ends_at_its_limit_with_1001(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer(session_limit_s=0.2) as server:
        sessions = Sessions(server)
        socket = await http.ws_connect(server.url, headers={"Authorization": "Bearer x"})
        events = await read(socket, "error")
        assert events[-1]["error"]["code"] == "session_expired"
        closed = await asyncio.wait_for(socket.receive(), 5)
        assert closed.type is aiohttp.WSMsgType.CLOSE
        assert closed.data == 1001
        await sessions.ended()


async def test_one_sessions_fault_does_not_touch_another(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer([Say("x", fault="fail"), Say("Fine.")]) as server,
        http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as one,
        http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as other,
    ):
        await one.send_json({"type": "response.create"})
        assert (await read(one, "response.done"))[-1]["response"]["status"] == "failed"
        await other.send_json({"type": "response.create"})
        assert (await read(other, "response.done"))[-1]["response"]["status"] == "completed"


async def test_a_client_that_vanishes_amid_a_flood_leaves_nothing(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer([Say("long", chirp_reply(30.0))], speed=1000.0) as server:
        sessions = Sessions(server)
        socket = await http.ws_connect(server.url, headers={"Authorization": "Bearer x"})
        await socket.send_json({"type": "response.create"})
        second = base64.b64encode(bytes(48_000)).decode()
        for _ in range(300):
            await socket.send_json({"type": "input_audio_buffer.append", "audio": second})
        assert sessions
        connection = socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        await sessions.ended()


class Broken:
    """Ears and a brain that fail in a way nobody foresaw."""

    async def hear(self, audio: Samples, *, language: str | None = None) -> Heard:
        raise KeyError("ears")

    async def reply(self, request: BrainRequest) -> AsyncGenerator[TextDelta, None]:
        raise KeyError("brain")
        yield TextDelta("")


async def test_engines_may_fail_in_any_way(http: aiohttp.ClientSession) -> None:
    voice = ScriptedServer().engines.voice
    async with (
        LocalRealtimeServer(Engines(Broken(), Broken(), voice)) as server,
        http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as socket,
    ):
        settings = {"transcription": {"model": "w"}, "turn_detection": None}
        await socket.send_json(
            {"type": "session.update", "session": {"type": "realtime", "audio": {"input": settings}}}
        )
        second = base64.b64encode(bytes(48_000)).decode()
        await socket.send_json({"type": "input_audio_buffer.append", "audio": second})
        await socket.send_json({"type": "input_audio_buffer.commit"})
        await socket.send_json({"type": "response.create"})
        events = await read(socket, "response.done")
        assert any(e["type"] == "conversation.item.input_audio_transcription.failed" for e in events)
        assert events[-1]["response"]["status"] == "failed"
        assert events[-1]["response"]["status_details"]["error"]["code"] == "KeyError"


async def test_a_taken_port_is_named() -> None:
    async with ScriptedServer() as server:
        with pytest.raises(ConfigError, match=str(server.port)):
            await ScriptedServer(port=server.port).start()


async def test_server_vad_finds_real_speech(http: aiohttp.ClientSession, clip: Any) -> None:
    speech = clip("weather_question", 24_000)
    sound = np.concatenate([np.zeros(12_000, np.int16), speech, np.zeros(24_000, np.int16)])
    async with (
        ScriptedServer([Say("Sunny.")]) as server,
        http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as socket,
    ):
        for start in range(0, len(sound), 2400):
            chunk = base64.b64encode(sound[start : start + 2400].tobytes()).decode()
            await socket.send_json({"type": "input_audio_buffer.append", "audio": chunk})
        events = await read(socket, "response.done")
        started = next(e for e in events if e["type"] == "input_audio_buffer.speech_started")
        stopped = next(e for e in events if e["type"] == "input_audio_buffer.speech_stopped")
        assert started["item_id"] == stopped["item_id"]
        assert 200 < started["audio_start_ms"] < 1200
        assert stopped["audio_end_ms"] > 2000


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
