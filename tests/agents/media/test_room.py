from __future__ import annotations

from typing import Any, cast

import numpy as np
from livekit import rtc
from livekit.agents.voice.room_io.types import NoiseCancellationParams
from structlog.testing import capture_logs

from antiphon.agents.media.call import RATE_HZ
from antiphon.agents.media.room import _joined, _native


def frames(samples: np.ndarray, rate: int, channels: int, step: int) -> list[rtc.AudioFrame]:
    flat = np.repeat(samples, channels)
    return [
        rtc.AudioFrame(flat[i * channels : (i + step) * channels].tobytes(), rate, channels, step)
        for i in range(0, len(samples) - step + 1, step)
    ]


def test_audio_recorded_before_becomes_mono_at_our_rate() -> None:
    # The rest of this module is tested in whole calls, in tests/e2e/test_life.py.
    sound = (8000 * np.sin(np.arange(48_000) * 2 * np.pi * 300 / 48_000)).astype(np.int16)
    for channels in (1, 2):
        made = _joined(frames(sound, 48_000, channels, 480))
        assert made.dtype == np.int16
        assert abs(len(made) - RATE_HZ) < 0.02 * RATE_HZ
        middle = made[4800:19_200].astype(float)
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        assert abs(np.argmax(spectrum) * RATE_HZ / len(middle) - 300) < 3


def test_audio_at_our_rate_is_unchanged_and_none_is_none() -> None:
    sound = np.arange(960, dtype=np.int16)
    assert np.array_equal(_joined(frames(sound, RATE_HZ, 1, 480)), sound)
    assert len(_joined([])) == 0


class Processor(rtc.FrameProcessor[rtc.AudioFrame]):
    enabled = True

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        raise AssertionError("it ran on the thread that all calls share")

    def _close(self) -> None: ...


def test_native_noise_cancellation_is_kept_and_a_frame_processor_is_told_to_be_ignored() -> None:
    person, track = cast(Any, object()), cast(Any, object())
    options = rtc.NoiseCancellationOptions(module_id="nc", options={"level": 3})
    asked: list[NoiseCancellationParams] = []

    def select(params: NoiseCancellationParams) -> rtc.NoiseCancellationOptions:
        asked.append(params)
        return options

    assert _native(None, person, track) is None
    assert _native(options, person, track) is options
    assert _native(select, person, track) is options
    assert (asked[0].participant, asked[0].track) == (person, track)
    with capture_logs() as logs:
        assert _native(Processor(), person, track) is None
    assert [entry["kind"] for entry in logs] == ["Processor"]
