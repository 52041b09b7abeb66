from __future__ import annotations

import numpy as np
import pytest

from antiphon.agents.media.bands import (
    BANDS,
    FLOOR_DB,
    KEPT,
    Frames,
    alike,
    band_of_bins,
    levels_of,
    levels_of_spectra,
    with_tails,
)


def tone(hz: float, rate_hz: int, count: int) -> np.ndarray:
    return (16_384 * np.sin(2 * np.pi * hz / rate_hz * np.arange(count))).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
def test_a_tone_has_its_level_in_its_band_at_either_rate(rate_hz: int) -> None:
    hop = rate_hz // 125
    low, high = (levels_of(tone(hz, rate_hz, 9 * hop), hop, 8) for hz in (500.0, 2000.0))
    assert low.shape == (8, BANDS)
    assert low.mean(axis=0).argmax() < high.mean(axis=0).argmax()
    assert low.max() == pytest.approx(-6.0 - 3.0, abs=4.0)  # half of full scale, RMS
    assert levels_of(np.zeros(9 * hop, np.float32), hop, 8).max() == pytest.approx(FLOOR_DB)


def test_frames_are_kept_by_their_number() -> None:
    frames = Frames(2)
    for number in range(3 * KEPT):
        frames.append(np.full((1, 2), number, np.float32))
    assert frames.rows(3 * KEPT - 5, 3 * KEPT)[:, 0].tolist() == list(range(3 * KEPT - 5, 3 * KEPT))
    frames.move(3 * KEPT + 3)
    assert (frames.rows(3 * KEPT, 3 * KEPT + 3) == FLOOR_DB).all()
    frames.move(9 * KEPT)
    assert frames.begin == frames.end == 9 * KEPT


def test_tails_fall_after_a_sound_the_small_rooms_faster() -> None:
    levels = np.full((40, BANDS), FLOOR_DB, np.float32)
    levels[0] = 0.0
    direct, small, large = np.split(with_tails(levels, np.full(3 * BANDS, FLOOR_DB, np.float32)), 3, axis=1)
    assert direct[20, 0] < small[20, 0] < large[20, 0] < 0.0
    assert (np.diff(small[1:, 0]) < 0).all()


def test_what_moves_alike_is_alike() -> None:
    rng = np.random.default_rng(0)
    sound, other = (rng.uniform(-60, -20, (100, BANDS)).astype(np.float32) for _ in range(2))
    assert alike(sound, sound - 12.0) == pytest.approx(1.0, abs=0.01)
    assert abs(alike(sound, other)) < 0.2


def test_spectra_that_were_made_already_give_the_same_levels() -> None:
    sound = np.random.default_rng(0).standard_normal(9 * 128).astype(np.float32) * 1000
    frames = np.lib.stride_tricks.sliding_window_view(sound, 256)[::128]
    spectra = np.fft.rfft(frames * np.hanning(257)[:-1])
    np.testing.assert_allclose(levels_of_spectra(spectra, 128), levels_of(sound, 128, 8), atol=0.05)


def test_every_bin_lies_in_a_band() -> None:
    bands = band_of_bins(129)  # of 62.5 Hz
    assert bands.shape == (129,)
    assert (bands[0], bands[-1]) == (0, BANDS - 1)
    assert (np.diff(bands) >= 0).all()
    assert set(bands) == set(range(BANDS))
    assert levels_of(tone(500.0, 16_000, 3 * 128), 128, 2).mean(axis=0).argmax() == bands[8]
