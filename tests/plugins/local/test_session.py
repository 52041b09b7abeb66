"""One connection, over a real WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from antiphon.plugins.local.engines import BrainRequest, CutShort, Engines, Heard, Samples, TextDelta, Thought
from antiphon.plugins.local.server import LocalRealtimeServer
from antiphon.plugins.local.session import Session
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply

EVENTS: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
KEY = {"Authorization": "Bearer x"}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


def append(sound: np.ndarray) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(sound.tobytes()).decode()}


def detection(settings: dict[str, Any] | None) -> dict[str, Any]:
    session = {"type": "realtime", "audio": {"input": {"turn_detection": settings}}}
    return {"type": "session.update", "session": session}


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


async def test_a_turn_and_what_is_no_event(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer([Say("Hello there.")]) as server,
        http.ws_connect(f"{server.url}?model=m", headers=KEY) as socket,
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
        http.ws_connect(server.url, headers=KEY) as socket,
    ):
        await socket.send_json({"type": "response.create"})
        await read(socket, "response.done")
        first, last = (server.events("response.output_audio.delta")[i].at for i in (0, -1))
        assert last - first < 3.0


async def test_a_session_ends_at_its_limit_with_1001(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer(session_limit_s=0.2) as server:
        sessions = Sessions(server)
        socket = await http.ws_connect(server.url, headers=KEY)
        events = await read(socket, "error")
        assert events[-1]["error"]["code"] == "session_expired"
        closed = await asyncio.wait_for(socket.receive(), 5)
        assert closed.type is aiohttp.WSMsgType.CLOSE
        assert closed.data == 1001
        await sessions.ended()


async def test_one_sessions_fault_does_not_touch_another(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer([Say("x", fault="fail"), Say("Fine.")]) as server,
        http.ws_connect(server.url, headers=KEY) as one,
        http.ws_connect(server.url, headers=KEY) as other,
    ):
        await one.send_json({"type": "response.create"})
        assert (await read(one, "response.done"))[-1]["response"]["status"] == "failed"
        await other.send_json({"type": "response.create"})
        assert (await read(other, "response.done"))[-1]["response"]["status"] == "completed"


async def test_a_client_that_vanishes_amid_a_flood_leaves_nothing(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer([Say("long", chirp_reply(30.0))], speed=1000.0) as server:
        sessions = Sessions(server)
        socket = await http.ws_connect(server.url, headers=KEY)
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
        http.ws_connect(server.url, headers=KEY) as socket,
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


async def test_server_vad_finds_real_speech(http: aiohttp.ClientSession, clip: Any) -> None:
    speech = clip("weather_question", 24_000)
    sound = np.concatenate([np.zeros(12_000, np.int16), speech, np.zeros(24_000, np.int16)])
    async with (
        ScriptedServer([Say("Sunny.")]) as server,
        http.ws_connect(server.url, headers=KEY) as socket,
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


async def test_an_append_of_a_minute_is_searched_for_speech_while_another_session_is_served(
    http: aiohttp.ClientSession, clip: Any
) -> None:
    speech = clip("weather_question", 24_000)
    minute = np.concatenate([np.zeros(24_000 * 58, np.int16), speech, np.zeros(24_000, np.int16)])
    async with (
        ScriptedServer([Say("Other."), Say("One.")], transcripts=["x"]) as server,
        http.ws_connect(server.url, headers=KEY) as one,
        http.ws_connect(server.url, headers=KEY) as other,
    ):
        await server.wait_for("conversation.created", count=2)
        await one.send_json(append(minute))
        await server.wait_for("input_audio_buffer.append")
        await other.send_json({"type": "response.create"})
        first = await server.wait_for("response.done")
        stopped = await server.wait_for("input_audio_buffer.speech_stopped")
        assert first.session == 2
        assert first.at < stopped.at
        assert 58_000 < stopped.event["audio_end_ms"] < len(minute) / 24
        assert (await server.wait_for("response.done", count=2)).session == 1


async def test_speech_is_found_at_its_place_after_detection_was_off(
    http: aiohttp.ClientSession, clip: Any
) -> None:
    speech = np.concatenate([clip("weather_question", 24_000), np.zeros(24_000, np.int16)])
    vad = {"type": "server_vad", "create_response": False}
    async with (
        ScriptedServer() as server,
        http.ws_connect(server.url, headers=KEY) as socket,
    ):
        await socket.send_json(detection(None))
        await socket.send_json(append(np.concatenate([np.zeros(1000, np.int16), speech])))
        await socket.send_json({"type": "input_audio_buffer.clear"})
        await server.wait_for("input_audio_buffer.cleared")
        assert not server.events("input_audio_buffer.speech_started")
        await socket.send_json(detection(vad))
        await socket.send_json(append(speech))
        started = await server.wait_for("input_audio_buffer.speech_started")
        stopped = await server.wait_for("input_audio_buffer.speech_stopped")
        begins = (1000 + len(speech)) / 24
        assert begins <= started.event["audio_start_ms"] < begins + 500
        assert stopped.event["audio_end_ms"] <= begins + len(speech) / 24


async def test_a_cancelled_reply_falls_silent(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer([Say("long", chirp_reply(30.0))], speed=1.0) as server,
        http.ws_connect(server.url, headers=KEY) as socket,
    ):
        await socket.send_json({"type": "response.create"})
        await server.wait_for("response.output_audio.delta")
        (session,) = server.sessions
        (work,) = session._replies.values()
        await socket.send_json({"type": "response.cancel"})
        done = await server.wait_for("response.done")
        assert done.event["response"]["status"] == "cancelled"
        await asyncio.wait([work], timeout=5)
        assert work.cancelled()
        assert server.wire[-1].type == "response.done"


async def test_what_is_no_reply_leaves_the_session_as_it_was(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer([Say("Fine.")]) as server,
        http.ws_connect(server.url, headers=KEY) as socket,
    ):
        await server.wait_for("conversation.created")
        (session,) = server.sessions
        await session.report("only said")
        assert (await server.wait_for("error")).event["error"]["message"] == "only said"
        await socket.send_json({"type": "response.create"})
        assert (await server.wait_for("response.done")).event["response"]["status"] == "completed"
        session.drop()
        async with asyncio.timeout(5):
            while not socket.closed:
                await socket.receive()
        assert socket.close_code == 1006  # no closing handshake


async def test_tools_that_nobody_will_call_are_logged(http: aiohttp.ClientSession) -> None:
    server = {"type": "mcp", "server_label": "s", "server_url": "https://x"}
    update = {"type": "session.update", "session": {"type": "realtime", "tools": [server]}}
    with capture_logs() as logs:
        async with ScriptedServer() as model, http.ws_connect(model.url, headers=KEY) as socket:
            await socket.send_json(update)
            await model.wait_for("mcp_list_tools.failed")
    assert [(line["log_level"], "MCP" in line["event"]) for line in logs] == [("warning", True)]


class Stopping:
    """A brain that stops in the middle of a sentence."""

    async def reply(self, request: BrainRequest) -> AsyncGenerator[Thought, None]:
        yield TextDelta("Half a")
        yield CutShort("content_filter")


async def test_a_reply_that_its_brain_cut_short_is_incomplete(http: aiohttp.ClientSession) -> None:
    scripted = ScriptedServer().engines
    async with (
        LocalRealtimeServer(Engines(scripted.ears, Stopping(), scripted.voice)) as server,
        http.ws_connect(server.url, headers=KEY) as socket,
    ):
        await socket.send_json({"type": "response.create"})
        response = (await read(socket, "response.done"))[-1]["response"]
        assert response["status"] == "incomplete"
        assert response["status_details"]["reason"] == "content_filter"
        assert response["output"][0]["content"][0]["transcript"] == "Half a"
