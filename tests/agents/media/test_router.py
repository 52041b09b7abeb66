"""Frames of a real track, straight to their sink."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient

from antiphon.agents.media.router import NativeStream, Samples, _request, mixed_down, open_stream
from antiphon.agents.media.thread import MediaThread
from antiphon.workers.caller import Caller
from antiphon.workers.tokens import make_token


@pytest.mark.sfu
async def test_a_tracks_frames_reach_their_sink_on_its_loop_until_closed(sfu: Any) -> None:
    def token(identity: str) -> str:
        return make_token(api_key=sfu.api_key, api_secret=sfu.api_secret, room="router", identity=identity)

    loop = asyncio.get_running_loop()
    media = MediaThread("test-router")
    room = rtc.Room()
    tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
    room.on("track_subscribed", lambda track, *_: tracks.put_nowait(track))
    frames: list[tuple[str, Samples]] = []
    witness: asyncio.Queue[Samples] = asyncio.Queue()  # what comes meanwhile through another stream

    async def heard(loud: bool) -> None:
        async with asyncio.timeout(10):
            while bool(np.abs(await witness.get()).max() > 4000) != loud:
                pass

    def observe(samples: Samples) -> None:
        loop.call_soon_threadsafe(witness.put_nowait, samples)

    def open_to(sink: Callable[[Samples], None]) -> NativeStream:
        return open_stream(track, rate_hz=24_000, frame_ms=20, loop=media.loop, sink=sink, ended=lambda: None)

    try:
        async with Caller(sfu.url, token("speaker")) as caller:
            await room.connect(sfu.url, token("listener"))
            track = await asyncio.wait_for(tracks.get(), 10)
            stream = open_to(lambda samples: frames.append((threading.current_thread().name, samples)))
            other = open_to(observe)
            tone = (8000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 48_000)).astype(np.int16)
            await caller.play(tone)
            await heard(loud=True)
            await heard(loud=False)  # by then the whole tone came through both
            assert any(np.abs(samples).max() > 4000 for _, samples in frames)
            assert {name for name, _ in frames} == {"test-router"}
            assert {samples.shape for _, samples in frames} == {(480,)}
            assert frames[0][1].dtype == np.int16
            stream.close()
            stream.close()
            frames.clear()
            await caller.play(tone[:4800])
            await heard(loud=True)
            assert not any(np.abs(samples).max() > 4000 for _, samples in frames)
            other.close()
    finally:
        await room.disconnect()
        media.stop()


@pytest.mark.parametrize(
    "filter_", [None, rtc.NoiseCancellationOptions(module_id="nc", options={"level": 3})]
)
def test_a_stream_is_asked_for_as_livekits_own(
    monkeypatch: pytest.MonkeyPatch, filter_: rtc.NoiseCancellationOptions | None
) -> None:
    theirs: Any = SimpleNamespace(
        _track=SimpleNamespace(_ffi_handle=SimpleNamespace(handle=7)),
        _sample_rate=24_000,
        _num_channels=1,
        _frame_size_ms=20,
        _audio_filter_module=filter_.module_id if filter_ else None,
        _audio_filter_options=filter_.options if filter_ else None,
    )
    asked: list[Any] = []

    def request(made: Any) -> Any:
        asked.append(made)
        return SimpleNamespace(new_audio_stream=SimpleNamespace(stream=None))

    with monkeypatch.context() as patch:
        patch.setattr(FfiClient.instance, "request", request)
        rtc.AudioStream._create_owned_stream(theirs)
    assert asked == [_request(7, 24_000, 20, filter_)]


def test_stereo_becomes_mono_by_the_mean_and_mono_is_left_alone() -> None:
    samples = np.array([100, 200, -32768, -32768, 32767, 32767], dtype=np.int16)
    assert mixed_down(samples, 2).tolist() == [150, -32768, 32767]
    assert mixed_down(samples, 2).dtype == np.int16
    assert mixed_down(samples, 1) is samples
