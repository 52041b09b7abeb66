"""What is ours in libwebrtc's peer; what it does as a peer is in test_peer."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.plugins.openai.peer_wrtc import Halver


def sine(hz: float, count: int = 48_000) -> np.ndarray:
    return (10_000 * np.sin(2 * np.pi * hz * np.arange(count) / 48_000)).astype(np.int16)


def level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound[500:].astype(np.float64)))))


@pytest.mark.parametrize("hz", [100, 1000, 4000, 8000])
def test_a_voice_passes_at_its_level(hz: float) -> None:
    halved = Halver()(sine(hz))
    assert len(halved) == 24_000
    assert level(halved) == pytest.approx(10_000 / np.sqrt(2), rel=0.03)


@pytest.mark.parametrize("hz", [14_500, 18_000, 22_000])
def test_what_24_khz_cannot_hold_does_not_fold_back(hz: float) -> None:
    assert level(Halver()(sine(hz))) < 10_000 * 10 ** (-40 / 20)


def test_pieces_are_as_one_stretch() -> None:
    sound = sine(997)
    halve = Halver()
    pieces = [halve(sound[start : start + 480]) for start in range(0, len(sound), 480)]
    assert {len(piece) for piece in pieces} == {240}
    assert np.array_equal(np.concatenate(pieces), Halver()(sound))


def test_a_loud_sound_is_clipped_and_not_wrapped() -> None:
    square = np.where(np.arange(4800) // 48 % 2, 32_767, -32_768).astype(np.int16)
    halved = Halver()(square).astype(np.int32)
    flat = halved.reshape(-1, 24)[5:, 12]
    assert np.all(np.abs(flat) > 30_000)
