"""The weighing of opinions, with numbers for time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.agents.interruption.arbiter import DurationArbiter, Opinion
from antiphon.agents.interruption.fusion import FusionArbiter, arbiter_for, log_odds
from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.agents.interruption.verdicts import WINDOW_S, Verdict
from antiphon.agents.options import TurnTaking

BOTH = {
    Occasion.EARLY: frozenset({"acoustic"}),
    Occasion.PAUSE: frozenset({"acoustic", "lexical"}),
    Occasion.LONG: frozenset({"lexical"}),
}


class Speech:
    """A speech over the agent before an arbiter."""

    def __init__(
        self, options: TurnTaking | None = None, judges: dict[Occasion, frozenset[str]] = BOTH
    ) -> None:
        self.arbiter = FusionArbiter(options or TurnTaking(), judges)
        self.now = 10.0
        self.asked: list[tuple[float, Occasion]] = []
        self.began = self.now
        self.arbiter.begin(1, self.now, WINDOW_S)

    def speak(self, seconds: float) -> Verdict | None:
        return self._windows(seconds, True)

    def quiet(self, seconds: float) -> Verdict | None:
        return self._windows(seconds, False)

    def _windows(self, seconds: float, voiced: bool) -> Verdict | None:
        for _ in range(round(seconds / WINDOW_S)):
            self.now += WINDOW_S
            verdict = self.arbiter.frame(self.now, 0.9 if voiced else 0.1, voiced)
            while (occasion := self.arbiter.occasion()) is not None:
                self.asked.append((self.now - self.began, occasion))
            if verdict is not None:
                return verdict
        return None

    def says(
        self, judge: str, probability: float | None, occasion: Occasion = Occasion.PAUSE
    ) -> Verdict | None:
        return self.arbiter.opinion(self.now, Opinion(judge, occasion, probability))


def test_judges_are_asked_early_at_a_pause_and_when_it_is_long() -> None:
    speech = Speech(TurnTaking(decide_s=5.0, hold_s=10.0))
    speech.speak(0.6)
    speech.quiet(0.2)
    speech.speak(1.8)
    kinds = [occasion for _, occasion in speech.asked]
    assert kinds == [Occasion.EARLY, Occasion.EARLY, Occasion.PAUSE, *[Occasion.LONG] * 3]
    assert [at for at, _ in speech.asked][:2] == pytest.approx([0.25, 0.5], abs=WINDOW_S)


def test_a_sure_opinion_decides_while_the_voice_goes_on() -> None:
    speech = Speech()
    assert speech.speak(0.3) is None
    assert speech.says("acoustic", 0.95, Occasion.EARLY) is Verdict.TURN
    speech = Speech()
    speech.speak(0.3)
    assert speech.says("acoustic", 0.04, Occasion.EARLY) is Verdict.BACKCHANNEL


def test_an_unsure_opinion_waits_for_the_pause_and_all_its_judges() -> None:
    speech = Speech()
    speech.speak(0.3)
    assert speech.says("acoustic", 0.6, Occasion.EARLY) is None
    assert speech.quiet(0.2) is None
    assert speech.says("acoustic", 0.6) is None  # the words are still to come
    assert speech.says("lexical", 0.5) is Verdict.TURN
    speech = Speech()
    speech.speak(0.3)
    speech.quiet(0.2)
    speech.says("acoustic", 0.4)
    assert speech.says("lexical", None) is Verdict.BACKCHANNEL


def test_a_judges_opinion_at_a_pause_is_averaged_with_its_last_before() -> None:
    speech = Speech()
    speech.speak(0.3)
    speech.says("acoustic", 0.2, Occasion.EARLY)
    speech.speak(0.25)
    speech.says("acoustic", 0.8, Occasion.EARLY)
    assert speech.arbiter.odds() == pytest.approx(log_odds(0.8))
    speech.quiet(0.2)
    speech.says("acoustic", 0.4)
    assert speech.arbiter.odds() == pytest.approx((log_odds(0.8) + log_odds(0.4)) / 2)


def test_words_weigh_more_than_sound() -> None:
    speech = Speech()
    speech.speak(0.3)
    speech.quiet(0.2)
    speech.says("acoustic", 0.2)
    assert speech.says("lexical", 0.95) is Verdict.TURN


def test_a_voice_that_goes_on_outweighs_a_first_impression() -> None:
    speech = Speech(TurnTaking(decide_s=5.0))
    speech.speak(0.3)
    assert speech.says("acoustic", 0.2, Occasion.EARLY) is None
    assert speech.speak(3.0) is Verdict.TURN


def test_without_an_opinion_duration_decides() -> None:
    options = TurnTaking()
    speech = Speech(options)
    assert speech.speak(2.0) is Verdict.TURN
    assert speech.now - speech.began == pytest.approx(options.decide_s, abs=2 * WINDOW_S)
    speech = Speech(options)
    speech.speak(0.2)
    assert speech.quiet(1.0) is Verdict.BACKCHANNEL
    speech = Speech(options)
    speech.speak(0.6)
    assert speech.quiet(1.0) is Verdict.TURN


def test_the_wait_for_the_judges_has_an_end() -> None:
    speech = Speech()
    speech.speak(0.3)
    speech.quiet(0.128)
    due = speech.arbiter.deadline()
    assert due == pytest.approx(speech.now + TurnTaking().judge_s, abs=WINDOW_S)
    assert speech.arbiter.expire(due - 0.01) is None
    assert speech.arbiter.expire(due) is Verdict.BACKCHANNEL


def test_a_voice_that_comes_back_calls_the_pause_off() -> None:
    speech = Speech()
    speech.speak(0.3)
    speech.quiet(0.2)
    assert speech.arbiter.deadline() is not None
    speech.speak(WINDOW_S)
    assert speech.arbiter.deadline() is None


@pytest.mark.parametrize(("first", "weighs_more"), [(0.05, False), (0.4, True)])
@pytest.mark.parametrize("settled", [True, False])
def test_a_second_start_weighs_more_unless_the_first_was_clearly_none(
    first: float, weighs_more: bool, settled: bool
) -> None:
    speech = Speech()
    speech.speak(0.3)
    speech.says("acoustic", first, Occasion.EARLY)
    if settled:
        speech.arbiter.forget()
    speech.now += 0.5
    speech.arbiter.begin(2, speech.now, WINDOW_S)
    speech.says("acoustic", 0.5, Occasion.EARLY)
    assert (speech.arbiter.odds() > 0.5) is weighs_more


def test_a_second_start_weighs_more() -> None:
    speech = Speech()
    first = speech.arbiter.odds()
    speech.arbiter.begin(2, speech.now + 1.0, WINDOW_S)
    assert speech.arbiter.odds() > first
    speech.arbiter.begin(3, speech.now + 10.0, WINDOW_S)
    assert speech.arbiter.odds() == first


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -0.1, 1.1, None])
def test_what_is_no_probability_counts_as_absent(nonsense: float | None) -> None:
    speech = Speech()
    speech.speak(0.3)
    assert speech.says("acoustic", nonsense, Occasion.EARLY) is None
    assert speech.arbiter.odds() == 0.0


def test_without_judges_duration_is_the_arbiter() -> None:
    class Named:
        name = "acoustic"
        occasions = frozenset({Occasion.EARLY})

        def warm_up(self) -> None: ...

        def opinion(self, question: Question) -> float | None:
            return 0.5

    assert isinstance(arbiter_for(TurnTaking(), ()), DurationArbiter)
    assert isinstance(arbiter_for(TurnTaking(), [Named()]), FusionArbiter)


@given(st.floats(0, 1), st.floats(0, 1))
def test_log_odds_rise_with_the_probability_and_stay_finite(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert log_odds(low) <= log_odds(high)
    assert abs(log_odds(a)) < 4


def test_what_has_hardly_begun_is_no_backchannel_before_its_rest_could_come() -> None:
    judges = {Occasion.PAUSE: frozenset({"lexical"})}
    speech = Speech(judges=judges)
    speech.speak(0.064)
    assert speech.quiet(0.16) is None
    assert speech.says("lexical", 0.03) is None
    assert speech.arbiter.deadline() == pytest.approx(speech.arbiter._voice_at + 0.35)
    assert speech.quiet(0.1) is None
    assert speech.quiet(0.2) is Verdict.BACKCHANNEL
    goes_on = Speech(judges=judges)
    goes_on.speak(0.064)
    goes_on.quiet(0.16)
    goes_on.says("lexical", 0.03)
    goes_on.speak(0.1)
    goes_on.quiet(0.16)
    assert goes_on.says("lexical", 0.97) is Verdict.TURN


def test_it_leans_nowhere_before_anybody_has_said_something() -> None:
    speech = Speech()
    assert speech.arbiter.leaning(speech.now) is None
    speech.speak(0.3)
    speech.says("acoustic", 0.3, Occasion.EARLY)
    assert speech.arbiter.leaning(speech.now) == pytest.approx(0.3)
