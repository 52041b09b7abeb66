from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import OVER_AGENT, Judge, Occasion, Question
from antiphon.plugins.judges.acoustic import FEATURES, KINDS, AcousticJudge, Head, features
from antiphon.plugins.judges.embeddings import load

Clip = Callable[..., NDArray[np.int16]]


@pytest.fixture(scope="module")
def judge() -> AcousticJudge:
    return AcousticJudge()


def paused(sound: NDArray[np.int16], voiced_s: float, gain: float = 1.0) -> Question:
    quiet = np.random.default_rng(5).normal(0, 8, 4_800)
    audio = np.concatenate([quiet, sound, quiet[:3_040]]) * gain
    return Question(Occasion.PAUSE, audio.astype(np.int16), 4_800, voiced_s, 0.19)


def some_head(seed: int = 0) -> Head:
    rng = np.random.default_rng(seed)
    return Head(
        rng.normal(size=FEATURES).astype(np.float32),
        np.ones(FEATURES, np.float32),
        rng.normal(size=(2, FEATURES + 1, 5)).astype(np.float32),
        rng.normal(size=(2, 6, len(KINDS))).astype(np.float32),
        1.5,
    )


def test_it_is_a_judge(judge: AcousticJudge) -> None:
    known: Judge = judge
    assert (known.name, known.occasions) == ("acoustic", frozenset({*OVER_AGENT, Occasion.ASIDE}))


def test_a_listener_and_an_interruption_are_told_apart(judge: AcousticJudge, clip: Clip) -> None:
    mm = judge.opinion(paused(clip("en_ami_mm_1"), 0.5))
    hang_on = judge.opinion(paused(clip("en_ast_hang_on_a_second"), 0.9))
    keys = judge.opinion(paused(clip("keystrokes_0")[:16_000], 0.3))
    assert mm is not None
    assert hang_on is not None
    assert keys is not None
    assert mm < 0.5 < hang_on
    assert keys < 0.5


def test_long_speech_wants_the_floor(judge: AcousticJudge, clip: Clip) -> None:
    question = Question(Occasion.LONG, clip("weather_question")[:24_000], 0, 1.3)
    opinion = judge.opinion(question)
    assert opinion is not None
    assert opinion > 0.5


def test_the_kinds_are_probabilities(judge: AcousticJudge, clip: Clip) -> None:
    kinds = judge.kinds(paused(clip("en_ami_okay_1"), 0.3))
    assert kinds is not None
    assert set(kinds) == set(KINDS)
    assert sum(kinds.values()) == pytest.approx(1.0, abs=1e-4)


def test_the_level_hardly_matters(judge: AcousticJudge, clip: Clip) -> None:
    loud = judge.opinion(paused(clip("en_ami_mm_1"), 0.5))
    soft = judge.opinion(paused(clip("en_ami_mm_1"), 0.5, gain=0.25))
    assert loud == pytest.approx(soft, abs=0.1)


def test_of_silence_it_has_no_opinion(judge: AcousticJudge) -> None:
    assert judge.opinion(Question(Occasion.EARLY, np.zeros(8_000, np.int16), 4_800, 0.2)) is None
    assert judge.opinion(Question(Occasion.EARLY, np.zeros(0, np.int16), 0, 0.0)) is None


def test_the_same_question_has_the_same_answer(judge: AcousticJudge, clip: Clip) -> None:
    question = paused(clip("en_ami_okay_1"), 0.3)
    assert judge.opinion(question) == judge.opinion(question)


def test_features_do_not_depend_on_what_lies_far_back(clip: Clip) -> None:
    long = Question(Occasion.LONG, np.tile(clip("weather_question"), 3)[: 8 * 16_000], 0, 7.0)
    seen = features(long, load())
    assert seen is not None
    assert seen.shape == (FEATURES,)
    assert np.isfinite(seen).all()


def test_weights_survive_being_written(tmp_path: Path) -> None:
    head = some_head()
    head.save(tmp_path / "head.npz")
    read = Head.read(tmp_path / "head.npz")
    seen = np.random.default_rng(1).normal(size=(7, FEATURES)).astype(np.float32)
    assert np.allclose(read.probabilities(seen), head.probabilities(seen), atol=0.03)
    assert read.probabilities(seen).sum(axis=1) == pytest.approx(np.ones(7), abs=1e-4)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"acoustic\.npz"):
        AcousticJudge(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(ConfigError):
        AcousticJudge(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", names=np.array(["a"]), mean=np.zeros(3, np.float32))
    with pytest.raises(ConfigError):
        AcousticJudge(tmp_path / "other.npz")
