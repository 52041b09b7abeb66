from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from antiphon.agents.interruption import Occasion, Opinion, Question
from antiphon.agents.interruption import actions as act
from antiphon.agents.media.echo import EchoEstimator, EchoReference
from antiphon.agents.media.inquiries import Inquiries, may_ask
from antiphon.agents.media.router import Samples

W = 0.032


class Desk:
    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.pauses: list[tuple[Samples, float]] = []
        self.estimates = True
        self.closed = False

    def ask(self, question: Question, answer: Callable[[Opinion], None]) -> None:
        self.questions.append(question)

    def ask_turn_end(
        self, audio: Samples, quiet_s: float, answer: Callable[[str, float, float], None]
    ) -> None:
        self.pauses.append((audio, quiet_s))

    def close(self) -> None:
        self.closed = True


def made(desk: Desk | None) -> Inquiries:
    """With three seconds of sound behind it."""
    inquiries = Inquiries(desk, EchoEstimator(EchoReference(24_000)), "en")
    for number in range(94):
        inquiries.window((number + 1) * W, np.full(512, number, np.int16), None, look=False)
    return inquiries


@pytest.mark.parametrize(("occasion", "began_at"), [(Occasion.EARLY, 2.0), (Occasion.ASIDE, 1.0)])
def test_a_speech_is_asked_about_from_its_voice_and_an_aside_from_the_turn(
    occasion: Occasion, began_at: float
) -> None:
    desk = Desk()
    inquiries = made(desk)
    inquiries.asked = False
    inquiries.judges(act.AskJudges(1, occasion, 0.4, 0.1), 2.0, 1.0, lambda _: None)
    (question,) = desk.questions
    assert (question.occasion, question.voiced_s, question.quiet_s) == (occasion, 0.4, 0.1)
    assert (question.language, question.asked) == ("en", False)
    assert len(question.audio) / 16_000 == pytest.approx(94 * W - began_at + 0.3, abs=W)


def test_a_turns_end_is_asked_about_if_there_is_a_turn_and_an_estimator() -> None:
    desk = Desk()
    inquiries = made(desk)
    inquiries.turn_end(0.1, None, lambda *_: None)
    desk.estimates = False
    inquiries.turn_end(0.1, 1.0, lambda *_: None)
    assert desk.pauses == []
    desk.estimates = True
    inquiries.turn_end(0.1, 1.0, lambda *_: None)
    ((audio, quiet_s),) = desk.pauses
    assert quiet_s == 0.1
    assert len(audio) / 16_000 == pytest.approx(94 * W - 1.0 + 0.3, abs=W)


def test_a_gap_is_forgotten_and_a_call_that_is_over_closes_its_desk() -> None:
    desk = Desk()
    inquiries = made(desk)
    inquiries.forget()
    inquiries.judges(act.AskJudges(1, Occasion.EARLY, 0.4, 0.1), 2.0, None, lambda _: None)
    assert len(desk.questions[0].audio) == 0
    inquiries.close()
    assert desk.closed


def test_without_a_desk_nobody_is_asked() -> None:
    inquiries = made(None)
    inquiries.judges(act.AskJudges(1, Occasion.EARLY, 0.4, 0.1), 2.0, None, lambda _: None)
    inquiries.turn_end(0.1, 1.0, lambda *_: None)
    inquiries.close()


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Shall I? Just say so.", True),
        ("要咖啡吗？", True),
        ("", True),
        ("Done.", False),
        ("Fine; next.", False),
    ],
)
def test_a_question_is_told_by_its_mark_and_silence_may_be_one(text: str, asks: bool) -> None:
    assert may_ask(text) is asks
