from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from antiphon.agents.interruption.judges import Question
from antiphon.plugins.judges import train_lexical
from antiphon.plugins.judges.train_lexical import Read, fit, surprise
from antiphon.plugins.judges.training import voices
from antiphon.plugins.judges.trust import TINY_EN, Trust
from antiphon.plugins.local.ears import Reading


def read(kind: str, text: str, share: float, no_speech: float) -> Read:
    return Read(kind, "en", (Reading(text, math.log(share), no_speech),), 0.5)


def material(seed: int = 0) -> list[Read]:
    """Words that were read surely, and sounds of which words were made half-heartedly."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(40):
        made.append(read("turn", "Stop.", rng.uniform(0.15, 0.9), rng.uniform(0.0, 0.5)))
        made.append(read("backchannel", "Yeah.", rng.uniform(0.15, 0.9), rng.uniform(0.0, 0.5)))
        made.append(read("vocal", "Stop.", rng.uniform(0.01, 0.2), rng.uniform(0.4, 1.0)))
    return made


def test_words_are_believed_and_what_was_made_of_sounds_is_not() -> None:
    trust = fit(material())
    assert trust.of(math.log(0.6), 1.0, 0.1) > 0.9
    assert trust.of(math.log(0.02), 1.0, 0.9) < 0.1


def test_the_fit_surprises_less_than_curves_that_believe_all_or_nothing() -> None:
    read = material()
    best = surprise(read, fit(read))
    assert best < surprise(read, Trust(-50.0, 3.5, 2.3))
    assert best < surprise(read, Trust(50.0, 3.5, 2.3))


def test_what_the_material_cannot_tell_from_the_best_stays() -> None:
    best = fit(material())
    near = replace(best, likely=best.likely + 0.02)
    assert fit(material(), near) == near
    assert fit(material(), Trust(50.0, 3.5, 2.3)) != Trust(50.0, 3.5, 2.3)


def test_what_is_wrong_and_sure_surprises_most() -> None:
    trust = Trust(-2.2, 3.5, 2.3)
    right, wrong = (surprise([read("turn", text, 0.8, 0.1)], trust) for text in ("Stop.", "Yeah."))
    none = surprise([read("turn", "Thank you.", 0.8, 0.1)], trust)
    assert right < none < wrong
    assert none == pytest.approx(math.log(2))
    assert surprise([read("noise", "Stop.", 0.8, 0.1)], trust) > 1.0


class Judge:
    """Reads a loud sound as a turn's word, a soft one as a listener's."""

    def readings(self, question: Question) -> tuple[Reading, ...]:
        loud = float(np.abs(question.audio.astype(float)).max())
        return (Reading("Stop." if loud > 3000 else "Yeah.", math.log(0.1 + 0.8 * (loud % 7) / 7), 0.2),)


async def fake_speak(texts: Sequence[tuple[str, str]], **_: object) -> list[voices.Utterance]:
    tone = (0.3 * np.sin(np.arange(8000) * 0.1)).astype(np.float32)
    return [voices.Utterance("x", kind, "someone", tone) for kind, _ in texts[:6]]


def test_it_writes_a_curve_for_a_model_and_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(voices, "speak", fake_speak)
    monkeypatch.setattr(train_lexical, "LexicalJudge", Judge)
    out = tmp_path / "lexical.json"
    out.write_text('{"another": {"curve": {}}}')
    arguments = ["--out", str(out), "--made", "2", "--model", TINY_EN, "--keep", str(tmp_path / "kept")]
    assert train_lexical.main(arguments) == 0
    made = json.loads(out.read_text())
    assert set(made) == {"another", TINY_EN}
    assert set(made[TINY_EN]["curve"]) == {"likely", "likely_slope", "no_speech_slope"}
    assert "| turn | 6 |" in capsys.readouterr().out
    monkeypatch.setattr(Judge, "readings", None)  # what was kept is not read again
    assert train_lexical.main(arguments) == 0
    assert json.loads(out.read_text()) == made


def test_a_list_that_is_not_there_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "speak", fake_speak)
    assert train_lexical.main(["--more", str(tmp_path / "no.csv"), "--out", str(tmp_path / "x.json")]) == 2
