from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.media.voicing import STILL, Voicing, likeness, periodicity

RATE = 16_000


def voice(seconds: float, low_hz: float = 120.0, high_hz: float = 160.0) -> NDArray[np.int16]:
    """A pitch that rises, with overtones that come and go as in a syllable."""
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = np.linspace(low_hz, high_hz, len(t))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = sum(np.sin(n * phase) * (1 + np.sin(2 * np.pi * 9 * t + n)) / n for n in range(1, 12))
    return np.asarray(3000 * sound, dtype=np.int16)


def noise(seconds: float) -> NDArray[np.int16]:
    return np.asarray(np.random.default_rng(1).normal(0, 3000, round(seconds * RATE)), dtype=np.int16)


def tone(seconds: float, hz: float = 200.0) -> NDArray[np.int16]:
    return np.asarray(9000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE), dtype=np.int16)


def looked_at(sound: NDArray[np.int16]) -> list[float]:
    voicing = Voicing()
    return [voicing.window(sound[at : at + 512], True) for at in range(0, len(sound) - 511, 512)]


def test_a_pitch_repeats_itself_and_noise_does_not() -> None:
    assert periodicity(tone(0.064)) > 0.95
    assert periodicity(voice(0.064)) > 0.8
    assert periodicity(noise(0.064)) < 0.5
    assert periodicity(np.zeros(1024, np.int16)) == 0.0


@pytest.mark.parametrize("hz", [80.0, 130.0, 250.0, 390.0])
def test_pitches_of_voices_are_found(hz: float) -> None:
    assert periodicity(tone(0.064, hz)) > 0.9


def test_a_tone_stands_still_and_silence_with_it() -> None:
    whole = tone(0.064)
    assert likeness(whole[:512], whole[512:]) > STILL
    assert likeness(np.zeros(512, np.int16), np.zeros(512, np.int16)) == 1.0
    assert 0.0 <= likeness(tone(0.032), noise(0.032)) < STILL


def test_what_sounds_like_a_voice_is_a_pitch_that_moves() -> None:
    assert max(looked_at(voice(0.5))) > 0.8
    assert max(looked_at(tone(0.5))) == 0.0
    assert max(looked_at(noise(0.5))) < 0.6


def test_it_needs_three_windows_in_a_row_and_looks_only_when_told() -> None:
    voicing = Voicing()
    windows = list(voice(0.5)[: 15 * 512].reshape(-1, 512))
    assert [voicing.window(window, True) for window in windows[:2]] == [0.0, 0.0]
    assert all(voicing.window(window, False) == 0.0 for window in windows[2:8])
    assert max(voicing.window(window, True) for window in windows[8:]) > 0.5
    voicing.reset()
    assert voicing.window(windows[0], True) == 0.0


def test_it_is_cheap() -> None:
    voicing, windows = Voicing(), list(voice(3.0)[: 90 * 512].reshape(-1, 512))
    began = time.perf_counter()
    for window in windows:
        voicing.window(window, True)
    assert (time.perf_counter() - began) / len(windows) < 0.003  # some 0.1 ms where nothing else runs
