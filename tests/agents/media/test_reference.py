from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.media.reference import EchoReference

RATE = 24_000


def ramp(count: int, first: int = 1) -> NDArray[np.int16]:
    return (np.arange(first, first + count) % 30_000).astype(np.int16)


def test_what_was_played_is_read_where_it_was_heard() -> None:
    reference = EchoReference(RATE)
    reference.played(ramp(960), 10.0)
    reference.played(ramp(960, 961), 10.04)
    assert np.array_equal(reference.read(10.0, 1920), ramp(1920))
    assert np.array_equal(reference.read(10.02, 480), ramp(480, 481))


def test_before_the_first_push_nothing_is_known() -> None:
    reference = EchoReference(RATE)
    assert not reference.read(5.0, 100).any()
    assert reference.sound_until == -math.inf
    assert reference.stand(5.0).quiet_s == math.inf
    reference.cut(5.0)
    assert reference.epoch is None


def test_gaps_are_silent() -> None:
    reference = EchoReference(RATE)
    reference.played(ramp(240), 1.0)
    reference.played(ramp(240), 1.5)
    got = reference.read(1.0, 24_000)
    assert np.array_equal(got[:240], ramp(240))
    assert not got[240:12_000].any()
    assert np.array_equal(got[12_000:12_240], ramp(240))


def test_pushes_that_seem_to_miss_each_other_by_a_little_follow_each_other() -> None:
    reference = EchoReference(RATE)
    reference.played(ramp(480), 1.0)
    reference.played(ramp(480, 481), 1.0203)
    reference.played(ramp(480, 961), 1.0396)
    assert np.array_equal(reference.read(1.0, 1440), ramp(1440))


def test_a_cut_takes_back_what_was_not_heard_yet() -> None:
    reference = EchoReference(RATE)
    reference.played(ramp(2400), 1.0)
    reference.cut(1.05)
    assert reference.take_changed() == 1200
    assert reference.take_changed() is None
    assert reference.sound_until == pytest.approx(1.05)
    got = reference.read(1.0, 2400)
    assert np.array_equal(got[:1200], ramp(1200))
    assert not got[1200:].any()
    reference.played(ramp(240), 1.05)
    assert np.array_equal(reference.read(1.05, 240), ramp(240))


@pytest.mark.parametrize("step", [241, 960, 2400])
def test_long_replies_keep_the_last_seconds(step: int) -> None:
    reference = EchoReference(RATE)
    position = 0
    while position < 20 * RATE:
        reference.played(ramp(step, position + 1), 3.0 + position / RATE)
        position += step
    tail = 2 * RATE
    got = reference.read(3.0 + (position - tail) / RATE, tail)
    assert np.array_equal(got, ramp(tail, position - tail + 1))


def test_a_minute_of_nothing_between_two_replies() -> None:
    reference = EchoReference(RATE)
    reference.played(ramp(2400), 0.0)
    reference.played(ramp(2400), 60.0)
    assert np.array_equal(reference.read(60.0, 2400), ramp(2400))
    assert not reference.read(58.0, 48_000).any()
    assert not reference.read(0.0, 2400).any()  # forgotten


def test_sound_is_more_than_silence() -> None:
    reference = EchoReference(RATE)
    reference.played(np.zeros(2400, dtype=np.int16), 1.0)
    assert reference.sound_until == -math.inf
    reference.played(ramp(2400), 1.1)
    assert reference.sound_until == pytest.approx(1.2)


def test_how_the_agent_stands() -> None:
    reference = EchoReference(RATE)
    word = (8000 * np.sin(np.arange(RATE) * 0.05)).astype(np.int16)
    reference.played(word, 1.0)
    middle = reference.stand(1.5, left_s=0.5)
    assert middle.level_db == pytest.approx(-15.3, abs=0.5)
    assert (middle.quiet_s, middle.left_s) == (0.0, 0.5)
    pause = reference.stand(2.4)
    assert pause.quiet_s == pytest.approx(0.4, abs=0.03)
    assert pause.level_db < -60


def test_a_push_longer_than_it_all_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than the reference"):
        EchoReference(RATE).played(np.zeros(RATE * 10, dtype=np.int16), 0.0)
