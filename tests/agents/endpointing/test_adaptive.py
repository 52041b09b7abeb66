from __future__ import annotations

import inspect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.agents.endpointing import (
    AdaptiveSilence,
    Endpointer,
    FixedSilence,
    adaptive,
    endpointer_for,
)
from antiphon.agents.interruption import InterruptionController
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption import events as ev
from antiphon.agents.options import TurnTaking

FLOOR, SILENCE, CEILING = 0.2, 0.48, 1.2


def made(slowest: float = 2.0) -> AdaptiveSilence:
    return AdaptiveSilence(
        floor_s=FLOOR, silence_s=SILENCE, ceiling_s=CEILING, unlikely=0.2, likely=0.7, slowest=slowest
    )


def paused(asked: AdaptiveSilence, at: float) -> float:
    """A word that ends at ``at``; returns the wait before any estimate."""
    asked.speech_began(at - 1.0)
    asked.speech_ended(at + 0.19, at)
    over_at = asked.deadline()
    assert over_at is not None
    return over_at - at


def test_it_has_the_interface() -> None:
    for name, method in vars(Endpointer).items():
        if not name.startswith("_") and callable(method):
            assert inspect.signature(getattr(AdaptiveSilence, name)) == inspect.signature(method)


def test_without_an_estimate_it_is_a_fixed_silence() -> None:
    asked = made()
    assert asked.deadline() is None
    assert paused(asked, 10.0) == pytest.approx(SILENCE)
    asked.speech_began(10.3)
    assert asked.deadline() is None


@pytest.mark.parametrize(
    ("probability", "wait_s"),
    [(1.0, FLOOR), (0.7, FLOOR), (0.45, (FLOOR + CEILING) / 2), (0.2, CEILING), (0.0, CEILING)],
)
def test_an_estimate_sets_the_wait(probability: float, wait_s: float) -> None:
    asked = made()
    paused(asked, 10.0)
    asked.estimated(10.25, probability)
    assert asked.deadline() == pytest.approx(10.0 + wait_s)


def test_the_last_estimate_about_a_pause_counts() -> None:
    asked = made()
    paused(asked, 10.0)
    asked.estimated(10.25, 0.1)
    asked.estimated(10.45, 0.9)
    assert asked.deadline() == pytest.approx(10.0 + FLOOR)


@pytest.mark.parametrize("probability", [math.nan, math.inf, -0.1, 1.5])
def test_what_is_no_probability_changes_nothing(probability: float) -> None:
    asked = made()
    paused(asked, 10.0)
    asked.estimated(10.25, probability)
    assert asked.deadline() == pytest.approx(10.0 + SILENCE)


def test_an_estimate_about_a_pause_that_is_over_changes_nothing() -> None:
    asked = made()
    paused(asked, 10.0)
    asked.speech_began(10.3)
    asked.estimated(10.4, 1.0)
    assert asked.deadline() is None
    asked.forget()
    asked.estimated(10.5, 1.0)
    assert asked.deadline() is None


def test_an_estimate_may_come_before_the_pause_is_known() -> None:
    asked = made()
    asked.speech_began(9.0)
    asked.estimated(10.15, 1.0)
    assert asked.deadline() is None
    asked.speech_ended(10.19, 10.0)
    assert asked.deadline() == pytest.approx(10.0 + FLOOR)


def test_one_that_came_before_the_last_voice_is_about_something_else() -> None:
    asked = made()
    asked.speech_began(9.0)
    asked.estimated(9.9, 1.0)
    asked.speech_ended(10.19, 10.0)
    assert asked.deadline() == pytest.approx(10.0 + SILENCE)


def talk(asked: AdaptiveSilence, pause_s: float, times: int = 8) -> float:
    """Words with pauses between, within one turn; returns when the last word began."""
    at = 100.0
    for _ in range(times):
        paused(asked, at)
        asked.speech_began(at + pause_s)
        at += pause_s + 1.0
    return at


def test_somebody_who_pauses_long_gets_a_longer_wait_and_then_a_usual_one_again() -> None:
    asked = made()
    at = talk(asked, 0.7)
    longer = 0.7 / adaptive._USUAL_S
    assert paused(asked, at) == pytest.approx(SILENCE * longer, rel=0.05)
    asked.estimated(at + 0.3, 1.0)
    assert asked.deadline() == pytest.approx(at + FLOOR * longer, rel=0.05)
    assert paused(asked, at + 3600.0) == pytest.approx(SILENCE)


def test_somebody_who_pauses_briefly_gets_no_shorter_wait() -> None:
    asked = made()
    assert paused(asked, talk(asked, 0.2, 30)) == pytest.approx(SILENCE)


def test_no_wait_is_longer_than_the_ceiling() -> None:
    asked = made(slowest=10.0)
    assert paused(asked, talk(asked, 1.19)) <= CEILING + 1e-9
    asked.estimated(1.0, 0.0)
    assert asked.wait_s(0.0) == CEILING


def test_it_need_not_learn() -> None:
    asked = made(slowest=1.0)
    assert paused(asked, talk(asked, 0.9)) == pytest.approx(SILENCE)


def test_going_on_after_a_commit_teaches_too() -> None:
    asked = made()
    at = 10.0
    for _ in range(6):
        paused(asked, at)
        asked.forget()  # committed
        asked.speech_began(at + 0.8)
        asked.forget()  # the next turn begins
        asked.speech_began(at + 0.8)
        at += 1.8
    assert paused(asked, at) > SILENCE * 1.4


def test_the_next_turn_after_a_reply_teaches_nothing() -> None:
    asked = made()
    for index in range(6):
        paused(asked, 10.0 + 6 * index)
        asked.forget()
    assert paused(asked, 60.0) == pytest.approx(SILENCE)


probabilities = st.floats(0, 1)


@given(low=probabilities, high=probabilities, pauses=st.lists(st.floats(0.03, 3.0), max_size=40))
def test_the_wait_lies_between_floor_and_ceiling_and_falls_with_the_probability(
    low: float, high: float, pauses: list[float]
) -> None:
    asked = made()
    at = 10.0
    for pause_s in pauses:
        paused(asked, at)
        asked.speech_began(at + pause_s)
        at += pause_s + 1.0
    paused(asked, at)
    low, high = min(low, high), max(low, high)
    assert FLOOR <= asked.wait_s(high) <= asked.wait_s(low) <= CEILING


@pytest.mark.parametrize(("probability", "silence_s"), [(0.9, 0.26), (None, SILENCE), (0.1, CEILING)])
def test_a_call_commits_by_it(probability: float | None, silence_s: float) -> None:
    controller = InterruptionController(TurnTaking(), endpointer=made(), strict=True)
    committed: list[float] = []
    now, voice_until = 0.0, 20 * 0.032
    for index in range(70):
        now = (index + 1) * 0.032
        done = list(controller.handle(ev.VadFrame(now, 0.9 if index < 20 else 0.0)))
        if index == 27 and probability is not None:  # asked at 0.096 s of quiet, answered 0.16 s later
            done += controller.handle(ev.EndOfTurnEstimated(now, probability))
        committed += [now - voice_until for action in done if isinstance(action, act.CommitTurn)]
    assert committed == [pytest.approx(silence_s, abs=0.033)]


def test_without_estimates_a_fixed_silence_decides() -> None:
    assert isinstance(endpointer_for(TurnTaking(), estimated=False), FixedSilence)


@pytest.mark.parametrize("silence_s", [0.2, 0.48, 3.0])
def test_the_waits_never_contradict_the_silence(silence_s: float) -> None:
    made = endpointer_for(TurnTaking(silence_s=silence_s), estimated=True)
    assert isinstance(made, AdaptiveSilence)
    assert made.wait_s(1.0) <= silence_s <= made.wait_s(0.0)
