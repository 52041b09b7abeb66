"""The whole of it, as a newcomer sees it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.agents import timeline as tl

pytestmark = [pytest.mark.sfu, pytest.mark.weights, pytest.mark.timeout(240)]


def test_the_demo_places_a_call_and_leaves_its_files(tmp_path: Path) -> None:
    hidden = ("LIVEKIT_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL")
    environ = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [sys.executable, "-m", "antiphon.workers.cli", "demo", "--once", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        env=environ,
        timeout=230,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    flat = " ".join(done.stdout.split())
    assert "weather in Paris" in flat
    assert "In Paris it is eighteen degrees" in flat  # by the tool
    response = re.search(r"Response after (\d+) ms", flat)
    assert response is not None
    assert 300 < int(response.group(1)) < 10_000
    (folder,) = tmp_path.iterdir()
    assert {path.name for path in folder.iterdir()} == {"call.wav", "timeline.jsonl", "call.png"}
    kinds = {type(event) for event in tl.read_events(folder / "timeline.jsonl")}
    assert {tl.Onset, tl.Commit, tl.FirstAudio, tl.Hold, tl.Yield, tl.ToolCall} <= kinds
