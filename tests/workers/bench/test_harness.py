from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.workers.bench.harness import machine
from antiphon.workers.caller.recording import Recording


def test_the_machine_is_named() -> None:
    here = machine()
    assert here.cores >= 1
    assert here.python.startswith("3.")
    assert here.cpu
    assert here.commit


@pytest.mark.sfu
@pytest.mark.timeout(180)
def test_one_round_of_everything_in_a_call(tmp_path: Path) -> None:
    target = tmp_path / "bench.json"
    command = [sys.executable, "-m", "antiphon.workers.cli", "bench"]
    done = subprocess.run(
        [*command, "response,resume,barge-in", "--repeats", "1", "--json", str(target)],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(target.read_text())
    scenarios = {trial["scenario"] for trial in record["trials"]}
    assert {"floor", "response", "resume", "barge-in"} <= scenarios
    response = next(t for t in record["trials"] if t["scenario"] == "response")
    assert 300 < response["figures"]["response"] < 5000
    assert record["machine"]["commit"]
    assert "At the caller's ear" in done.stdout


def test_an_empty_recording_is_silence() -> None:
    assert not Recording(24_000).render(0.0, 0.1).any()
