from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.media.windows import RATE_IN_HZ, WINDOW_OUT, Windows, level_dbfs


def tone(frequency: float, seconds: float = 1.0) -> NDArray[np.int16]:
    t = np.arange(round(seconds * RATE_IN_HZ)) / RATE_IN_HZ
    return (10_000 * np.sin(2 * np.pi * frequency * t)).astype(np.int16)


def through(samples: NDArray[np.int16], step: int = 480) -> NDArray[np.int16]:
    windows = Windows()
    out = [w for i in range(0, len(samples), step) for w in windows.push(samples[i : i + step])]
    return np.concatenate(out)


@pytest.mark.parametrize("frequency", [100.0, 440.0, 3000.0, 5500.0])
def test_speech_frequencies_pass_unchanged(frequency: float) -> None:
    out = through(tone(frequency))[WINDOW_OUT : 25 * WINDOW_OUT].astype(float)
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    assert np.argmax(spectrum) * 16_000 / len(out) == pytest.approx(frequency, abs=2)
    assert np.sqrt(np.mean(out**2)) == pytest.approx(10_000 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("frequency", [9500.0, 11_000.0])
def test_what_would_alias_is_gone(frequency: float) -> None:
    out = through(tone(frequency))[WINDOW_OUT:].astype(float)
    assert np.sqrt(np.mean(out**2)) < 10_000 / np.sqrt(2) / 100


@pytest.mark.parametrize("step", [1, 160, 480, 960, 5000])
def test_windows_do_not_depend_on_how_the_audio_is_cut(step: int) -> None:
    samples = tone(700, 0.3)
    assert np.array_equal(through(samples, step), through(samples))


def test_a_window_comes_as_soon_as_its_audio_is_there() -> None:
    windows = Windows()
    assert windows.push(tone(440)[:767]) == []
    assert len(windows.push(tone(440)[767:768])) == 1


def test_a_level_is_relative_to_full_scale() -> None:
    assert level_dbfs(np.full(768, -32_768, np.int16)) == pytest.approx(0.0, abs=0.01)
    assert level_dbfs(tone(1000)) == pytest.approx(20 * np.log10(10_000 / 32_768 / np.sqrt(2)), abs=0.05)
    assert level_dbfs(np.zeros(768, np.int16)) == -np.inf
