from __future__ import annotations

import numpy as np
import pytest

from antiphon.plugins.local.resample import resample


@pytest.mark.parametrize(("from_hz", "to_hz"), [(24_000, 16_000), (22_050, 24_000), (8_000, 24_000)])
def test_a_tone_keeps_its_pitch_level_and_place(from_hz: int, to_hz: int) -> None:
    t = np.arange(from_hz) / from_hz
    made = resample(np.sin(2 * np.pi * 440 * t).astype(np.float32), from_hz, to_hz)
    assert len(made) == to_hz
    expected = np.sin(2 * np.pi * 440 * np.arange(to_hz) / to_hz)
    middle = slice(to_hz // 10, -to_hz // 10)
    assert np.abs(made[middle] - expected[middle]).max() < 0.01


def test_what_would_alias_is_gone() -> None:
    t = np.arange(24_000) / 24_000
    made = resample(np.sin(2 * np.pi * 11_000 * t).astype(np.float32), 24_000, 16_000)
    assert np.abs(made[1000:-1000]).max() < 0.01


def test_the_same_rate_and_nothing_pass() -> None:
    sound = np.array([0.1, -0.2], dtype=np.float32)
    assert np.array_equal(resample(sound, 8000, 8000), sound)
    assert resample(sound[:0], 8000, 16_000).size == 0
