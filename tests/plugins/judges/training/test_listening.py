from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.judges import LEAD_S, LONGEST_S, OVER_AGENT, RATE_HZ, Occasion
from antiphon.plugins.judges.training.listening import EARLY_S, asked

Clip = Callable[..., NDArray[np.int16]]


def between(sound: NDArray[np.int16]) -> tuple[NDArray[np.int16], int, int]:
    quiet = np.random.default_rng(0).normal(0, 5, RATE_HZ).astype(np.int16)
    return np.concatenate([quiet, sound, quiet]), RATE_HZ, RATE_HZ + sound.size


def test_a_long_speech_is_asked_about_early_late_and_at_its_pauses(clip: Clip) -> None:
    questions, heard = asked(*between(clip("jfk")[: 8 * RATE_HZ]), language="en")
    assert heard
    occasions = [question.occasion for question in questions]
    assert occasions[:2] == [Occasion.EARLY, Occasion.EARLY]
    assert Occasion.LONG in occasions
    assert Occasion.PAUSE in occasions
    for question in questions:
        assert question.language == "en"
        assert question.audio.size <= LONGEST_S * RATE_HZ
        assert question.voice_at <= LEAD_S * RATE_HZ
        assert question.occasion is not Occasion.PAUSE or question.quiet_s > 0.15
        assert question.voiced_s >= 0.03
    early = [q.voiced_s for q in questions if q.occasion is Occasion.EARLY][:2]
    assert all(abs(voiced - wanted) < 0.04 for voiced, wanted in zip(early, EARLY_S, strict=True))


def test_a_short_word_is_asked_about_when_it_is_over(clip: Clip) -> None:
    questions, heard = asked(*between(clip("en_ami_okay_1")))
    assert heard
    assert questions[-1].occasion is Occasion.PAUSE
    assert not any(question.occasion is Occasion.LONG for question in questions)


def test_what_is_no_voice_is_asked_about_only_when_told_to() -> None:
    hiss = np.random.default_rng(1).normal(0, 2_000, 2 * RATE_HZ).astype(np.int16)
    audio, begins, ends = between(hiss)
    forced, heard = asked(audio, begins, ends)
    assert not heard
    assert {q.occasion for q in forced} == set(OVER_AGENT)
    assert all(q.voice_at == round(LEAD_S * RATE_HZ) for q in forced)
    assert asked(audio, begins, ends, force=False) == ([], False)
