from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.media.bands import BANDS, FLOOR_DB, levels_of
from antiphon.agents.media.clearing import HOP, without_echo

Sound = NDArray[np.int16]
NOISE = np.full(BANDS, -75.0, np.float32)
NOTHING = np.zeros(HOP, np.int16)


def levels(sound: Sound) -> NDArray[np.float32]:
    """Of the frames that begin a hop before each hop of the sound."""
    padded = np.concatenate([NOTHING, sound]).astype(np.float32)
    return levels_of(padded, HOP, len(sound) // HOP)


def power_db(sound: NDArray[np.floating] | Sound) -> float:
    return float(10 * np.log10(np.mean(np.square(sound / 32768.0)) + 1e-12))


@pytest.fixture(scope="module")
def agent(clip: Callable[..., Sound]) -> Sound:
    whole = clip("jfk")
    return whole[: len(whole) // HOP * HOP]


def test_where_no_echo_is_expected_nothing_changes(agent: Sound) -> None:
    before = np.full(HOP, 100, np.int16)
    silence = np.full((len(agent) // HOP, BANDS), FLOOR_DB, np.float32)
    made = without_echo(agent, before, silence, NOISE)
    assert made.dtype == np.int16
    assert np.abs(made[:-HOP].astype(int) - agent[:-HOP]).max() <= 8


def test_an_echo_alone_falls_to_the_rooms_noise(agent: Sound) -> None:
    noise = (np.random.default_rng(0).standard_normal(len(agent)) * 10).astype(np.int16)
    echo = (agent * 0.1).astype(np.int16)
    floor = np.percentile(levels(noise), 50, axis=0).astype(np.float32)
    made = without_echo((echo + noise).astype(np.int16), NOTHING, levels(echo), floor)
    assert power_db(echo) > power_db(noise) + 15
    assert power_db(made) < power_db(noise) + 4
    assert power_db(made) > power_db(noise) - 6  # no hole in it either


def test_a_person_over_an_echo_stays(agent: Sound, clip: Callable[..., Sound]) -> None:
    person = clip("en_ast_hang_on_a_second")
    person = person[: len(person) // HOP * HOP]
    echo = (agent[: len(person)] * 0.05).astype(np.int16)
    made = without_echo((person + echo).astype(np.int16), NOTHING, levels(echo) + 2.0, NOISE)
    error = power_db(made.astype(float) - person)
    assert error < power_db(person) - 10
    assert error < power_db(echo) + 1


def test_an_expectation_that_is_wrong_by_far_takes_nothing_below_the_noise(agent: Sound) -> None:
    made = without_echo(agent, NOTHING, np.full((len(agent) // HOP, BANDS), 0.0, np.float32), NOISE)
    assert -80 < power_db(made) < -55
