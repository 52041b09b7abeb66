from __future__ import annotations

import math

import pytest

from antiphon.agents.interruption.arbiter import DurationArbiter, Opinion
from antiphon.agents.interruption.aside import DISMISS_AT, Asides, AsidesJudged, log_odds
from antiphon.agents.interruption.fusion import FusionArbiter
from antiphon.agents.interruption.judges import Occasion
from antiphon.agents.options import TurnTaking


def told(probability: float | None, judge: str = "lexical") -> Opinion:
    return Opinion(judge, Occasion.ASIDE, probability)


def test_without_judges_nobody_is_asked_and_nothing_dismissed() -> None:
    asides = Asides()
    assert not asides.ask(1)
    asides.opinion(1, told(0.02))
    assert not asides.dismissed()


def test_all_who_were_asked_have_to_answer() -> None:
    asides = Asides({"lexical": 1.0, "acoustic": 1.0})
    assert asides.ask(1)
    asides.opinion(1, told(0.1))
    assert not asides.dismissed()
    asides.opinion(1, told(None, "acoustic"))
    assert asides.dismissed()


@pytest.mark.parametrize("answer", [None, math.nan, 2.0, DISMISS_AT + 0.02, 0.9])
def test_what_is_no_clear_no_dismisses_nothing(answer: float | None) -> None:
    asides = Asides({"lexical": 1.0})
    asides.ask(1)
    asides.opinion(1, told(answer))
    assert not asides.dismissed()


def test_judges_who_contradict_each_other_dismiss_nothing() -> None:
    asides = Asides({"lexical": 1.4, "transcript": 1.4})
    asides.ask(1)
    asides.opinion(1, told(0.05))
    asides.opinion(1, told(0.9, "transcript"))
    assert not asides.dismissed()


def test_an_answer_about_another_pause_changes_nothing() -> None:
    asides = Asides({"lexical": 1.0})
    asides.ask(1)
    asides.ask(2)
    asides.opinion(1, told(0.02))
    assert not asides.dismissed()
    asides.forget()
    asides.opinion(2, told(0.02))
    assert not asides.dismissed()


def test_who_may_be_asked_is_what_the_arbiter_says() -> None:
    fusion = FusionArbiter(TurnTaking(), {Occasion.ASIDE: frozenset({"lexical", "odd"})})
    assert isinstance(fusion, AsidesJudged)
    assert fusion.aside_judges == {"lexical": 1.4, "odd": 1.0}
    assert not isinstance(DurationArbiter(yield_after_s=0.4, resume_quiet_s=0.2), AsidesJudged)


def test_no_single_judge_is_surer_than_may_be() -> None:
    assert log_odds(0.0) == log_odds(0.02) == pytest.approx(-log_odds(1.0))
