from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.plugins.judges.training.rooms import RATE_HZ, heard, line, resize, room, stretch


def tone(hz: float, seconds: float = 0.8) -> NDArray[np.float32]:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def pitch(sound: NDArray[np.float32]) -> float:
    middle = sound[sound.size // 4 : -sound.size // 4]
    return (
        float(np.argmax(np.abs(np.fft.rfft(middle * np.hanning(middle.size), 1 << 16)))) * RATE_HZ / (1 << 16)
    )


def test_a_larger_speaker_is_lower_and_slower() -> None:
    larger = resize(tone(400), 1.25)
    assert pitch(larger) == pytest.approx(320, rel=0.02)
    assert larger.size == pytest.approx(1.25 * tone(400).size, rel=0.02)


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_stretching_keeps_the_pitch(factor: float) -> None:
    made = stretch(tone(250), factor)
    assert made.size == pytest.approx(factor * tone(250).size, rel=0.02)
    assert pitch(made) == pytest.approx(250, rel=0.03)
    assert np.abs(made[2_000:-2_000]).max() == pytest.approx(0.3, rel=0.2)


def test_a_room_rings_on() -> None:
    made = room(tone(300), np.random.default_rng(1))
    assert made.size > tone(300).size
    assert np.abs(made[tone(300).size : tone(300).size + 400]).max() > 1e-4


def test_a_line_lets_only_its_band_through() -> None:
    def left(hz: float) -> float:
        return float(np.std(line(tone(hz))[2_000:-2_000]) / np.std(tone(hz)))

    assert left(1_000) == pytest.approx(1.0, abs=0.1)
    assert left(80) < 0.2
    assert left(5_500) < 0.1


def test_a_rendering_is_seeded_and_says_where_the_sound_is() -> None:
    one, begins, ends = heard(tone(200), np.random.default_rng(5), agent=tone(500, 3.0))
    two, _, _ = heard(tone(200), np.random.default_rng(5), agent=tone(500, 3.0))
    assert np.array_equal(one, two)
    assert np.abs(one).max() <= 1.0
    assert begins == int(0.7 * RATE_HZ) < ends < one.size
    inside, before = one[begins + 800 : ends - 800], one[: begins - 800]
    assert np.std(inside) > 2 * np.std(before)
