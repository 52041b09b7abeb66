"""The lexical judge: what its evidence is worth, and the packaged model over real clips."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import LEAD_S, RATE_HZ, Judge, Occasion, Question
from antiphon.plugins.judges.lexical import LexicalJudge, text_of, weigh
from antiphon.plugins.local.ears import Reading, WhisperEars

Clip = Callable[..., NDArray[np.int16]]

PAUSE_S = 0.19  # of quiet, when a judge is asked at a pause


def readings(no_speech: float = 0.1, **texts: float) -> tuple[Reading, ...]:
    """``readings(Yeah=0.5, No=0.2)``: texts with their probabilities."""
    made = [Reading(text.replace("_", " "), math.log(share), no_speech) for text, share in texts.items()]
    return tuple(sorted(made, key=lambda reading: -reading.logprob))


SURE = readings(Stop=0.6, stop=0.2)


class ScriptedEars(WhisperEars):
    """Reads what it is told to, and keeps what it was given."""

    def __init__(self, told: tuple[Reading, ...] = (), *, multilingual: bool = False) -> None:
        self.told = told
        self.given: list[tuple[NDArray[np.float32], str | None]] = []
        self._many = multilingual

    @property
    def multilingual(self) -> bool:
        return self._many

    def readings(
        self, sound: NDArray[np.float32], language: str | None = None, *, count: int = 5
    ) -> tuple[Reading, ...]:
        self.given.append((sound, language))
        return self.told


def question(
    sound: NDArray[np.int16] | None = None, *, occasion: Occasion = Occasion.PAUSE, language: str = "en"
) -> Question:
    """One speech, as asked about at a pause: the lead, the sound, the quiet that ended it."""
    voice = np.zeros(RATE_HZ // 2, np.int16) if sound is None else sound
    lead, quiet = (np.zeros(round(s * RATE_HZ), np.int16) for s in (LEAD_S, PAUSE_S))
    audio = np.concatenate([lead, voice, quiet])[-8 * RATE_HZ :]
    return Question(occasion, audio, len(lead), len(voice) / RATE_HZ, PAUSE_S, language)


def test_it_is_a_judge() -> None:
    judge: Judge = LexicalJudge(ears=ScriptedEars())
    assert judge.name == "lexical"
    assert Occasion.EARLY not in judge.occasions


def test_words_that_are_sure_count_almost_in_full() -> None:
    assert (weigh(SURE, "en") or 0.0) > 0.94
    assert (weigh(readings(Yeah=0.7), "en") or 1.0) < 0.06


def test_one_word_written_in_many_ways_is_one() -> None:
    once = weigh(readings(Okay=0.2), "en")
    thrice = weigh(readings(Okay=0.2, okay=0.19, OKAY=0.18), "en")
    assert once is not None
    assert thrice is not None
    assert thrice < once < 0.2


def test_two_words_as_likely_as_each_other_are_no_answer() -> None:
    torn = weigh(readings(Yeah=0.30, No=0.29), "en")
    assert torn is not None
    assert 0.4 < torn < 0.6
    assert (weigh(readings(Yeah=0.5, No=0.05), "en") or 1.0) < 0.2


def test_words_that_are_doubtful_count_less() -> None:
    sure, unlikely, noisy = (
        weigh(told, "en") for told in (readings(Stop=0.6), readings(Stop=0.11), readings(0.9, Stop=0.2))
    )
    assert sure is not None
    for doubtful in (unlikely, noisy):
        assert doubtful is not None
        assert 0.5 < doubtful < sure - 0.05


@pytest.mark.parametrize("invented", [{"Stop": 0.02, "Yeah": 0.015, "So": 0.01}, {"Thank_you": 0.04}])
def test_words_that_are_invented_do_not_count(invented: dict[str, float]) -> None:
    assert weigh(readings(0.4, **invented), "en") is None
    assert text_of(readings(0.9, Stop=0.02), "en") == ""


@pytest.mark.parametrize("invented", [{"Stop": 0.02, "Yeah": 0.015, "So": 0.01}, {"Thank_you": 0.04}])
def test_a_sound_that_holds_no_words_by_all_evidence_is_no_wish(invented: dict[str, float]) -> None:
    assert weigh(readings(0.8, **invented), "en") == pytest.approx(0.1)
    assert weigh(readings(0.8, **invented), "en", more_to_come=True) == pytest.approx(0.1)


def test_a_longer_text_need_not_be_as_likely() -> None:
    assert weigh(readings(can_you=0.02), "en") is None or (weigh(readings(can_you=0.02), "en") or 0.0) < 0.8
    assert (weigh(readings(can_you_tell_me_the_time=0.02), "en") or 0.0) > 0.9


def test_a_listeners_word_that_fills_little_of_the_voice_is_not_all_that_was_said() -> None:
    assert (weigh(readings(Okay=0.5), "en", voiced_s=1.0) or 1.0) < 0.2
    assert weigh(readings(Okay=0.5), "en", voiced_s=1.5) is None
    assert (weigh(readings(Okay_okay_okay=0.5), "en", voiced_s=1.5) or 1.0) < 0.2
    assert (weigh(readings(Stop=0.5), "en", voiced_s=1.5) or 0.0) > 0.8


def test_texts_that_tell_nothing_are_no_reason_to_believe_the_others() -> None:
    assert weigh(readings(Thank_you=0.5), "en") is None
    assert weigh(readings(Thank_you=0.5, Okay=0.03), "en") is None
    assert weigh((), "en") is None


def test_no_reading_is_too_unlikely_to_be_weighed() -> None:
    for logprob in (-1e4, -700.0, -1e-9):
        told = (Reading("stop", logprob, 0.0),)
        assert weigh(told, "en") is None or 0.0 < (weigh(told, "en") or 0.0) < 1.0
        assert text_of(told, "en") in ("", "stop")


def test_a_speech_that_goes_on_may_lead_to_more() -> None:
    judge = LexicalJudge(ears=ScriptedEars(readings(Yeah_I=0.6)))
    assert judge.opinion(question(occasion=Occasion.LONG)) is None
    assert (judge.opinion(question(occasion=Occasion.PAUSE)) or 0.0) > 0.5


def test_it_hears_sixteen_kilohertz_and_no_more_than_its_window_holds() -> None:
    ears = ScriptedEars(SURE)
    asked = question(np.full(9 * RATE_HZ, 16_384, np.int16), language="en-GB")
    first, second = (LexicalJudge(ears=ears).opinion(asked) for _ in range(2))
    assert first == second
    (sound, language), (again, _) = ears.given
    assert language == "en"
    assert sound.dtype == np.float32
    assert 7 * RATE_HZ < len(sound) < 7.5 * RATE_HZ
    assert sound[0] == pytest.approx(0.5, abs=0.01)
    assert 0.0 < np.abs(sound[-100:]).max() < 0.003  # digital silence is laid on a faint noise,
    np.testing.assert_array_equal(sound, again)  # the same each time


def test_a_language_it_does_not_know_is_not_even_read() -> None:
    ears = ScriptedEars(SURE)
    judge = LexicalJudge(ears=ears)
    assert judge.opinion(question(language="zh-CN")) is None
    assert judge.text(question(language="zh-CN")) == ""
    assert ears.given == []


def test_a_multilingual_model_brings_every_language() -> None:
    ears = ScriptedEars(readings(等一下=0.5), multilingual=True)
    judge = LexicalJudge(ears=ears)
    assert (judge.opinion(question(language="zh-CN")) or 0.0) > 0.8
    assert judge.text(question(language="zh-CN")) == "等一下"
    assert ears.given[0][1] == "zh"


def test_what_the_first_recogniser_does_not_know_is_read_by_the_other() -> None:
    english, others = ScriptedEars(SURE), ScriptedEars(readings(等一下=0.5), multilingual=True)
    judge = LexicalJudge(ears=english, others=others)
    assert (judge.opinion(question(language="zh-CN")) or 0.0) > 0.8
    assert (judge.opinion(question(language="en")) or 0.0) > 0.9
    assert [language for _, language in others.given] == ["zh"]
    assert [language for _, language in english.given] == ["en"]


def test_a_language_without_lists_is_not_even_read() -> None:
    ears = ScriptedEars(SURE, multilingual=True)
    assert LexicalJudge(ears=ears).opinion(question(language="tlh")) is None
    assert ears.given == []


def test_what_it_warms_up_is_what_the_call_speaks() -> None:
    english, others = ScriptedEars(SURE), ScriptedEars(multilingual=True)
    LexicalJudge(assume="zh", ears=english, others=others).warm_up()
    assert ([language for _, language in others.given], english.given) == (["zh"], [])


def test_a_call_that_does_not_say_its_language_is_taken_to_be_english() -> None:
    ears = ScriptedEars(SURE)
    assert (LexicalJudge(ears=ears).opinion(question(language="")) or 0.0) > 0.9
    assert LexicalJudge(ears=ears, assume="").opinion(question(language="")) is None


def test_a_model_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.bin"):
        LexicalJudge(tmp_path)


def test_importing_it_loads_no_recogniser() -> None:
    code = (
        "import sys; from antiphon.plugins.judges.lexical import LexicalJudge; LexicalJudge(); "
        "print([m for m in ('ctranslate2', 'faster_whisper', 'tokenizers', 'openai') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.lists(st.tuples(st.text(max_size=20), st.floats(-100, 0), st.floats(0, 1)), max_size=5))
def test_any_readings_give_a_probability_or_none(told: list[tuple[str, float, float]]) -> None:
    opinion = weigh([Reading(*each) for each in told], "en")
    assert opinion is None or 0.0 < opinion < 1.0


@pytest.fixture(scope="module")
def judge() -> LexicalJudge:
    made = LexicalJudge()
    made.warm_up()
    return made


@pytest.mark.weights
@pytest.mark.parametrize(
    "name",
    ["en_sc_stop_0b40aa8e", "en_sc_no_0d2bcf9d", "en_ast_hang_on_a_second", "weather_question", "jfk"],
)
def test_it_hears_who_wants_the_floor(judge: LexicalJudge, clip: Clip, name: str) -> None:
    assert (judge.opinion(question(clip(name)[: 3 * RATE_HZ])) or 0.0) > 0.8


@pytest.mark.weights
@pytest.mark.parametrize("name", ["en_ami_okay_1", "en_ami_mm_1"])
def test_it_hears_a_listener(judge: LexicalJudge, clip: Clip, name: str) -> None:
    opinion = judge.opinion(question(clip(name)))
    assert opinion is not None
    assert opinion < 0.3


@pytest.mark.weights
def test_it_hears_no_wish_in_keys_and_silence(judge: LexicalJudge, clip: Clip) -> None:
    for sound in (clip("keystrokes_0")[: 2 * RATE_HZ], np.zeros(RATE_HZ, np.int16), np.zeros(0, np.int16)):
        opinion = judge.opinion(question(sound))
        assert opinion is None or opinion < 0.5


@dataclass(frozen=True)
class Row:
    label: str
    name: str
    told: tuple[Reading, ...]
    opinion: float | None
    took_ms: float


def read_clips(judge: LexicalJudge, folder: Path, label: str, pattern: str = "*.flac") -> list[Row]:
    from faster_whisper.audio import decode_audio

    rows = []
    for path in sorted(folder.glob(pattern)):
        sound = (decode_audio(str(path), RATE_HZ) * 32767).astype(np.int16)
        asked = question(sound[: 6 * RATE_HZ])
        began = time.perf_counter()
        told = judge.readings(asked)
        took_ms = (time.perf_counter() - began) * 1000
        rows.append(Row(label, path.stem, told, weigh(told, "en", voiced_s=asked.voiced_s), took_ms))
    return rows


@pytest.mark.weights
def test_figures_over_the_collection(judge: LexicalJudge, shared_audio: Path) -> None:
    """Prints each clip with ``-s``. No list and no number is taken from these clips."""
    turns = shared_audio / "turns"
    tables = {
        "turn": read_clips(judge, turns / "interruption", "turn", "en_*"),
        "listener": read_clips(judge, turns / "backchannel", "listener", "en_*"),
        "vocal": read_clips(judge, turns / "nonspeech", "vocal"),
        "noise": read_clips(judge, shared_audio / "noise", "noise"),
    }
    rows = [row for table in tables.values() for row in table]
    for row in rows:
        said = "-" if row.opinion is None else f"{row.opinion:.2f}"
        texts = "  ".join(f"{reading.text!r} {math.exp(reading.logprob):.2f}" for reading in row.told[:3])
        print(f"{row.label:9}{row.name:32}{said:>5}  no speech {row.told[0].no_speech:.2f}  {texts}")
    for label, table in tables.items():
        turn, listener = (
            sum(row.opinion is not None and (row.opinion > 0.5) is wish for row in table)
            for wish in (True, False)
        )
        silent = len(table) - turn - listener
        print(f"{label:9} n={len(table):3}  turn {turn:3}  listener {listener:3}  none {silent:3}")
    took = [row.took_ms for row in rows]
    print(f"took: median {np.median(took):.0f} ms, p95 {np.percentile(took, 95):.0f} ms, n={len(took)}")

    words = [*tables["turn"], *tables["listener"]]
    told = [row for row in words if row.opinion is not None]
    right = [row for row in told if row.opinion is not None and (row.opinion > 0.5) is (row.label == "turn")]
    assert len(told) >= 0.8 * len(words)
    assert len(right) >= 0.9 * len(told)
    others = [*tables["vocal"], *tables["noise"]]
    assert sum(row.opinion is not None and row.opinion > 0.5 for row in others) <= 0.25 * len(others)
