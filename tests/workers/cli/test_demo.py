"""The whole of it, as a newcomer sees it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from antiphon.agents import timeline as tl
from antiphon.workers import caller, cli
from antiphon.workers.caller.caller import Played
from antiphon.workers.caller.place_call import CallResult, Exchange
from antiphon.workers.cli import demo
from antiphon.workers.cli.dev import Surroundings
from antiphon.workers.sfu import LocalSfu


@pytest.mark.sfu
@pytest.mark.weights
@pytest.mark.timeout(240)
def test_the_demo_proves_itself_by_a_call_stays_up_and_leaves_nothing_but_its_files(tmp_path: Path) -> None:
    hidden = ("LIVEKIT_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL")
    environ = {key: value for key, value in os.environ.items() if key not in hidden}
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "antiphon.workers.cli", "demo", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
    )
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C stops everything" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        tree = psutil.Process(process.pid).children(recursive=True)
        assert "livekit-server" in [part.name() for part in tree]
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=40)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, rest
    assert rest.endswith("Stopped.\n")
    deadline = time.monotonic() + 15
    while any(part.is_running() and part.status() != "zombie" for part in tree):
        assert time.monotonic() < deadline, "something is left"
        time.sleep(0.02)

    flat = " ".join(said.split())
    assert "weather in Paris" in flat
    assert "In Paris it is eighteen degrees" in flat  # by the tool
    response = re.search(r"Response after (\d+) ms", flat)
    assert response is not None
    assert 300 < int(response.group(1)) < 10_000
    assert "agent call --url ws://127.0.0.1:" in flat
    (folder,) = tmp_path.iterdir()
    assert {path.name for path in folder.iterdir()} == {"call.wav", "timeline.jsonl", "call.png"}
    kinds = {type(event) for event in tl.read_events(folder / "timeline.jsonl")}
    assert {tl.Onset, tl.Commit, tl.FirstAudio, tl.Hold, tl.Yield, tl.ToolCall} <= kinds


@pytest.mark.parametrize(("response_s", "code"), [(0.8, 0), (None, 1)])
def test_once_ends_with_0_only_if_the_agent_was_heard(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    response_s: float | None,
    code: int,
) -> None:
    class Worker:
        stopped = 0

        def __init__(self, *_: object) -> None:
            pass

        def wait_ready(self) -> bool:
            return True

        def stop(self) -> None:
            Worker.stopped += 1

    @contextlib.contextmanager
    def surroundings() -> Iterator[Surroundings]:
        yield Surroundings(LocalSfu("ws://127.0.0.1:1", "k", "s" * 32), {}, None)

    async def place_call(**_: object) -> CallResult:
        played = Played(0.0, 1.0, 0.0, 1.0)
        return CallResult("room", exchanges=[Exchange("weather_question", played, response_s, "")])

    monkeypatch.setattr(demo, "Worker", Worker)
    monkeypatch.setattr(demo, "surroundings", surroundings)
    monkeypatch.setattr(caller, "place_call", place_call)
    monkeypatch.setattr(demo, "end_on_signal", lambda: None)
    assert cli.main(["demo", "--once", "--out", str(tmp_path)]) == code
    assert Worker.stopped == 1
    said = capsys.readouterr().out
    assert ("Response after 800 ms" in said) is (code == 0)
    assert ("The agent was not heard" in said) is (code == 1)
