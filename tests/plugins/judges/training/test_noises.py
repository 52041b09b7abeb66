from __future__ import annotations

import numpy as np
import pytest

from antiphon.plugins.judges.training.noises import NOISES, RATE_HZ, VOCALS, coloured, make


@pytest.mark.parametrize("kind", ["noise", "vocal"])
def test_each_sound_is_heard_finite_and_seeded(kind: str) -> None:
    generators = NOISES if kind == "noise" else VOCALS
    names = set()
    for number in range(len(generators) * 3):
        name, sound = make(kind, number, 4)
        names.add(name)
        assert sound.dtype == np.float32
        assert 0.08 * RATE_HZ < sound.size < 4 * RATE_HZ
        assert np.isfinite(sound).all()
        assert 0.005 < np.abs(sound).max() < 4
        assert np.array_equal(sound, make(kind, number, 4)[1])
    assert len(names) == len(generators)


def test_another_seed_is_another_sound() -> None:
    assert not np.array_equal(make("vocal", 0, 1)[1][:500], make("vocal", 0, 2)[1][:500])


def test_coloured_noise_falls_as_told() -> None:
    rng = np.random.default_rng(0)
    for slope in (0.0, 1.0, 2.0):
        power = np.square(np.abs(np.fft.rfft(coloured(rng, 1 << 16, slope))))
        low, high = power[2_000:4_000].mean(), power[8_000:16_000].mean()
        assert 10 * np.log10(low / high) / 2 == pytest.approx(3.01 * slope, abs=0.5)
