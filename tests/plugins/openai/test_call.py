"""A call between a session's loop and a peer that the test plays."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from aiohttp import WSMsgType
from livekit.agents import APIConnectionError, APIError

from antiphon.agents.media.thread import MediaThread
from antiphon.plugins.openai.call import Call, CallOptions
from antiphon.plugins.openai.peer import PeerEvents, Samples
from antiphon.plugins.openai.signalling import Answer

RATE = 24_000
VOICE = np.full(480, 6000, dtype=np.int16)


class FakePeer:
    """A peer that keeps what it is given and lives on the call's thread."""

    def __init__(self, events: PeerEvents) -> None:
        self.events = events
        self.frames: list[Samples] = []
        self.sent: list[dict[str, Any]] = []
        self.max_message = 65_536
        self.packets = 0
        self.closed = 0
        self.opens = True
        self.refuses: Exception | None = None

    async def offer(self) -> str:
        return "v=0 offer"

    async def answer(self, sdp: str) -> None:
        if sdp == "bad":
            raise ValueError("no audio in it")
        if self.opens:
            self.events.opened()

    def write(self, frame: Samples) -> None:
        self.frames.append(frame)

    def send(self, text: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.sent.append(json.loads(text))

    async def close(self) -> None:
        self.closed += 1


class Rig:
    """A thread, a peer on it, and a call."""

    def __init__(self) -> None:
        self.thread = MediaThread("test-peers")
        self.peer: FakePeer | None = None
        self.call: Call | None = None
        self.opens = True
        self.max_message = 65_536

    def make(self, events: PeerEvents) -> FakePeer:
        self.peer = FakePeer(events)
        self.peer.opens = self.opens
        self.peer.max_message = self.max_message
        return self.peer

    async def open(self, sdp: str = "v=0 answer", timeout_s: float = 5.0, **options: Any) -> FakePeer:
        async def post(offer: str) -> Answer:
            assert offer == "v=0 offer"
            return Answer(sdp, "/calls/rtc_1")

        self.call = await Call.open(
            self.thread, self.make, CallOptions(**options), post=post, timeout_s=timeout_s
        )
        assert self.peer is not None
        return self.peer

    def say(self, event: dict[str, Any]) -> None:
        """An event of the server."""
        assert self.peer is not None
        self.thread.call(self.peer.events.message, json.dumps(event))

    async def next(self) -> dict[str, Any]:
        """The session's next event."""
        assert self.call is not None
        message = await asyncio.wait_for(self.call.receive(), 5)
        assert message.type is WSMsgType.TEXT
        event: dict[str, Any] = json.loads(message.data)
        return event

    async def until(self, condition: Callable[[], bool]) -> None:
        async def look() -> bool:
            return condition()

        async with asyncio.timeout(5):
            while not await self.thread.run(look()):  # noqa: ASYNC110 - another thread's state
                await asyncio.sleep(0.005)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    if made.call is not None:
        await made.call.close()
    made.thread.stop()


async def test_events_go_both_ways_in_order(rig: Rig) -> None:
    peer = await rig.open()
    assert rig.call is not None
    assert rig.call.location == "/calls/rtc_1"
    for number in range(5):
        await rig.call.send_str(json.dumps({"type": "session.update", "n": number}))
        rig.say({"type": "session.updated", "n": number})
    assert [(await rig.next())["n"] for _ in range(5)] == list(range(5))
    await rig.until(lambda: len(peer.sent) == 5)
    assert [event["n"] for event in peer.sent] == list(range(5))


async def test_an_append_becomes_sound_and_the_commit_follows_it(rig: Rig) -> None:
    peer = await rig.open()
    assert rig.call is not None
    audio = base64.b64encode(np.tile(VOICE, 10).tobytes()).decode()
    await rig.call.send_str(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
    await rig.call.send_str(json.dumps({"type": "input_audio_buffer.commit"}))
    await rig.until(lambda: bool(peer.sent))
    assert [event["type"] for event in peer.sent] == ["input_audio_buffer.commit"]
    assert sum(int(frame.any()) for frame in peer.frames) == 10


async def test_a_broken_append_is_dropped(rig: Rig) -> None:
    peer = await rig.open()
    assert rig.call is not None
    for audio in ("###", None, "AAA"):
        await rig.call.send_str(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
    await rig.call.send_str(json.dumps({"type": "session.update"}))
    await rig.until(lambda: bool(peer.sent))
    assert not any(frame.any() for frame in peer.frames)


async def test_the_track_becomes_deltas(rig: Rig) -> None:
    peer = await rig.open()
    where = {"response_id": "r", "item_id": "i"}
    rig.say({"type": "response.created", "response": {"id": "r"}})
    rig.say({"type": "response.content_part.added", **where, "part": {"type": "audio"}})
    rig.say({"type": "output_audio_buffer.started", "response_id": "r"})
    for _ in range(4):
        rig.thread.call(peer.events.audio, VOICE)
    kinds = [(await rig.next()) for _ in range(4)]
    assert kinds[-1]["type"] == "response.output_audio.delta"
    assert kinds[-1]["item_id"] == "i"


async def test_turn_taking_may_change_hands_in_mid_call(rig: Rig) -> None:
    peer = await rig.open()
    assert rig.call is not None
    for settings in ({"type": "server_vad"}, None):
        update = {"type": "session.update", "session": {"audio": {"input": {"turn_detection": settings}}}}
        await rig.call.send_str(json.dumps(update))
    await rig.call.send_str(json.dumps({"type": "session.update", "session": {"audio": {"output": {}}}}))
    await rig.until(lambda: len(peer.sent) == 3)
    await rig.until(lambda: len(peer.sent) == 4)
    assert peer.sent[-1]["type"] == "input_audio_buffer.clear", "cleared while nobody speaks, again"


async def test_a_message_above_the_limit_is_an_error_with_its_event_id(rig: Rig) -> None:
    rig.max_message = 100
    peer = await rig.open()
    assert rig.call is not None
    await rig.call.send_str(json.dumps({"type": "x", "event_id": "e1", "image": "é" * 50}))
    error = (await rig.next())["error"]
    assert (error["code"], error["event_id"]) == ("message_too_large", "e1")
    assert "100" in error["message"]
    assert peer.sent == []


async def test_what_is_no_json_is_ignored(rig: Rig) -> None:
    peer = await rig.open()
    for text in ("{", "[1]", "7"):
        rig.thread.call(peer.events.message, text)
    rig.say({"type": "session.updated"})
    assert (await rig.next())["type"] == "session.updated"


async def test_a_lost_path_that_comes_back_is_no_end(rig: Rig) -> None:
    peer = await rig.open(grace_s=0.3)
    rig.thread.call(peer.events.connected, False)
    await asyncio.sleep(0.1)
    rig.thread.call(peer.events.connected, True)
    await asyncio.sleep(0.4)
    rig.say({"type": "session.updated"})
    assert (await rig.next())["type"] == "session.updated"


async def test_a_path_that_stays_lost_ends_the_call(rig: Rig) -> None:
    peer = await rig.open(grace_s=0.2)
    assert rig.call is not None
    began = time.monotonic()
    rig.thread.call(peer.events.connected, False)
    with pytest.raises(APIConnectionError, match=r"nothing came over WebRTC for 0\.2 s") as caught:
        await asyncio.wait_for(rig.call.receive(), 5)
    assert caught.value.retryable
    assert time.monotonic() - began >= 0.2
    with pytest.raises(APIConnectionError):
        await rig.call.receive()


async def test_a_closed_channel_ends_the_call_at_once(rig: Rig) -> None:
    peer = await rig.open()
    assert rig.call is not None
    rig.thread.call(peer.events.closed, "the data channel was closed")
    with pytest.raises(APIConnectionError, match="the data channel was closed"):
        await asyncio.wait_for(rig.call.receive(), 5)


async def test_a_channel_that_takes_nothing_ends_the_call(rig: Rig) -> None:
    peer = await rig.open()
    assert rig.call is not None
    peer.refuses = ConnectionError("gone")
    await rig.call.send_str(json.dumps({"type": "session.update"}))
    with pytest.raises(APIConnectionError, match="takes nothing more"):
        await asyncio.wait_for(rig.call.receive(), 5)


async def test_closing_ends_whoever_waits(rig: Rig) -> None:
    peer = await rig.open()
    assert rig.call is not None
    waiting = asyncio.create_task(rig.call.receive())
    await asyncio.sleep(0)
    await rig.call.close()
    assert (await waiting).type is WSMsgType.CLOSED
    assert peer.closed == 1
    await rig.call.close()
    with pytest.raises(ConnectionResetError):
        await rig.call.send_str("{}")


async def test_an_answer_that_cannot_be_used(rig: Rig) -> None:
    with pytest.raises(APIConnectionError, match="no audio in it") as caught:
        await rig.open(sdp="bad")
    assert not caught.value.retryable
    assert rig.peer is not None
    assert rig.peer.closed == 1


async def test_a_channel_that_never_opens(rig: Rig) -> None:
    rig.opens = False
    with pytest.raises(APIConnectionError, match="UDP") as caught:
        await rig.open(timeout_s=0.1)
    assert caught.value.retryable
    assert rig.peer is not None
    assert rig.peer.closed == 1


async def test_a_refused_offer_leaves_no_peer(rig: Rig) -> None:
    async def refuse(_: str) -> Answer:
        raise APIError("no", retryable=False)

    with pytest.raises(APIError, match="no"):
        await Call.open(rig.thread, rig.make, CallOptions(), post=refuse, timeout_s=1)
    assert rig.peer is not None
    assert rig.peer.closed == 1


async def test_a_burst_may_catch_up_where_the_server_takes_it(rig: Rig) -> None:
    peer = await rig.open(catch_up=4.0)
    assert rig.call is not None
    audio = base64.b64encode(np.tile(VOICE, 100).tobytes()).decode()  # 2 s
    began = time.monotonic()
    await rig.call.send_str(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
    await rig.call.send_str(json.dumps({"type": "input_audio_buffer.commit"}))
    await rig.until(lambda: bool(peer.sent))
    assert time.monotonic() - began < 1.5
    assert sum(int(frame.any()) for frame in peer.frames) == 100


async def test_a_blocked_application_stops_no_packet(rig: Rig) -> None:
    peer = await rig.open()
    before = len(peer.frames)
    time.sleep(0.5)  # noqa: ASYNC251 - as a careless tool would
    assert len(peer.frames) - before >= 15
