"""Pushed audio, frame by frame, without a peer."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from antiphon.plugins.webrtc import pacing
from antiphon.plugins.webrtc.opus import OpusDecoder
from antiphon.plugins.webrtc.pacing import FRAME_SAMPLES, PacedTrack


def loud(frames: float) -> np.ndarray:
    t = np.arange(round(frames * FRAME_SAMPLES)) / 24_000
    return (10_000 * np.sin(2 * np.pi * 500 * t)).astype(np.int16)


async def levels(track: PacedTrack, frames: int) -> list[float]:
    decoder = OpusDecoder()
    made = [decoder.decode(bytes(await track.recv())) for _ in range(frames)]
    return [float(np.abs(sound.astype(np.int32)).max()) for sound in made]


async def test_frames_go_out_in_real_time_and_silence_between() -> None:
    track = PacedTrack()
    loop = asyncio.get_running_loop()
    began = loop.time()
    track.push(loud(2.5))
    track.push(loud(0.5))
    assert track.queued_samples == 3 * FRAME_SAMPLES
    heights = await levels(track, 10)
    assert loop.time() - began >= 9 * 0.020 - 0.001
    assert min(heights[1:3]) > 5000
    assert max(heights[5:]) < 500
    assert track.played_samples == 3 * FRAME_SAMPLES
    assert track.queued_samples == 0


async def test_a_clear_drops_what_has_not_gone_out_and_the_next_frame_is_silence() -> None:
    played: list[int] = []
    track = PacedTrack(played.append)
    track.push(loud(50))
    await levels(track, 4)
    assert track.clear() == 46 * FRAME_SAMPLES
    assert track.clear() == 0
    await levels(track, 2)
    assert track.played_samples == 4 * FRAME_SAMPLES
    assert played == [FRAME_SAMPLES * k for k in range(1, 5)]
    track.push(loud(1))
    await levels(track, 1)
    assert played[-1] == 5 * FRAME_SAMPLES


async def test_the_codec_rings_no_longer_than_a_frame_after_a_clear() -> None:
    track = PacedTrack()
    track.push(loud(10))
    decoder = OpusDecoder()
    for _ in range(5):
        decoder.decode(bytes(await track.recv()))
    track.clear()
    tail = [np.abs(decoder.decode(bytes(await track.recv())).astype(np.int32)).max() for _ in range(3)]
    assert max(tail[1:]) < 500


async def test_time_lost_is_skipped_in_rtp_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that stood still for a second: the peer is told of the gap, no burst follows."""
    track = PacedTrack()
    first = await track.recv()
    track._next = asyncio.get_running_loop().time() - 1.0
    second = await track.recv()
    assert second.pts - first.pts == pytest.approx(960 * (1 + (1.0 - pacing._MAX_LAG_S) / 0.020), abs=960)
    assert second.time_base == pacing._CLOCK_BASE


async def test_a_stopped_track_gives_nothing() -> None:
    track = PacedTrack()
    await track.recv()
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()
