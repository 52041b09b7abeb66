"""Frames of a real track, straight to their sink."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from antiphon.agents.media.router import Samples, open_stream
from antiphon.agents.media.thread import MediaThread
from antiphon.workers.caller import Caller
from antiphon.workers.tokens import make_token


@pytest.mark.sfu
async def test_a_tracks_frames_reach_their_sink_on_its_loop_until_closed(sfu: Any) -> None:
    def token(identity: str) -> str:
        return make_token(api_key=sfu.api_key, api_secret=sfu.api_secret, room="router", identity=identity)

    media = MediaThread("test-router")
    room = rtc.Room()
    tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
    room.on("track_subscribed", lambda track, *_: tracks.put_nowait(track))
    frames: list[tuple[str, Samples]] = []
    try:
        async with Caller(sfu.url, token("speaker")) as caller:
            await room.connect(sfu.url, token("listener"))
            track = await asyncio.wait_for(tracks.get(), 10)
            stream = open_stream(
                track,
                rate_hz=24_000,
                frame_ms=20,
                loop=media.loop,
                sink=lambda samples: frames.append((threading.current_thread().name, samples)),
                ended=lambda: None,
            )
            tone = (8000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 48_000)).astype(np.int16)
            await caller.play(tone)
            assert await caller.until(lambda: any(np.abs(samples).max() > 4000 for _, samples in frames), 5)
            assert {name for name, _ in frames} == {"test-router"}
            assert {samples.shape for _, samples in frames} == {(480,)}
            assert frames[0][1].dtype == np.int16
            stream.close()
            stream.close()
            await media.run(asyncio.sleep(0.05))
            count = len(frames)
            await caller.play(tone[:4800])
            assert len(frames) == count
    finally:
        await room.disconnect()
        media.stop()
