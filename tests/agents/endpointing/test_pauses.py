from __future__ import annotations

import pytest

from antiphon.agents.endpointing.pauses import Pauses


def test_nothing_heard_is_the_usual_pause() -> None:
    assert Pauses(0.5).long_s(10.0) == 0.5


def test_one_long_pause_is_no_habit_and_two_are() -> None:
    pauses = Pauses(0.5)
    pauses.note(1.0, 1.1)
    assert pauses.long_s(1.0) == 0.5
    pauses.note(3.0, 1.1)
    assert pauses.long_s(3.0) == 1.1


def test_many_short_pauses_are_a_short_habit() -> None:
    pauses = Pauses(0.5)
    for index in range(20):
        pauses.note(float(index), 0.25)
    assert pauses.long_s(20.0) == 0.25


def test_a_habit_fades() -> None:
    pauses = Pauses(0.5)
    for index in range(6):
        pauses.note(float(index), 0.9)
    assert pauses.long_s(6.0) == 0.9
    assert pauses.long_s(6.0 + 3600.0) == 0.5


def test_it_remembers_a_bounded_number() -> None:
    pauses = Pauses(0.5)
    for _ in range(1000):
        pauses.note(0.0, 0.9)
    for _ in range(32):
        pauses.note(0.0, 0.3)
    assert pauses.long_s(0.0) == 0.3


@pytest.mark.parametrize("length_s", [0.0, -1.0])
def test_no_pause_is_none(length_s: float) -> None:
    pauses = Pauses(0.5)
    for _ in range(9):
        pauses.note(0.0, length_s)
    assert pauses.long_s(0.0) == 0.5
