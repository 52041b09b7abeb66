from __future__ import annotations

import pytest

from antiphon.agents.interruption.arbiter import DurationArbiter, Opinion
from antiphon.agents.interruption.judges import Occasion
from antiphon.agents.interruption.verdicts import WINDOW_S, Verdict


def arbiter() -> DurationArbiter:
    made = DurationArbiter(yield_after_s=0.42, resume_quiet_s=0.25)
    made.begin(1, 0.064, 0.064)
    return made


def test_voice_that_lasts_is_a_turn() -> None:
    asked = arbiter()
    now, verdict = 0.064, None
    while verdict is None:
        now += WINDOW_S
        verdict = asked.frame(now, 0.9, True)
    assert verdict is Verdict.TURN
    assert now == pytest.approx(0.42, abs=WINDOW_S)


def test_short_voice_and_then_quiet_is_a_backchannel_at_the_stated_time() -> None:
    asked = arbiter()
    assert asked.frame(0.096, 0.9, True) is None
    assert asked.ended(0.288, 0.096) is None
    assert asked.deadline() == pytest.approx(0.346)
    assert asked.expire(0.30) is None
    assert asked.expire(0.346) is Verdict.BACKCHANNEL


def test_voice_that_comes_back_counts_on() -> None:
    asked = arbiter()
    for step in range(8):
        assert asked.frame(0.1 + step * WINDOW_S, 0.9, True) is None
    asked.ended(0.6, 0.4)
    verdicts = [asked.frame(0.62 + step * WINDOW_S, 0.9, True) for step in range(4)]
    assert Verdict.TURN in verdicts


def test_an_arbiter_starts_afresh_for_each_speech() -> None:
    asked = arbiter()
    for step in range(8):
        asked.frame(0.1 + step * WINDOW_S, 0.9, True)
    asked.begin(2, 5.0, 0.064)
    assert asked.frame(5.032, 0.9, True) is None
    assert asked.deadline() is None
    asked.forget()
    assert asked.deadline() is None


def test_duration_asks_nobody_and_listens_to_nobody() -> None:
    asked = arbiter()
    assert asked.frame(0.096, 0.9, True) is None
    assert asked.occasion() is None
    assert asked.opinion(0.1, Opinion("acoustic", Occasion.EARLY, 1.0)) is None
