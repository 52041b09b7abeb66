from __future__ import annotations

import numpy as np
import pytest

from antiphon.plugins.judges.training.hums import HUMS, hum


@pytest.mark.parametrize("number", range(2 * len(HUMS)))
def test_a_hum_is_short_low_and_voiced(number: int) -> None:
    name, sound = hum(number, 1)
    assert name == HUMS[number % len(HUMS)]
    assert sound.dtype == np.float32
    assert 0.1 < sound.size / 16_000 < 1.5
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.01)
    power = np.square(np.abs(np.fft.rfft(sound)))
    hz = np.fft.rfftfreq(sound.size, 1 / 16_000)
    assert power[hz < 1500].sum() > 0.8 * power.sum()


def test_the_seed_decides() -> None:
    assert np.array_equal(hum(3, 1)[1], hum(3, 1)[1])
    assert not np.array_equal(hum(3, 1)[1][:1000], hum(3, 2)[1][:1000])
