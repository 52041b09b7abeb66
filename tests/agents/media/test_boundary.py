from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.media.boundary import last_boundary

RATE = 24_000


def tone(seconds: float, level: int = 8000) -> NDArray[np.int16]:
    return (level * np.sin(np.arange(round(seconds * RATE)) * 0.05)).astype(np.int16)


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)


def test_the_last_word_begins_behind_the_last_pause() -> None:
    sound = np.concatenate([tone(0.3), silence(0.1), tone(0.3), silence(0.08), tone(0.21)])
    found = last_boundary(sound, RATE)
    assert found is not None
    assert found / RATE == pytest.approx(0.78, abs=0.03)


@pytest.mark.parametrize(
    "sound", [tone(1.0), np.concatenate([tone(0.5), silence(0.03), tone(0.4)]), silence(1.0), silence(0.001)]
)
def test_without_a_pause_there_is_none(sound: NDArray[np.int16]) -> None:
    assert last_boundary(sound, RATE) is None


def test_a_pause_at_the_very_end_is_no_words_beginning() -> None:
    sound = np.concatenate([tone(0.3), silence(0.1), tone(0.3), silence(0.2)])
    found = last_boundary(sound, RATE)
    assert found is not None
    assert found / RATE == pytest.approx(0.38, abs=0.03)


def test_in_real_speech_it_is_a_quiet_place(clip: Callable[..., NDArray[np.int16]]) -> None:
    speech = clip("jfk", RATE)[: 6 * RATE]
    found = 0
    for end in range(2 * RATE, 6 * RATE, RATE // 3):
        part = speech[end - RATE : end]
        place = last_boundary(part, RATE)
        if place is None:
            continue
        found += 1
        around = part[max(place - 240, 0) : place + 240].astype(np.float64)
        assert np.sqrt((around**2).mean()) < 0.3 * np.sqrt((part.astype(np.float64) ** 2).mean())
    assert found >= 6
