from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.plugins.silero import WINDOW_SAMPLES, SileroVad, load


def probabilities(samples: NDArray[np.int16], vad: SileroVad | None = None) -> NDArray[np.float64]:
    vad = vad or SileroVad()
    starts = range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES)
    return np.array([vad.window(samples[i : i + WINDOW_SAMPLES]) for i in starts])


def test_it_hears_speech_and_not_silence_or_hiss(clip: Callable[..., NDArray[np.int16]]) -> None:
    speech = probabilities(clip("jfk", 16_000))
    assert np.mean(speech > 0.5) > 0.5
    assert np.max(probabilities(np.zeros(16_000, dtype=np.int16))) < 0.2
    hiss = np.random.default_rng(1).normal(0, 300, 32_000).astype(np.int16)
    assert np.mean(probabilities(hiss) > 0.5) < 0.05


def test_the_model_is_loaded_once_and_streams_keep_apart(clip: Callable[..., NDArray[np.int16]]) -> None:
    assert load() is load()
    samples = clip("jfk", 16_000)[:48_000]
    alone = probabilities(samples)
    first, second = SileroVad(), SileroVad()
    interleaved = []
    for start in range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        interleaved.append(first.window(samples[start : start + WINDOW_SAMPLES]))
        second.window(samples[start : start + WINDOW_SAMPLES][::-1].copy())
    assert np.allclose(alone, interleaved)


def test_a_reset_forgets(clip: Callable[..., NDArray[np.int16]]) -> None:
    vad = SileroVad()
    samples = clip("jfk", 16_000)[:32_000]
    first = probabilities(samples, vad)
    vad.reset()
    assert np.allclose(first, probabilities(samples, vad))


def test_a_window_of_another_size_is_refused_with_its_size() -> None:
    with pytest.raises(ValueError, match="512 samples"):
        SileroVad().window(np.zeros(160, dtype=np.int16))
