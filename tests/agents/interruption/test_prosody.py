from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.interruption.prosody import RATE_HZ, WINDOW, Prosody, Summary, level_db

W = WINDOW / RATE_HZ


def voice(pitch_hz: NDArray[np.float64], harmonics: int = 12) -> NDArray[np.int16]:
    """A buzz like a voice's, at a pitch given for each sample."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    sound = sum(np.sin(k * phase) / k for k in range(1, harmonics + 1))
    return np.asarray(4000 * sound).astype(np.int16)


def heard(sound: NDArray[np.int16], *, ask_each: bool = False) -> Summary:
    prosody = Prosody(np.zeros(WINDOW, dtype=np.int16), -70.0)
    for start in range(0, len(sound) - WINDOW + 1, WINDOW):
        window = sound[start : start + WINDOW]
        prosody.window(window, level_db(window), 0.9, True, 0.0, math.inf)
        if ask_each:
            prosody.summary()
    return prosody.summary()


def steady(hz: float, seconds: float = 0.6) -> NDArray[np.int16]:
    return voice(np.full(round(seconds * RATE_HZ), hz))


@pytest.mark.parametrize("hz", [80.0, 110.0, 150.0, 220.0, 300.0, 380.0])
def test_pitch_of_a_steady_voice(hz: float) -> None:
    found = heard(steady(hz))
    assert found.pitch_hz == pytest.approx(hz, rel=0.02)
    assert found.pitched > 0.9
    assert abs(found.pitch_slope_st_s) < 1.0
    assert found.pitch_range_st < 0.5


@pytest.mark.parametrize("per_second", [-12.0, 12.0])
def test_pitch_that_moves(per_second: float) -> None:
    t = np.arange(round(0.8 * RATE_HZ)) / RATE_HZ
    found = heard(voice(160 * 2 ** (per_second * t / 12)))
    assert found.pitch_slope_st_s == pytest.approx(per_second, rel=0.15)
    assert found.pitch_range_st == pytest.approx(0.8 * abs(per_second) * 0.8, rel=0.3)


def test_noise_has_no_pitch_and_is_flat() -> None:
    sound = (np.random.default_rng(1).standard_normal(RATE_HZ) * 3000).astype(np.int16)
    found = heard(sound)
    assert found.pitched < 0.2
    assert found.flatness > 0.4
    assert found.flatness > 5 * heard(steady(150)).flatness
    assert found.centroid_hz == pytest.approx(3600, rel=0.1)


@pytest.mark.parametrize("beats", [1, 3, 6])
def test_syllables_are_peaks_of_the_level(beats: int) -> None:
    sound = steady(140, 0.2 * beats).astype(float)
    t = np.arange(len(sound)) / RATE_HZ
    swell = np.sin(np.pi * t / 0.2) ** 2
    assert heard((sound * swell).astype(np.int16)).syllables == beats


def test_a_steady_hum_is_one_syllable() -> None:
    assert heard(steady(120, 1.0)).syllables == 1


def test_nothing_heard() -> None:
    assert Prosody(np.zeros(WINDOW, dtype=np.int16)).summary() == Summary()


def test_windows_without_voice_are_left_out() -> None:
    prosody = Prosody(np.zeros(WINDOW, dtype=np.int16))
    sound = steady(200, 0.32)
    for start in range(0, len(sound), WINDOW):
        window = sound[start : start + WINDOW]
        prosody.window(window, level_db(window), 0.9, True, 0.5, 3.0)
        prosody.window(np.zeros(WINDOW, dtype=np.int16), -90.0, 0.1, False, 0.0, 0.0)
    found = prosody.summary()
    assert found.speech_mean == pytest.approx(0.9)
    assert (found.echo, found.above_echo_db) == (pytest.approx(0.5), pytest.approx(3.0))
    assert found.pitch_hz == pytest.approx(200, rel=0.05)


def test_asking_often_gives_the_same_as_asking_once() -> None:
    sound = voice(np.linspace(120, 180, RATE_HZ))
    assert heard(sound, ask_each=True).pitch_hz == pytest.approx(heard(sound).pitch_hz, rel=1e-3)
    assert heard(sound, ask_each=True).syllables == heard(sound).syllables


def test_a_speech_without_end_keeps_its_memory_bounded() -> None:
    prosody = Prosody(np.zeros(WINDOW, dtype=np.int16))
    window = steady(150, W)
    for _ in range(2000):
        prosody.window(window, -20.0, 0.9, True, 0.0, math.inf)
    assert len(prosody._pending) <= 251
    assert prosody.summary().speech_mean == pytest.approx(0.9)


def test_level() -> None:
    assert level_db(np.zeros(512, dtype=np.int16)) == -90.0
    assert level_db(np.full(512, 16384, dtype=np.int16)) == pytest.approx(-6.02, abs=0.01)
