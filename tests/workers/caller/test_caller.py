"""A caller and a small agent that only sings, on a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from livekit import api, rtc

from antiphon.agents.errors import MisuseError, RoomError
from antiphon.workers.caller import Caller
from antiphon.workers.caller.recording import voice_spans
from antiphon.workers.tokens import make_token

pytestmark = pytest.mark.sfu


@pytest.fixture
def token(sfu: Any, request: pytest.FixtureRequest) -> Any:
    def make(identity: str, kind: str = "standard") -> str:
        room = request.node.name[:40]
        keys = {"api_key": sfu.api_key, "api_secret": sfu.api_secret}
        return make_token(**keys, room=room, identity=identity, kind=kind)

    return make


@pytest.fixture
async def singer(sfu: Any, token: Any) -> AsyncIterator[rtc.Room]:
    """An agent that has said it listens, and publishes a track."""
    room = rtc.Room()
    await room.connect(sfu.url, token("singer", "agent"))
    source = rtc.AudioSource(24_000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("song", source)
    await room.local_participant.publish_track(track)
    await room.local_participant.set_attributes({"lk.agent.state": "listening"})
    room.source = source  # type: ignore[attr-defined]
    yield room
    await room.disconnect()
    await source.aclose()


async def test_it_plays_records_and_sees(sfu: Any, token: Any, singer: rtc.Room) -> None:
    async with Caller(sfu.url, token("caller")) as caller:
        agent = await caller.wait_for_agent(10)
        assert agent.identity == "singer"
        assert await caller.until(lambda: [s for _, s in caller.states] == ["listening"], 5)
        tone = (9000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000)).astype(np.int16)
        began = time.monotonic()
        await singer.source.capture_frame(rtc.AudioFrame(tone.tobytes(), 24_000, 1, len(tone)))  # type: ignore[attr-defined]
        assert await caller.until(
            lambda: bool(voice_spans(caller.heard.render(began, time.monotonic()), 24_000)), 5
        )
        await singer.local_participant.set_attributes({"lk.agent.state": "speaking"})
        assert await caller.until(lambda: caller.states[-1][1] == "speaking", 5)
        writer = await singer.local_participant.stream_text(
            topic="lk.transcription", attributes={"lk.segment_id": "s1", "lk.transcription_final": "true"}
        )
        await writer.write("La la la.")
        await writer.aclose()
        assert await caller.until(lambda: any(line.final for line in caller.lines), 5)
        assert (caller.lines[0].speaker, caller.lines[0].text) == ("agent", "La la la.")


async def test_background_sound_is_heard_and_does_not_tear_the_voice(
    sfu: Any, token: Any, singer: rtc.Room
) -> None:
    source = rtc.AudioSource(24_000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("background_audio", source)
    await singer.local_participant.publish_track(track)
    tone = (4000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000)).astype(np.int16)
    async with Caller(sfu.url, token("caller")) as caller:
        await caller.wait_for_agent(10)
        assert await caller.until(lambda: len(caller.voice) > 0 and len(caller.background) > 0, 5)
        began = time.monotonic()
        for each in (singer.source, source):  # type: ignore[attr-defined]
            await each.capture_frame(rtc.AudioFrame(tone.tobytes(), 24_000, 1, len(tone)))
        for part in (caller.voice, caller.background, caller.heard):
            assert await caller.until(
                lambda part=part: (  # type: ignore[misc]
                    sum(e - b for b, e in voice_spans(part.render(began, part.ends_at), 24_000)) > 0.5
                ),
                5,
            )
        steps = np.abs(np.diff(caller.voice.render(began, caller.voice.ends_at).astype(int)))
        # A whole tone steps by 461 at most. A packet that came late leaves a step or two, a voice that is cut
        # into frames one by thousands every 10 ms.
        assert np.count_nonzero(steps > 2500) < 5
    await source.aclose()


async def test_a_room_left_by_a_failed_entry_is_left(sfu: Any, token: Any) -> None:
    class Failing(Caller):
        async def connect(self, *, microphone: bool = True) -> None:
            await super().connect(microphone=microphone)
            raise RuntimeError("after joining")

    caller = Failing(sfu.url, token("caller"))
    with pytest.raises(RuntimeError, match="after joining"):
        await caller.__aenter__()
    assert not caller.room.isconnected()


async def test_a_clip_is_dated_as_it_was_sent(sfu: Any, token: Any) -> None:
    async with Caller(sfu.url, token("caller")) as caller:
        quiet, loud = np.zeros(9600, np.int16), np.full(4800, 9000, np.int16)
        at = time.monotonic() + 0.3
        played = await caller.play(np.concatenate([quiet, loud, quiet]), at)
        assert played.began_at == pytest.approx(at, abs=0.05)
        assert played.onset_at - played.began_at == pytest.approx(0.2, abs=0.001)
        assert played.voice_ended_at - played.began_at == pytest.approx(0.3, abs=0.001)
        sent = caller.sent.render(played.began_at, played.ended_at)
        assert np.count_nonzero(sent == 9000) >= 4300


async def test_no_agent_says_who_is_there(sfu: Any, token: Any) -> None:
    async with Caller(sfu.url, token("caller")) as caller:
        with pytest.raises(RoomError, match=r"no agent came within 0\.2 s.*nobody.*worker"):
            await caller.wait_for_agent(0.2)


async def test_a_wrong_token_or_address_is_one_error(sfu: Any) -> None:
    wrong = make_token(api_key="nobody", api_secret="x" * 40, room="r", identity="i")
    for url, token in ((sfu.url, wrong), ("ws://127.0.0.1:9", wrong)):
        caller = Caller(url, token)
        with pytest.raises(RoomError, match="could not be joined"):
            await caller.connect()
        await caller.aclose()


async def test_leaving_ends_what_plays(sfu: Any, token: Any) -> None:
    caller = Caller(sfu.url, token("caller"))
    await caller.connect()
    short = asyncio.create_task(caller.play(np.zeros(480, np.int16)))
    playing = asyncio.create_task(caller.play(np.zeros(480_000, np.int16)))
    await short  # the next begins where it ends
    await caller.aclose()
    with pytest.raises(asyncio.CancelledError):
        await playing
    with pytest.raises(MisuseError, match="no microphone"):
        await caller.play(np.zeros(480, np.int16))


async def test_a_room_that_is_ended_is_noticed(sfu: Any, token: Any, request: pytest.FixtureRequest) -> None:
    async with (
        Caller(sfu.url, token("caller")) as caller,
        api.LiveKitAPI(sfu.url.replace("ws", "http", 1), sfu.api_key, sfu.api_secret) as admin,
    ):
        assert not caller.disconnected
        noticed = asyncio.create_task(caller.until(lambda: caller.disconnected, 10))
        await admin.room.delete_room(api.DeleteRoomRequest(room=request.node.name[:40]))
        await asyncio.wait_for(caller.wait_disconnected(), 10)
        assert await noticed
