"""Positions are read to 10 ms, through what a call does to sound."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.plugins.local.testing import chirp_reply
from antiphon.workers.bench import chirp

RATE = 24_000


def through_opus(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Encoded and decoded as a room does: 48 kHz, 20 ms."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for resampled in av.AudioResampler("s16", "mono", 48_000, frame_size=960).resample(frame):
            out.mux(stream.encode(resampled))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as source:
        resampler = av.AudioResampler("s16", "mono", RATE)
        parts = [o.to_ndarray().ravel() for f in source.decode(audio=0) for o in resampler.resample(f)]
    return np.concatenate(parts).astype(np.int16)


def errors(track: chirp.Track, offset: float = 0.0) -> NDArray[np.float64]:
    return np.abs(track.position_s - track.at_s - offset)


def test_a_clean_reply_is_read_everywhere() -> None:
    track = chirp.follow(chirp.make(), RATE)
    assert len(track) > 2000
    assert np.percentile(errors(track), 99) < 0.005


def test_the_scripted_models_reply_is_the_same() -> None:
    assert np.percentile(errors(chirp.follow(chirp_reply(), RATE)), 99) < 0.005


def test_opus_and_noise_cost_little() -> None:
    sound = through_opus(chirp.make(6.0))
    noise = np.random.default_rng(1).normal(0, 100, len(sound))
    track = chirp.follow((sound + noise).clip(-32768, 32767).astype(np.int16), RATE)
    lag = np.median(track.position_s - track.at_s)
    assert abs(lag) < 0.02  # the codec's own delay
    assert np.percentile(np.abs(track.position_s - track.at_s - lag), 95) < 0.01


def test_a_stretch_of_two_percent_is_followed() -> None:
    sound = chirp.make(4.0)
    slow = np.interp(np.arange(int(len(sound) * 1.02)) / 1.02, np.arange(len(sound)), sound).astype(np.int16)
    track = chirp.follow(slow, RATE)
    # Stretching lowers the pitch by 2 %, too: at 1,000 Hz that is 44 ms of position.
    assert abs(chirp.ended_at(track, 2.0) - 1.96) < 0.06  # type: ignore[operator]


@pytest.mark.parametrize(("end", "begin"), [(0.7, 0.7), (2.345, 2.3), (5.0, 5.5)])
def test_the_edges_of_a_gap_are_dated_and_placed(end: float, begin: float) -> None:
    sound = chirp.make(8.0)
    gap = np.zeros(round(0.4 * RATE), dtype=np.int16)
    made = np.concatenate([sound[: round(end * RATE)], gap, sound[round(begin * RATE) :]])
    track = chirp.follow(made, RATE)
    assert chirp.ended_at(track, end) == pytest.approx(end, abs=0.01)
    assert chirp.began_at(track, end + 0.4) == pytest.approx(begin, abs=0.01)


def test_silence_noise_and_speech_are_no_reply() -> None:
    assert len(chirp.follow(np.zeros(RATE, np.int16), RATE)) == 0
    assert len(chirp.follow(np.zeros(10, np.int16), RATE)) == 0
    noise = np.random.default_rng(2).normal(0, 3000, RATE).astype(np.int16)
    assert len(chirp.follow(noise, RATE)) < 5
    assert chirp.ended_at(chirp.follow(np.zeros(RATE, np.int16), RATE), 0.5) is None
