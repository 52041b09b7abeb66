from __future__ import annotations

import io
import json

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from antiphon.workers.replay import RATE_HZ, Reply, Scene, Setup, replay
from antiphon.workers.replay.figures import figures
from antiphon.workers.replay.report import events_table, outcomes_table, policies_table, record, score_table
from antiphon.workers.replay.score import Outcome

GOOD = Outcome("a (usual)", "a", "interruption", "en", "usual", False, "yielded", 1, 0.1, 0.0504, 0.0, None)
WRONG = Outcome("b (usual)", "b", "interruption", "en", "usual", False, "resumed", 1, None, None, 0.43, None)


class Loud:
    def window(self, samples: NDArray[np.int16]) -> float:
        return 0.95 if np.abs(samples).max() > 600 else 0.01

    def reset(self) -> None: ...


def noise(seconds: float, level: int, seed: int) -> NDArray[np.int16]:
    """Two seeds are nobody's echo."""
    dice = np.random.default_rng(seed)
    return dice.uniform(-level, level, round(seconds * RATE_HZ)).astype(np.int16)


def shown(table: Table) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=200).print(table)
    return out.getvalue().splitlines()


def row(table: Table, part: str) -> list[str]:
    (line,) = (line for line in shown(table) if part in line)
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_events_are_rows_with_their_time() -> None:
    caller = np.zeros(4 * RATE_HZ, np.int16)
    caller[2 * RATE_HZ : 3 * RATE_HZ] = noise(1.0, 8000, 1)
    scene = Scene("s", caller, (Reply(0.3, noise(9.0, 4000, 2)),))
    table = events_table("a call", replay(scene, Setup(detector=Loud)))
    at, what, details = row(table, " hold ")
    assert 2.0 < float(at) < 2.1
    assert what == "hold"
    assert "heard_ms 1" in details


def test_a_wrong_outcome_stands_out() -> None:
    table = outcomes_table([GOOD, WRONG])
    assert row(table, "a (usual)") == ["a (usual)", "yielded", "", "50", "", ""]
    assert row(table, "b (usual)") == ["b (usual)", "resumed", "no", "", "430", ""]


def test_the_score_has_values_intervals_and_targets() -> None:
    cells = row(score_table(figures([GOOD, WRONG])), "took the floor")
    assert cells == ["interruption en", "took the floor", "50.0 %", "9 to 91", "2 of 2", "≥ 98%: not met"]


def test_a_run_becomes_a_record() -> None:
    made = json.loads(record("agent replay it", Setup(), figures([GOOD, WRONG]), [GOOD, WRONG]))
    assert (made["command"], made["judges"], made["turn_end"]) == ("agent replay it", [], None)
    assert [outcome["right"] for outcome in made["outcomes"]] == [True, False]
    assert made["figures"][0]["value"] == 0.5
    assert made["options"]["yield_after_s"] == pytest.approx(0.42)


def test_policies_stand_side_by_side_in_markdown() -> None:
    made = policies_table({"balanced": figures([GOOD, WRONG]), "attentive": figures([GOOD])})
    head, line, first, *_ = made.splitlines()
    assert head == "| of | figure | trials of clips | `balanced` | `attentive` |"
    assert line == "|---|---|---|---|---|"
    assert first == "| interruption en | took the floor | 2 of 2 | 50.0 % (9 to 91) | 100.0 % (21 to 100) |"
