from __future__ import annotations

import numpy as np
import pytest

from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.agents.reading import ReadingJudge
from antiphon.plugins.judges.transcript import TranscriptJudge
from antiphon.plugins.judges.words import opinion_of_text


@pytest.mark.parametrize(
    ("text", "language", "more_to_come", "wants"),
    [
        ("stop", "en", True, True),
        ("Yeah. But what about the price?", "en", False, True),
        ("mm-hm", "en", False, False),
        ("yeah", "en", True, False),
        ("等一下", "zh-CN", False, True),
        ("嗯嗯", "zh", False, False),
        ("stop", "", True, True),
    ],
)
def test_words_say_who_wants_the_floor(text: str, language: str, more_to_come: bool, wants: bool) -> None:
    p = TranscriptJudge().opinion_of(text, language, more_to_come=more_to_come)
    assert p is not None
    assert (p > 0.5) is wants


@pytest.mark.parametrize(("text", "language"), [("", "en"), ("[MUSIC]", "en"), ("stop", "xx")])
def test_where_words_do_not_tell_there_is_no_opinion(text: str, language: str) -> None:
    assert TranscriptJudge().opinion_of(text, language, more_to_come=False) is None


def test_it_is_told_and_never_asked() -> None:
    judge = TranscriptJudge("zh")
    judge.warm_up()
    assert isinstance(judge, ReadingJudge)
    assert judge.occasions == frozenset()
    assert judge.opinion(Question(Occasion.PAUSE, np.zeros(16_000, np.int16), 0, 0.5)) is None
    assert judge.opinion_of("等一下", "", more_to_come=False) == opinion_of_text("等一下", "zh")
