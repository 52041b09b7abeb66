from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from antiphon.workers.bench.harness import ARMS, Machine
from antiphon.workers.bench.scenarios import SCENARIOS, Trial
from antiphon.workers.cli.bench import _ALL, _ARMS, _print, _record

HERE = Machine("a processor", 2, "a system", "3.11.7", "abc1234")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["flight"], "response, barge-in"),
        ([","], "response, barge-in"),
        (["response", "--arm", "pipecat"], "livekit-agents"),
        (["response", "--arm", "antiphon,both"], "antiphon, livekit-agents"),
    ],
)
def test_a_wrong_word_is_one_line_with_those_that_are_right(arguments: list[str], part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "antiphon.workers.cli", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert part in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_words_are_those_of_the_harness() -> None:
    assert _ARMS == ARMS
    assert set(SCENARIOS) < set(_ALL)


def test_trials_become_a_record() -> None:
    trials = [Trial("response", {"response": 600.0}), Trial("blocked", failed=["longest gap, loop blocked"])]
    trials += [Trial("barge-in", {"truncation error": np.float64(5.0)})]  # as numpy gives it
    record = json.loads(_record(trials, HERE, "agent bench", ["antiphon"], "thread"))
    assert record["machine"]["commit"] == "abc1234"
    assert record["arms"] == ["antiphon"]
    figures = record["figures"]
    assert figures[0]["summary"]["p50"] == 600.0
    assert (figures[1]["summary"], figures[1]["met"]) == (None, False)
    assert (figures[2]["met"], len(record["trials"])) == (True, 3)


def test_trials_become_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.workers.cli.common.console.width", 160, raising=False)
    stopped = {"truncation error": 5.0}
    trials = [Trial("barge-in", stopped, arm="antiphon") for _ in range(3)]
    trials += [Trial("barge-in", failed=["truncation error"], remarks=["no truncation"], arm="antiphon")]
    _print(trials, HERE, "agent bench barge-in")
    shown = capsys.readouterr().out
    (line,) = (line for line in shown.splitlines() if "truncation error" in line)
    assert "3 of 4" in line
    assert "within 25 for 95 %: not met" in line
    assert "antiphon barge-in: no truncation (1 times)" in shown
    assert "agent bench barge-in" in shown
    assert "Side by side" not in shown


def test_two_arms_are_shown_side_by_side(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antiphon.workers.cli.common.console.width", 160, raising=False)
    trials = [
        Trial("floor", {"transport floor": 127.0}),
        Trial("barge-in", {"onset to silence": 200.0}, arm="antiphon"),
        Trial("barge-in", {"onset to silence": 700.0}, arm="livekit-agents"),
    ]
    _print(trials, HERE, "agent bench barge-in --arm both")
    shown = capsys.readouterr().out
    side = shown[shown.index("Side by side") :].splitlines()
    (line,) = (line for line in side if "onset to silence " in line)
    assert [cell.strip() for cell in line.strip("│ ").split("│")] == ["onset to silence", "200", "700", "3.5"]
    assert shown.count("transport floor") == 2
