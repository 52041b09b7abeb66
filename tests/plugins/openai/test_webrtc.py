"""livekit's session over a real WebRTC call, against a server that says what the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, llm

from antiphon.agents.errors import ConfigError
from antiphon.plugins.openai.webrtc import WebRtcModel, WebRtcSession, webrtc_model
from tests.plugins.openai.calls_server import Call, CallsServer

RATE = 24_000
TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.int16)
FAST = APIConnectOptions(max_retry=3, retry_interval=0.05, timeout=10.0)
"""Of the tests: real ones wait longer between attempts."""


@pytest.fixture
async def server() -> AsyncIterator[CallsServer]:
    async with CallsServer() as running:
        yield running


class Client:
    """A session, and what it told."""

    def __init__(self, model: WebRtcModel) -> None:
        self.model = model
        self.session: WebRtcSession = model.session()
        self.errors: list[llm.RealtimeModelError] = []
        self.metrics: list[Any] = []
        self.failed = asyncio.Event()
        self.session.on("error", self._error)
        self.session.on("metrics_collected", self.metrics.append)

    def _error(self, error: llm.RealtimeModelError) -> None:
        self.errors.append(error)
        self.failed.set()

    def say(self, samples: np.ndarray) -> None:
        for start in range(0, len(samples), 480):
            part = samples[start : start + 480]
            self.session.push_audio(rtc.AudioFrame(part.tobytes(), RATE, 1, len(part)))

    async def end(self) -> None:
        try:
            await self.session.aclose()
        except APIError:
            assert not self.errors[-1].recoverable
        await self.model.aclose()


@pytest.fixture
async def connect(server: CallsServer) -> AsyncIterator[Any]:
    clients: list[Client] = []

    def make(**options: Any) -> Client:
        settings = {
            "model": "gpt-realtime-2.1",
            "turn_detection": None,
            "api_key": "sk-1",
            "conn_options": FAST,
        }
        model = webrtc_model(base_url=server.base_url, **{**settings, **options})
        clients.append(Client(model))
        return clients[-1]

    yield make
    for client in clients:
        await client.end()


async def reply(client: Client, call: Call, number: int = 1, **names: str) -> llm.GenerationCreatedEvent:
    """A spoken reply that the session asked for, its sound not begun."""
    future = client.session.generate_reply()
    call.begin(await call.until("response.create", number), **names)
    return await asyncio.wait_for(future, 5)


async def read(generation: llm.GenerationCreatedEvent) -> tuple[int, str]:
    """Samples and words of a reply, once it is over."""
    async with asyncio.timeout(10):
        samples, words = 0, ""
        async for message in generation.message_stream:
            async for frame in message.audio_stream:
                samples += frame.samples_per_channel
            words += "".join([text async for text in message.text_stream])
    return samples, words


async def test_a_turn_and_its_reply(server: CallsServer, connect: Any) -> None:
    client = connect()
    call = await server.call()
    await call.until("session.update")
    client.say(TONE[:12_000])
    client.session.commit_audio()
    generation = await reply(client, call)
    committed = call.at[call.types().index("input_audio_buffer.commit")]
    heard = np.concatenate(call.heard)[:committed]
    loud = np.abs(heard.astype(np.int32)) > 1000
    assert 0.45 < np.count_nonzero(loud) / (0.92 * RATE) < 0.56, "half a second of tone before the commit"
    call.send({"type": "output_audio_buffer.started", "response_id": "resp_1"})
    call.track.push(TONE)
    call.finish()
    reading = asyncio.create_task(read(generation))
    await call.played()
    assert not reading.done()
    call.send({"type": "output_audio_buffer.stopped", "response_id": "resp_1"})
    samples, words = await reading
    assert words == "Hello there."
    assert RATE <= samples <= 1.3 * RATE
    assert client.metrics[-1].total_tokens == 30
    assert client.errors == []


async def test_the_call_is_asked_for_with_the_sessions_settings(server: CallsServer, connect: Any) -> None:
    connect(voice="cedar")
    call = await server.call()
    assert call.session is not None
    assert call.session["type"] == "realtime"
    assert call.session["model"] == "gpt-realtime-2.1"
    assert call.session["audio"]["output"]["voice"] == "cedar"
    assert call.session["audio"]["input"]["turn_detection"] is None
    assert call.headers["Authorization"] == "Bearer sk-1"
    assert "OpenAI-Beta" not in call.headers
    assert "m=audio" in call.offer
    assert "a=candidate" in call.offer
    assert "opus/48000/2" in call.offer


async def test_an_ephemeral_key_sends_the_offer_alone(server: CallsServer, connect: Any) -> None:
    connect(api_key="ek_123")
    call = await server.call()
    assert call.session is None
    assert call.headers["Content-Type"] == "application/sdp"
    assert call.query == {"model": "gpt-realtime-2.1"}


async def test_an_interruption_is_a_cancel_and_a_clear(server: CallsServer, connect: Any) -> None:
    client = connect()
    call = await server.call()
    generation = await reply(client, call)
    call.send({"type": "output_audio_buffer.started", "response_id": "resp_1"})
    call.track.push(np.tile(TONE, 5))
    message = await anext(aiter(generation.message_stream))
    received = 0
    async for frame in message.audio_stream:
        received += frame.samples_per_channel
        if received >= 0.5 * RATE:
            break
    client.session.interrupt()
    await call.until("output_audio_buffer.clear")
    assert call.types()[-2:] == ["response.cancel", "output_audio_buffer.clear"]
    call.track.clear()
    call.finish(status="cancelled")
    call.send({"type": "output_audio_buffer.cleared", "response_id": "resp_1"})
    call.send(
        {"type": "conversation.item.truncated", "item_id": "item_1", "content_index": 0, "audio_end_ms": 560}
    )
    client.session.truncate(message_id="item_1", modalities=["audio", "text"], audio_end_ms=180)
    cut = await call.until("conversation.item.truncate")
    assert cut["audio_end_ms"] == 180
    assert client.errors == []


async def test_a_message_too_large_for_the_channel_stays_here(server: CallsServer, connect: Any) -> None:
    server.max_message = 0  # OpenAI's answers name none: 64 KiB, then
    client = connect()
    call = await server.call()
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="x" * 70_000)
    await client.session.update_chat_ctx(context)  # livekit logs what was rejected, and goes on
    assert "conversation.item.create" not in call.types()
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="short")
    await client.session.update_chat_ctx(context)
    assert "conversation.item.create" in call.types(), "the channel lives"
    client.session.send_event({"type": "conversation.item.create", "item": {"content": "y" * 70_000}})
    await asyncio.wait_for(client.failed.wait(), 5)
    assert client.errors[-1].recoverable
    body: Any = client.errors[-1].error.body  # type: ignore[attr-defined]
    assert body.code == "message_too_large"
    assert "65536" in body.message
    assert "websocket" in body.message


async def test_the_answers_own_limit_counts(server: CallsServer, connect: Any) -> None:
    server.max_message = 2_000
    client = connect()
    call = await server.call()
    client.session.send_event({"type": "conversation.item.create", "item": {"content": "y" * 3_000}})
    await asyncio.wait_for(client.failed.wait(), 5)
    assert "conversation.item.create" not in call.types()


def refusal(status: int, code: str) -> web.Response:
    error = {"error": {"message": f"because of {code}", "type": "invalid_request_error", "code": code}}
    return web.Response(status=status, text=json.dumps(error), content_type="application/json")


async def test_a_wrong_key_ends_the_session_with_the_reason(server: CallsServer, connect: Any) -> None:
    server.refusals = [refusal(401, "invalid_api_key")]
    client = connect()
    await asyncio.wait_for(client.failed.wait(), 5)
    assert [error.recoverable for error in client.errors] == [False]
    assert "because of invalid_api_key" in str(client.errors[0].error)
    assert server.calls == []


@pytest.mark.parametrize(("status", "code"), [(429, "rate_limit_exceeded"), (503, "server_error")])
async def test_a_busy_server_is_asked_again(
    server: CallsServer, connect: Any, status: int, code: str
) -> None:
    server.refusals = [refusal(status, code)]
    client = connect()
    await server.call()
    assert [error.recoverable for error in client.errors] == [True]


async def test_no_quota_is_not_asked_again(server: CallsServer, connect: Any) -> None:
    server.refusals = [refusal(429, "insufficient_quota")]
    client = connect()
    await asyncio.wait_for(client.failed.wait(), 5)
    assert [error.recoverable for error in client.errors] == [False]


async def test_a_lost_call_is_made_anew_with_the_conversation(server: CallsServer, connect: Any) -> None:
    client = connect()
    call = await server.call()
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="My name is Ada.")
    await client.session.update_instructions("Be kind.")
    await client.session.update_chat_ctx(context)
    await call.peer.close()
    again = await server.call(1)
    item = await again.until("conversation.item.create")
    assert item["item"]["content"][0]["text"] == "My name is Ada."
    assert again.session is not None
    assert again.session["instructions"] == "Be kind."
    assert [error.recoverable for error in client.errors] == [True]


async def test_silence_of_the_path_is_a_lost_call_after_the_grace_time(
    server: CallsServer, connect: Any
) -> None:
    client = connect(grace_s=0.5)
    call = await server.call()
    await call.until("input_audio_buffer.clear")
    await call.until("input_audio_buffer.clear", 2)
    call.answers = False
    call.peer.getTransceivers()[0].sender.replaceTrack(None)
    await server.call(1)
    assert "nothing came over WebRTC for 0.5 s" in str(client.errors[0].error)


async def test_closing_while_it_connects(connect: Any, server: CallsServer) -> None:
    client = connect()
    await asyncio.sleep(0)
    await client.end()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"peer": "pion"}, "peer"),
        ({"form": "json"}, "form"),
        ({"grace_s": 0}, "grace_s"),
        ({"flight_s": -1}, "flight_s"),
        ({"azure_deployment": "x"}, "azure_deployment"),
    ],
)
def test_wrong_options(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        webrtc_model(api_key="k", **options)


def test_a_peer_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.plugins.openai.webrtc.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"antiphon\[webrtc\]"):
        webrtc_model(api_key="k")
