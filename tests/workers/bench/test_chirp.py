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
    with av.open(buffer, "r") as source:
        resampler = av.AudioResampler("s16", "mono", RATE)
        parts = [o.to_ndarray().ravel() for f in source.decode(audio=0) for o in resampler.resample(f)]
    return np.concatenate(parts).astype(np.int16)


def errors(track: chirp.Track, offset: float = 0.0) -> NDArray[np.float64]:
    return np.abs(track.position_s - track.at_s - offset)


def test_a_clean_reply_is_read_everywhere() -> None:
    track = chirp.follow(chirp_reply(), RATE)
    assert len(track) > 2000
    assert np.percentile(errors(track), 99) < 0.005


def test_opus_and_noise_cost_little() -> None:
    sound = through_opus(chirp_reply(6.0))
    noise = np.random.default_rng(1).normal(0, 100, len(sound))
    track = chirp.follow((sound + noise).clip(-32768, 32767).astype(np.int16), RATE)
    lag = np.median(track.position_s - track.at_s)
    assert abs(lag) < 0.02  # the codec's own delay
    assert np.percentile(np.abs(track.position_s - track.at_s - lag), 95) < 0.01


def test_a_stretch_of_two_percent_is_followed() -> None:
    sound = chirp_reply(4.0)
    slow = np.interp(np.arange(int(len(sound) * 1.02)) / 1.02, np.arange(len(sound)), sound).astype(np.int16)
    track = chirp.follow(slow, RATE)
    # Stretching lowers the pitch by 2 %, too: at 1,000 Hz that is 44 ms of position.
    assert abs(chirp.ended_at(track, 2.0) - 1.96) < 0.06  # type: ignore[operator]


@pytest.mark.parametrize(("end", "begin"), [(0.7, 0.7), (2.345, 2.3), (5.0, 5.5)])
def test_the_edges_of_a_gap_are_dated_and_placed(end: float, begin: float) -> None:
    sound = chirp_reply(8.0)
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


def part(begin: float, end: float) -> NDArray[np.int16]:
    return chirp_reply(8.0)[round(begin * RATE) : round(end * RATE)]


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)


def held(position: float, seconds: float, fades_to: float = 1.0) -> NDArray[np.int16]:
    """What a receiver makes up: the last pitch, maybe fading."""
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * (chirp.START_HZ * position + chirp.SLOPE_HZ_S * position**2 / 2)
    wave = np.sin(phase + 2 * np.pi * chirp.pitch_at(position) * t) * np.linspace(1, fades_to, len(t))
    return (wave * 32767 * 10 ** (chirp.LEVEL_DBFS / 20)).astype(np.int16)


def behind(*parts: NDArray[np.int16]) -> float | None:
    """Of a reply heard from its position 2 s on, these parts following after 1 s; from 0.6 to 2.4 s."""
    made = through_opus(np.concatenate([part(2, 3), *parts]))[: round(2.5 * RATE)]
    return chirp.fell_behind(chirp.follow(made, RATE, floor_dbfs=chirp.WHOLE_DBFS), 0.6, 2.4)


@pytest.mark.parametrize("seconds", [0.04, 0.05, 0.1, 0.2, 0.5])
@pytest.mark.parametrize(
    "kind", ["silence", "silence, lost", "held", "held, lost", "fading, lost", "fading, silence, lost"]
)
def test_a_reply_falls_behind_by_as_long_as_it_does_not_go_on(kind: str, seconds: float) -> None:
    match kind.removesuffix(", lost"):
        case "silence":
            between = [silence(seconds)]
        case "held":
            between = [held(3.0, seconds)]
        case "fading":
            between = [held(3.0, seconds, 0.02)]
        case _:
            between = [held(3.0, seconds / 2, 0.1), silence(seconds / 2)]
    again = 3.0 + seconds if kind.endswith("lost") else 3.0
    assert behind(*between, part(again, 6)) == pytest.approx(seconds, abs=0.015)


def test_a_reply_that_goes_on_does_not_fall_behind() -> None:
    assert behind(part(3, 6)) == pytest.approx(0.0, abs=0.01)
    assert behind(part(3.2, 6)) == pytest.approx(0.0, abs=0.01)  # skipped ahead, never stood


def test_what_is_skipped_at_first_does_not_hide_a_later_stall() -> None:
    assert behind(part(3.3, 3.8), held(3.8, 0.1), part(3.8, 6)) == pytest.approx(0.1, abs=0.012)


def test_small_stalls_and_repeats_add_up() -> None:
    assert behind(part(2.8, 6)) == pytest.approx(0.2, abs=0.012)
    twice = (held(3.0, 0.03), part(3, 3.4), held(3.4, 0.03), part(3.4, 6))
    assert behind(*twice) == pytest.approx(0.06, abs=0.012)


def test_a_reply_that_ends_falls_behind_for_the_rest_of_the_time() -> None:
    assert behind(silence(2.0)) == pytest.approx(1.4, abs=0.02)
    noise = np.random.default_rng(4).normal(0, 3000, 2 * RATE).astype(np.int16)
    assert behind(noise) == pytest.approx(1.4, abs=0.03)


def test_without_a_reply_before_nothing_is_said() -> None:
    track = chirp.follow(np.concatenate([silence(1.0), part(0, 3)]), RATE, floor_dbfs=chirp.WHOLE_DBFS)
    assert chirp.fell_behind(track, 1.1, 3.0) is None
