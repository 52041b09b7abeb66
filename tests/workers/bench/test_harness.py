from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.workers.bench.harness import machine


def test_the_machine_is_named() -> None:
    here = machine()
    assert here.cores >= 1
    assert here.python.startswith("3.")
    assert here.cpu
    assert here.commit


@pytest.mark.sfu
@pytest.mark.timeout(240)
def test_one_round_of_everything_in_a_call(tmp_path: Path) -> None:
    target = tmp_path / "bench.json"
    command = [sys.executable, "-m", "antiphon.workers.cli", "bench", "response,resume,barge-in,blocked"]
    done = subprocess.run(
        [*command, "--repeats", "1", "--json", "--output", str(target)],
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)  # all of it: nothing else was printed there
    assert record == json.loads(target.read_text())
    assert record["machine"]["commit"]
    trials = record["trials"]
    assert [(t["scenario"], t["arm"]) for t in trials] == [
        ("floor", ""),
        *((name, "antiphon") for name in ("response", "resume", "barge-in", "blocked", "blocked")),
    ]
    for trial in trials:
        assert trial["figures"] or trial["failed"], trial
    assert 300 < trials[1]["figures"]["response"] < 5000
    assert not any("not blocked" in remark for trial in trials for remark in trial["remarks"])
