from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.workers.replay.asking import NOMINAL_S, Remembering, RememberingEstimator, VirtualAsker
from antiphon.workers.replay.virtual import EPOCH_S, VirtualLoop


class Says:
    occasions = frozenset({Occasion.PAUSE})

    def __init__(self, name: str, answer: Callable[[], float | None]) -> None:
        self.name = name
        self._answer = answer

    def warm_up(self) -> None: ...

    def opinion(self, question: Question) -> float | None:
        return self._answer()


def question(occasion: Occasion = Occasion.PAUSE) -> Question:
    return Question(occasion, np.zeros(16, np.int16), 0, 0.1)


def fails() -> float:
    raise RuntimeError("broken")


def test_answers_come_after_the_time_that_is_stated() -> None:
    loop, heard = VirtualLoop(), list[tuple[float, Opinion]]()
    judges = [Says("slow", lambda: 0.7), Says("quick", lambda: 0.2)]
    asker = VirtualAsker(judges, None, loop, {"slow": 0.3, "quick": 0.1})
    asker.ask(question(), lambda opinion: heard.append((round(loop.time() - EPOCH_S, 6), opinion)))
    loop.advance_to(EPOCH_S + 1)
    assert [(at, o.judge, o.probability, o.took_s) for at, o in heard] == [
        (0.1, "quick", 0.2, 0.1),
        (0.3, "slow", 0.7, 0.3),
    ]


def test_a_judge_takes_one_question_at_a_time_and_drops_what_waited_too_long() -> None:
    loop, heard = VirtualLoop(), list[Opinion]()
    asker = VirtualAsker([Says("slow", lambda: 0.7)], None, loop, {"slow": 0.6})
    for _ in range(3):
        asker.ask(question(), heard.append)
    loop.advance_to(EPOCH_S + 5)
    assert [(o.probability, o.took_s) for o in heard] == [(0.7, 0.6), (0.7, 1.2), (None, 1.2)]


def test_who_is_not_for_the_occasion_is_not_asked() -> None:
    loop, heard = VirtualLoop(), list[Opinion]()
    VirtualAsker([Says("a", lambda: 0.7)], None, loop).ask(question(Occasion.EARLY), heard.append)
    loop.advance_to(EPOCH_S + 5)
    assert heard == []


@pytest.mark.parametrize("answer", [fails, lambda: float("nan"), lambda: 2.0, lambda: None])
def test_what_is_no_probability_is_no_opinion(answer: Callable[[], float | None]) -> None:
    loop, heard = VirtualLoop(), list[Opinion]()
    VirtualAsker([Says("a", answer)], None, loop).ask(question(), heard.append)
    loop.advance_to(EPOCH_S + 5)
    assert [o.probability for o in heard] == [None]


@pytest.mark.parametrize(
    ("language", "took_s"), [("en-GB", 0.09), ("", 0.09), ("zh", NOMINAL_S["lexical, not English"])]
)
def test_reading_another_language_takes_longer(language: str, took_s: float) -> None:
    loop, heard = VirtualLoop(), list[Opinion]()
    asker = VirtualAsker([Says("lexical", lambda: 0.7), Says("acoustic", lambda: 0.7)], None, loop)
    asker.ask(replace(question(), language=language), heard.append)
    loop.advance_to(EPOCH_S + 5)
    assert {o.judge: o.took_s for o in heard} == {"lexical": took_s, "acoustic": NOMINAL_S["acoustic"]}


def test_after_the_call_nobody_answers() -> None:
    loop, heard = VirtualLoop(), list[Opinion]()
    asker = VirtualAsker([Says("a", lambda: 0.7)], None, loop)
    asker.ask(question(), heard.append)
    asker.close()
    loop.advance_to(EPOCH_S + 5)
    assert heard == []


class Estimates:
    name = "ends"

    def __init__(self, answer: float | None) -> None:
        self._answer = answer

    def warm_up(self) -> None: ...

    def probability(self, audio: np.ndarray, quiet_s: float) -> float | None:
        return self._answer


@pytest.mark.parametrize(("says", "heard"), [(0.8, [("ends", 0.8, 0.05)]), (None, [])])
def test_an_estimator_is_asked_likewise(says: float | None, heard: list[tuple[str, float, float]]) -> None:
    loop, told = VirtualLoop(), list[tuple[str, float, float]]()
    asker = VirtualAsker([], Estimates(says), loop)
    asker.ask_turn_end(np.zeros(16, np.int16), 0.2, lambda *answer: told.append(answer))
    assert told == []
    loop.advance_to(EPOCH_S + 0.1)
    assert told == heard


def test_with_no_estimator_nobody_answers() -> None:
    loop, told = VirtualLoop(), list[object]()
    VirtualAsker([], None, loop).ask_turn_end(np.zeros(16, np.int16), 0.2, lambda *a: told.append(a))
    loop.advance_to(EPOCH_S + 5)
    assert told == []


def test_the_same_question_is_answered_from_memory() -> None:
    answers = iter([0.1, 0.2, 0.3])
    judge = Remembering(Says("a", lambda: next(answers)))
    assert [judge.opinion(question()), judge.opinion(question())] == [0.1, 0.1]
    assert judge.opinion(question(Occasion.EARLY)) == 0.2
    assert judge.opinion(Question(Occasion.PAUSE, np.ones(16, np.int16), 0, 0.1)) == 0.3
    assert (judge.name, judge.occasions) == ("a", frozenset({Occasion.PAUSE}))


def test_an_estimator_is_remembered_likewise() -> None:
    estimator = RememberingEstimator(counting := Estimates(0.8))
    sound = np.zeros(16, np.int16)
    assert [estimator.probability(sound, 0.2), estimator.probability(sound, 0.2)] == [0.8, 0.8]
    counting._answer = 0.3
    assert estimator.probability(sound, 0.2) == 0.8
    assert estimator.probability(sound, 0.3) == 0.3
    assert estimator.name == "ends"
