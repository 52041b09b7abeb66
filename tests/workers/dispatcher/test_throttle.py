"""Which actions are begun, and when again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.agents.errors import ConfigError
from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.throttle import Throttle

REMOVE = act.RemoveParticipant("r", "agent-c-1")


def test_an_action_is_begun_once_however_often_it_is_asked_for() -> None:
    throttle = Throttle()
    assert throttle.admit([REMOVE, REMOVE], 0.0) == [REMOVE]
    assert throttle.admit([REMOVE], 5.0) == []


def test_it_gets_time_to_show_its_effect_and_is_begun_again_without_one() -> None:
    throttle = Throttle(settle_s=1.0)
    throttle.admit([REMOVE], 0.0)
    throttle.succeeded(REMOVE, 0.1)
    assert throttle.admit([REMOVE], 1.0) == []
    assert throttle.wake_at([REMOVE], 1.0) == 1.1
    assert throttle.admit([REMOVE], 1.1) == [REMOVE]


def test_failures_in_a_row_make_it_wait_longer_up_to_a_limit() -> None:
    throttle = Throttle(back_off_s=0.25, most_s=2.0)
    now, waits = 0.0, []
    for _ in range(6):
        assert throttle.admit([REMOVE], now) == [REMOVE]
        throttle.failed(REMOVE, now, 0.0)
        due = throttle.wake_at([REMOVE], now)
        assert due is not None
        assert throttle.admit([REMOVE], due - 0.01) == []
        waits.append(due - now)
        now = due
    assert waits == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_a_success_ends_the_row_and_jitter_spreads_the_waits() -> None:
    throttle = Throttle(back_off_s=1.0, settle_s=0.5)
    throttle.admit([REMOVE], 0.0)
    throttle.failed(REMOVE, 0.0, 1.0)
    assert throttle.wake_at([REMOVE], 0.0) == 1.5
    throttle.admit([REMOVE], 1.5)
    throttle.succeeded(REMOVE, 1.5)
    throttle.admit([REMOVE], 2.0)
    throttle.failed(REMOVE, 2.0, 0.0)
    assert throttle.wake_at([REMOVE], 2.0) == 3.0


def test_one_that_never_comes_back_counts_as_failed() -> None:
    throttle = Throttle(stuck_s=15.0)
    throttle.admit([REMOVE], 0.0)
    assert throttle.wake_at([REMOVE], 1.0) == 15.0
    assert throttle.admit([REMOVE], 15.0) == [REMOVE]


def test_another_value_for_the_same_thing_waits_only_for_the_one_before() -> None:
    throttle = Throttle(settle_s=1.0)
    first, second = act.TellRoom("r", "1"), act.TellRoom("r", "2")
    throttle.admit([first], 0.0)
    throttle.succeeded(first, 0.05)
    assert throttle.admit([second], 0.5) == []
    assert throttle.admit([second], 1.0) == [second]


def test_a_late_answer_about_an_older_value_changes_nothing() -> None:
    throttle = Throttle(settle_s=1.0, stuck_s=2.0)
    first, second = act.TellRoom("r", "1"), act.TellRoom("r", "2")
    throttle.admit([first], 0.0)
    throttle.admit([second], 2.0)
    throttle.failed(first, 2.1, 0.0)
    assert throttle.admit([second], 2.5) == []


@given(asked=st.integers(1, 200), rate=st.floats(1, 50), seconds=st.integers(1, 20))
def test_no_more_are_begun_than_the_rate_allows(asked: int, rate: float, seconds: int) -> None:
    throttle = Throttle(rate=rate, burst=5)
    wanted: list[act.Action] = [act.RemoveParticipant("r", str(n)) for n in range(asked)]
    begun: list[act.Action] = []
    for step in range(seconds * 4 + 1):
        begun += throttle.admit(wanted[len(begun) :], step / 4)
    assert len(begun) <= 5 + rate * seconds + 1e-6
    assert begun == wanted[: len(begun)]


def test_what_is_long_over_is_forgotten_and_what_is_being_worked_at_is_not() -> None:
    throttle = Throttle(settle_s=100.0)
    other = act.RemoveParticipant("r", "x")
    throttle.admit([REMOVE, other], 0.0)
    throttle.succeeded(REMOVE, 0.0)
    throttle.forget(1.0)
    assert throttle.admit([REMOVE, other], 2.0) == [REMOVE]


@pytest.mark.parametrize("name", ["rate", "burst", "settle_s", "stuck_s"])
def test_a_throttle_that_lets_nothing_through_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Throttle(**{name: 0})
