from __future__ import annotations

import math

import numpy as np
import pytest

from antiphon.agents.interruption.judges import Occasion
from antiphon.plugins.judges.acoustic import FEATURES, KINDS, Head
from antiphon.plugins.judges.training.fit import Examples
from antiphon.plugins.judges.training.report import Answer, auc, held_out, summary, wilson


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(13, 13)
    assert (low, high) == (pytest.approx(0.772, abs=0.001), 1.0)
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(8, 10)
    assert (low, high) == (pytest.approx(0.490, abs=0.001), pytest.approx(0.943, abs=0.001))


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    assert auc([0.9, 0.8], [0.1, 0.85]) == pytest.approx(0.75)
    assert auc([0.5], [0.5]) == pytest.approx(0.5)
    assert math.isnan(auc([], [0.1]))


def test_the_summary_counts_each_clip_once_a_moment() -> None:
    def answer(clip: str, label: str, turn: float, occasion: Occasion, voiced_s: float) -> Answer:
        kind = "turn" if label == "interruption" else "backchannel"
        made = Answer(clip, label, kind, "s", "en", occasion, voiced_s, True)
        return made.with_kinds(np.array([turn, 1 - turn, 0, 0], np.float32))

    answers = [
        answer("a", "interruption", 0.95, Occasion.PAUSE, 0.6),
        answer("a", "interruption", 0.1, Occasion.PAUSE, 0.3),
        answer("b", "backchannel", 0.4, Occasion.PAUSE, 0.4),
        answer("b", "backchannel", 0.6, Occasion.EARLY, 0.26),
    ]
    learnt = Examples(
        np.zeros((2, FEATURES), np.float32),
        np.array([0, 1]),
        np.array(["x", "y"], dtype=np.str_),
        np.ones(2, np.float32),
    )
    text = summary(learnt, answers)
    assert "2 questions of 2 groups: turn 1, backchannel 1, vocal 0, noise 0." in text
    (row,) = [line for line in text.splitlines() if line.startswith("| first pause")]
    assert "1 / 1 / 0 | 1.00 | 1.00 | 1/1 (21-100 %) | 1/1 (21-100 %)" in row
    assert "| backchannel en | 1 | 0.40 (0.40-0.40) |" in text
    assert "| 0.9-1.0 | 1 | 1/1 (21-100 %) |" in text
    assert "| 0.5-0.7 | 1 | 0/1 (0-79 %) |" in text


def test_held_out_speakers_are_counted_by_occasion() -> None:
    outer = np.zeros((1, 2, len(KINDS)), np.float32)
    outer[0, 0, 0] = 1.0  # the first feature speaks for a turn
    inner = np.zeros((1, FEATURES + 1, 1), np.float32)
    inner[0, 0, 0] = 1.0
    head = Head(np.zeros(FEATURES, np.float32), np.ones(FEATURES, np.float32), inner, outer, 1.0)
    seen = np.zeros((4, FEATURES), np.float32)
    seen[:, 0] = (2, 1, 3, 0)
    seen[:, -2] = 1  # asked at a pause
    groups = np.array(["a", "b", "c", "d"], dtype=np.str_)
    examples = Examples(seen, np.array([0, 1, 0, 1]), groups, np.ones(4, np.float32))
    text = held_out([(head, examples)])
    assert "| pause | 2 / 2 | 1.00 |" in text
    assert "| early | 0 / 0 | nan |" in text
