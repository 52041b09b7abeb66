"""Known cuts are found; what a codec and a line do to a sound is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.workers.bench.syllable import opening

RATE_HZ = 24_000
Samples = NDArray[np.int16]


@pytest.fixture(scope="module")
def said(clip: Callable[..., Samples]) -> Samples:
    """A question with its own quiet around it."""
    return clip("weather_question", RATE_HZ)


def line(samples: Samples, *, gain: float = 1.0, lead_s: float = 0.3, tail_s: float = 0.2) -> Samples:
    """As it arrives: at an odd offset, louder or softer, with a noise floor."""
    pad = np.zeros(round(lead_s * RATE_HZ) + 57), np.zeros(round(tail_s * RATE_HZ))
    made = np.concatenate([pad[0], samples * gain, pad[1]])
    noise = np.random.default_rng(1).normal(0, 3, len(made))
    return np.clip(made + noise, -32768, 32767).astype(np.int16)


def from_voice(said: Samples, seconds: float) -> Samples:
    """The clip without its quiet and the first of its voice."""
    voice = np.flatnonzero(np.abs(said.astype(int)) > 400)[0]
    return said[voice + round(seconds * RATE_HZ) :]


@pytest.mark.parametrize("gain", [0.3, 1.0, 2.0])
def test_what_arrives_whole_is_whole(said: Samples, gain: float) -> None:
    found = opening(said, line(said, gain=gain), RATE_HZ)
    assert found.whole, found
    assert found.likeness > 0.95
    assert found.lost_end_s == 0.0
    assert 0.3 < found.lead_s < 1.2


@pytest.mark.parametrize("cut_s", [0.05, 0.1, 0.3])
def test_a_cut_beginning_is_found(said: Samples, cut_s: float) -> None:
    found = opening(said, line(from_voice(said, cut_s), lead_s=0.0), RATE_HZ)
    assert not found.whole
    assert found.lost_start_s == pytest.approx(min(cut_s, 0.1), abs=0.021)
    padded = opening(said, line(from_voice(said, cut_s), lead_s=0.5), RATE_HZ)
    assert not padded.whole  # quiet in its place is no voice


def test_a_beginning_that_fades_in_is_no_whole_one(said: Samples) -> None:
    faded = from_voice(said, 0.0).astype(float)
    faded[: RATE_HZ // 10] *= 0.05
    assert not opening(said, line(faded.astype(np.int16)), RATE_HZ).whole


def test_a_cut_end_is_found(said: Samples) -> None:
    voiced = np.flatnonzero(np.abs(said.astype(int)) > 400)[-1]
    found = opening(said, line(said[: voiced - RATE_HZ // 5], tail_s=0.0), RATE_HZ)
    assert found.whole
    assert found.lost_end_s == pytest.approx(0.2, abs=0.08)


def test_another_sound_is_not_it(said: Samples, clip: Callable[..., Samples]) -> None:
    assert not opening(said, line(clip("keystrokes_0", RATE_HZ)), RATE_HZ).whole
    assert not opening(said, np.zeros(RATE_HZ, dtype=np.int16), RATE_HZ).whole
    assert not opening(said, np.zeros(0, dtype=np.int16), RATE_HZ).whole
    assert not opening(np.zeros(RATE_HZ, dtype=np.int16), said, RATE_HZ).whole
