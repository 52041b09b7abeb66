from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.interruption.judges import LEAD_S, RATE_HZ, Occasion, Question
from antiphon.plugins.judges.asides import Aside, kind_of, weigh_aside
from antiphon.plugins.judges.lexical import LexicalJudge
from antiphon.plugins.local.ears import Reading


@pytest.mark.parametrize(
    ("text", "language", "kind"),
    [
        ("Hmm.", "en", Aside.SOUND),
        ("Um, uh...", "en", Aside.SOUND),
        ("Ha ha ha ha!", "en", Aside.SOUND),
        ("Oh", "en", Aside.SOUND),
        ("Mm-hmm.", "en", Aside.ANSWER),
        ("Uh-huh", "en", Aside.ANSWER),
        ("Mhm", "en", Aside.ANSWER),
        ("Mmm", "en", Aside.ANSWER),
        ("Huh?", "en", Aside.WORD),
        ("Yes.", "en", Aside.WORD),
        ("okay", "en", Aside.WORD),
        ("No", "en", Aside.WORD),
        ("Hmm, I think so", "en", Aside.WORD),
        ("you", "en", Aside.INVENTED),
        ("...", "en", Aside.NOTHING),
        ("[coughs]", "en", Aside.NOTHING),
        ("嗯", "zh", Aside.ANSWER),
        ("哈哈哈", "zh", Aside.SOUND),
        ("好的", "zh", Aside.WORD),
        ("äh, ähm", "de", Aside.SOUND),
        ("ja", "de", Aside.WORD),
    ],
)
def test_sounds_are_told_from_words(text: str, language: str, kind: Aside) -> None:
    assert kind_of(text, language) is kind


def read(*texts: tuple[str, float], no_speech: float = 0.1) -> list[Reading]:
    return [Reading(text, math.log(share), no_speech) for text, share in texts]


def sure(logprob: float, words: float, no_speech: float) -> float:
    return 1.0 if logprob > -2.5 else 0.0


def weigh(readings: list[Reading], asked: bool = True) -> float | None:
    return weigh_aside(readings, "en", asked=asked, trust=sure)


def test_a_word_is_to_be_answered_and_a_hum_is_not() -> None:
    assert weigh(read(("Yes.", 0.3), ("Yes", 0.2))) == pytest.approx(1.0)
    assert weigh(read(("Hmm.", 0.3), ("Hmm", 0.2))) == pytest.approx(0.0)
    assert weigh(read(("Hmm.", 0.3), ("No.", 0.3))) == pytest.approx(0.5)


def test_mm_hm_answers_who_asked() -> None:
    assert weigh(read(("Mm-hmm.", 0.4)), asked=True) == pytest.approx(1.0)
    assert weigh(read(("Mm-hmm.", 0.4)), asked=False) == pytest.approx(0.0)


def test_what_the_recogniser_makes_nothing_of_is_a_sound_only_if_it_says_so() -> None:
    assert weigh(read(("Okay.", 0.01), ("Thank you.", 0.05), no_speech=0.8)) == pytest.approx(0.1)
    assert weigh(read(("Okay.", 0.01), no_speech=0.3)) is None
    assert weigh([]) is None


def test_thanks_that_were_said_are_words() -> None:
    assert weigh(read(("Thank you.", 0.6), no_speech=0.1)) == pytest.approx(1.0)
    assert weigh(read(("Thank you.", 0.6), no_speech=0.7)) == pytest.approx(0.1)


def aside(sound: NDArray[np.int16], asked: bool = False) -> Question:
    """A clip said to a silent agent, as asked about a tenth of a second into its pause."""
    sound = sound[: 2 * RATE_HZ]
    lead, quiet = np.zeros(round(LEAD_S * RATE_HZ), np.int16), np.zeros(RATE_HZ // 10, np.int16)
    audio = np.concatenate([lead, sound, quiet])
    return Question(Occasion.ASIDE, audio, len(lead), len(sound) / RATE_HZ, 0.1, "en", asked)


@pytest.mark.weights
def test_the_packaged_recogniser_tells_them_apart(clip: Callable[..., NDArray[np.int16]]) -> None:
    judge = LexicalJudge()
    assert Occasion.ASIDE in judge.occasions
    for name in ("en_ami_okay_1", "en_sc_no_0d2bcf9d", "en_sc_stop_0b40aa8e", "en_ast_hang_on_a_second"):
        assert (judge.opinion(aside(clip(name))) or 0.0) > 0.9, name
    for name in ("en_ami_mm_1", "keystrokes_0"):
        assert (judge.opinion(aside(clip(name))) or 1.0) < 0.25, name
    hum = aside(clip("en_ami_mm_1"))
    assert (judge.opinion(replace(hum, asked=True)) or 0.0) > 0.5  # it may say yes


@pytest.mark.weights
def test_over_the_collection_no_word_is_dropped(shared_audio: Path) -> None:
    from faster_whisper.audio import decode_audio

    judge = LexicalJudge()

    def dropped(pattern: str, asked: bool) -> list[str]:
        names = []
        for path in sorted(shared_audio.glob(pattern)):
            sound = (decode_audio(str(path), RATE_HZ) * 32767).astype(np.int16)
            opinion = judge.opinion(aside(sound, asked))
            if opinion is not None and opinion < 0.25:
                names.append(path.stem)
        return names

    assert dropped("turns/interruption/*.flac", True) == []
    assert {name.rpartition("_")[0] for name in dropped("turns/backchannel/*.flac", False)} <= {"en_ami_mm"}
    assert len(dropped("turns/nonspeech/*.flac", False)) >= 5  # of 6
    assert len(dropped("noise/*.flac", False)) >= 10  # of 11
