from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.workers.bench.harness import Machine
from antiphon.workers.bench.scenarios import Trial
from antiphon.workers.cli.bench import _print, _write


@pytest.mark.parametrize(
    ("arguments", "part"),
    [(["flight"], "response, barge-in"), (["response", "--arm", "pipecat"], "livekit-agents")],
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
    assert part in done.stderr
    assert done.stderr.count("\n") == 1


def test_trials_become_a_file_and_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = Machine("a processor", 2, "a system", "3.11.7", "abc1234")
    trials = [Trial("response", {"response": 600.0}), Trial("resume", remarks=["kept talking"])]
    _write(str(tmp_path / "b.json"), trials, here, "agent bench", "antiphon", "thread")
    record = json.loads((tmp_path / "b.json").read_text())
    assert record["machine"]["commit"] == "abc1234"
    assert record["figures"][0]["summary"]["p50"] == 600.0
    assert len(record["trials"]) == 2
    _print(trials, here, "agent bench response")
    shown = capsys.readouterr().out
    assert "response" in shown
    assert "kept talking" in shown
    assert "agent bench response" in shown
