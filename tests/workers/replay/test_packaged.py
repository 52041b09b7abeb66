from __future__ import annotations

import math

import pytest

from antiphon.workers.replay.packaged import Packaged


def paused() -> Packaged:
    made = Packaged(0.5, 3.0)
    made.speech_began(1.0)
    made.speech_ended(2.2, 2.0)
    return made


def test_it_waits_long_until_the_model_has_answered() -> None:
    assert paused().deadline() == 5.0


@pytest.mark.parametrize(("probability", "over_at"), [(0.9, 2.5), (0.36, 2.5), (0.35, 5.0), (math.nan, 5.0)])
def test_the_threshold_decides(probability: float, over_at: float) -> None:
    made = paused()
    made.estimated(2.3, probability)
    assert made.deadline() == over_at
    made.estimated(2.4, 0.9)
    assert made.deadline() == 2.5


def test_an_answer_from_before_the_pause_was_known_counts() -> None:
    made = Packaged(0.5, 3.0)
    made.speech_began(1.0)
    made.estimated(2.1, 0.9)
    assert made.deadline() is None
    made.speech_ended(2.2, 2.0)
    assert made.deadline() == 2.5


def test_one_about_an_earlier_pause_does_not() -> None:
    made = Packaged(0.5, 3.0)
    made.speech_began(1.0)
    made.estimated(1.9, 0.9)
    made.speech_ended(2.2, 2.0)
    assert made.deadline() == 5.0


def test_going_on_calls_it_off() -> None:
    made = paused()
    made.estimated(2.3, 0.9)
    made.speech_began(2.4)
    assert made.deadline() is None
    made.speech_ended(3.2, 3.0)
    assert made.deadline() == 6.0
    made.forget()
    assert made.deadline() is None
