"""One connection, over a real WebSocket."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pytest

from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply

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
