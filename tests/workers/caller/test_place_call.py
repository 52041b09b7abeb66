"""A recorded call to a scripted agent in this process, and what is left of it."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from antiphon.agents import timeline as tl
from antiphon.agents.errors import ConfigError, MediaError, RoomError
from antiphon.workers.caller import place_call
from antiphon.workers.caller.recording import level_dbfs, voice_spans
from antiphon.workers.tokens import make_token

DATA = Path(__file__).parents[2] / "data"
QUESTION = DATA / "weather_question.flac"
RATE = 24_000
SONG = (9000 * np.sin(np.arange(RATE // 50) * 2 * np.pi * 450 / RATE)).astype(np.int16)  # 20 ms, nine waves
QUIET_FRAMES = 40  # of 10 ms, after which a question is over


async def sing(source: rtc.AudioSource) -> None:
    while True:
        await source.capture_frame(rtc.AudioFrame(SONG.tobytes(), RATE, 1, len(SONG)))


async def perform(track: rtc.Track, source: rtc.AudioSource) -> None:
    """Sings after each question for as long as nobody speaks."""
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=10)
    song: asyncio.Task[None] | None = None
    asked, quiet = False, 0
    try:
        async for event in stream:
            loud = level_dbfs(np.frombuffer(bytes(event.frame.data), np.int16)) > -40
            quiet = 0 if loud else quiet + 1
            if loud and song is not None:
                song.cancel()
                source.clear_queue()
                return
            asked = asked or loud
            if asked and quiet == QUIET_FRAMES:
                song = asyncio.create_task(sing(source))
    finally:
        if song is not None:
            song.cancel()
            await asyncio.wait([song])
        await stream.aclose()


def _noted(key: list[str], call: rtc.RpcInvocationData) -> str:
    key.append(f"{call.method} {call.payload}".strip())
    return "{}"


@asynccontextmanager
async def singer(
    sfu: Any, room_name: str, *, sings: bool, key: list[str] | None = None
) -> AsyncIterator[None]:
    """An agent in the room, as frameworks other than ours could have made it."""
    token = make_token(
        api_key=sfu.api_key, api_secret=sfu.api_secret, room=room_name, identity="singer", kind="agent"
    )
    room, source = rtc.Room(), rtc.AudioSource(RATE, 1, queue_size_ms=100)
    tasks: list[asyncio.Task[None]] = []
    if sings:
        room.on(
            "track_subscribed", lambda track, *_: tasks.append(asyncio.create_task(perform(track, source)))
        )
    await room.connect(sfu.url, token)
    await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("song", source))
    await room.local_participant.set_attributes({"lk.agent.state": "listening"})
    if key is not None:
        for name in ("start_turn", "end_turn", "antiphon.update"):
            room.local_participant.register_rpc_method(name, lambda call: _noted(key, call))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await room.disconnect()
        await source.aclose()


@pytest.mark.sfu
@pytest.mark.timeout(60)
async def test_a_question_is_asked_answered_and_interrupted(sfu: Any, tmp_path: Path) -> None:
    async with singer(sfu, "call-sung", sings=True):
        result = await place_call(
            url=sfu.url,
            api_key=sfu.api_key,
            api_secret=sfu.api_secret,
            room="call-sung",
            agent_name=None,
            say=[QUESTION],
            interrupt_with=QUESTION,
            interrupt_at_s=0.6,
            reply_timeout_s=3.0,
            out_dir=tmp_path / "call",
        )
    assert result.answered
    (exchange,) = result.exchanges
    assert exchange.asked == "weather_question"
    assert exchange.response_s is not None
    assert 0.3 < exchange.response_s < 2.0  # the singer waits for 0.4 s of quiet
    assert exchange.interrupted_s is not None
    assert exchange.interrupted_s < 2.0
    assert result.recording is not None
    with wave.open(str(result.recording)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    (asked, cut_in), (reply,) = (
        voice_spans(np.ascontiguousarray(both[:, side]), RATE, gap_s=0.35) for side in (0, 1)
    )
    assert asked[1] < reply[0] < cut_in[0] < reply[1] < cut_in[1]
    assert result.timeline is not None
    events = tl.read_events(result.timeline)
    assert {tl.AgentState, tl.PlayoutStarted, tl.PlayoutEnded} <= {type(event) for event in events}
    assert result.picture is not None
    assert result.picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.sfu
@pytest.mark.timeout(60)
async def test_silence_is_no_answer(sfu: Any) -> None:
    async with singer(sfu, "call-silent", sings=False):
        token = make_token(
            api_key=sfu.api_key, api_secret=sfu.api_secret, room="call-silent", identity="caller"
        )
        result = await place_call(url=sfu.url, token=token, say=[QUESTION], reply_timeout_s=0.5)
    assert result.room == "call-silent"  # as the token says
    assert not result.answered
    assert result.exchanges[0].response_s is None
    assert result.recording is None


async def test_nothing_is_dialled_when_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        await place_call(url="ws://127.0.0.1:9", token="t", say=[tmp_path / "no.wav"])
    with pytest.raises(ConfigError, match="API key"):
        await place_call(url="ws://127.0.0.1:9", say=[QUESTION])


@pytest.mark.sfu
async def test_no_agent_is_an_error_and_leaves_no_files(sfu: Any, tmp_path: Path) -> None:
    with pytest.raises(RoomError, match="no agent came"):
        await place_call(
            url=sfu.url,
            api_key=sfu.api_key,
            api_secret=sfu.api_secret,
            agent_name=None,
            say=[QUESTION],
            out_dir=tmp_path / "call",
            agent_timeout_s=0.3,
        )
    assert not (tmp_path / "call").exists()


@pytest.mark.sfu
@pytest.mark.timeout(60)
async def test_a_question_may_be_typed(sfu: Any) -> None:
    """The singer does not read; what was typed is what was asked."""
    async with singer(sfu, "call-typed", sings=False):
        result = await place_call(
            url=sfu.url,
            api_key=sfu.api_key,
            api_secret=sfu.api_secret,
            room="call-typed",
            agent_name=None,
            texts=["Hello"],
            reply_timeout_s=0.3,
        )
    (exchange,) = result.exchanges
    assert (exchange.asked, exchange.response_s) == ("Hello", None)
    assert exchange.played.began_at == exchange.played.voice_ended_at > result.began_at


@pytest.mark.sfu
@pytest.mark.timeout(60)
async def test_with_push_to_talk_a_key_is_pressed_for_each_file(sfu: Any) -> None:
    key: list[str] = []
    async with singer(sfu, "call-key", sings=True, key=key):
        result = await place_call(
            url=sfu.url,
            api_key=sfu.api_key,
            api_secret=sfu.api_secret,
            room="call-key",
            agent_name=None,
            say=[QUESTION],
            interrupt_with=QUESTION,
            interrupt_at_s=0.6,
            reply_timeout_s=3.0,
            push_to_talk=True,
        )
    assert result.answered
    turn = ["start_turn", "end_turn"]
    assert key == ['antiphon.update {"push_to_talk": true}', *turn, *turn]


@pytest.mark.sfu
async def test_an_agent_that_knows_no_key_is_told(sfu: Any) -> None:
    async with singer(sfu, "call-no-key", sings=False):
        with pytest.raises(RoomError, match=r"the agent refused antiphon\.update") as caught:
            await place_call(
                url=sfu.url,
                api_key=sfu.api_key,
                api_secret=sfu.api_secret,
                room="call-no-key",
                agent_name=None,
                say=[QUESTION],
                push_to_talk=True,
            )
    assert "remote_control" in str(caught.value)
