"""`agent dev` as its users meet it: real processes, an app on disk that changes under it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from antiphon.agents.errors import ModelUnavailable, ServerUnavailable
from antiphon.workers.cli.common import LocalModel
from antiphon.workers.cli.dev import Surroundings, agent_name
from antiphon.workers.guardian import Guarded
from antiphon.workers.sfu import LocalSfu

if TYPE_CHECKING:
    Start = Callable[..., subprocess.Popen[str]]

APP = """
from livekit.agents import AgentServer, JobContext
server = AgentServer()
@server.rtc_session(agent_name="plain")
async def entry(ctx: JobContext) -> None:
    await ctx.connect()
print("APP LOADED", flush=True)
"""
NO_KEYS = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "OPENAI_API_KEY", "OPENAI_BASE_URL")


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Start]:
    """Runs the verb on an app with this source and environment."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, environ: dict[str, str], *options: str) -> subprocess.Popen[str]:
        (tmp_path / "bot.py").write_text(source)
        clean = {key: value for key, value in os.environ.items() if key not in NO_KEYS}
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "antiphon.workers.cli", "dev", str(tmp_path / "bot.py"), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**clean, **environ},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], part: str) -> str:
    """Reads lines until one has the part; returns all that was read."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if part in line:
            return seen
    raise AssertionError(f"{part!r} never came:\n{seen}")


def gone(tree: list[psutil.Process], within_s: float = 15.0) -> None:
    """Fails if one of these is still there after a while."""
    deadline = time.monotonic() + within_s
    while left := [part for part in tree if part.is_running() and part.status() != "zombie"]:
        assert time.monotonic() < deadline, f"left running: {left}"
        time.sleep(0.02)


@pytest.mark.sfu
@pytest.mark.timeout(120)
def test_a_change_restarts_the_app_alone_and_ctrl_c_ends_it(
    dev: Start, sfu: LocalSfu, tmp_path: Path
) -> None:
    process = dev(APP, {**sfu.environment(), "OPENAI_API_KEY": "x"})
    seen = until(process, "Ctrl-C stops everything")
    assert "registered worker" in seen, "it said how to call before a call could come"
    assert "agent call --url" in seen
    (tmp_path / "bot.py").write_text(APP + "\n# changed\n")
    seen = until(process, "registered worker")
    assert "bot.py changed" in seen
    assert "APP LOADED" in seen
    tree = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert rest.endswith("Stopped.\n")
    gone(tree)


@pytest.mark.sfu
@pytest.mark.timeout(120)
def test_a_fault_is_mended_by_the_next_change(dev: Start, sfu: LocalSfu, tmp_path: Path) -> None:
    process = dev(APP, {**sfu.environment(), "OPENAI_API_KEY": "x"})
    until(process, "Ctrl-C stops everything")
    (tmp_path / "bot.py").write_text("def broken(:\n")
    until(process, "error: the application failed when it was loaded")
    assert process.poll() is None
    (tmp_path / "bot.py").write_text(APP)
    until(process, "registered worker")


@pytest.mark.sfu
@pytest.mark.timeout(120)
def test_an_app_that_never_ran_ends_it_with_its_code(dev: Start, sfu: LocalSfu) -> None:
    process = dev("x = 1\n", {**sfu.environment(), "OPENAI_API_KEY": "x"})
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert output.count("error: bot.py has no AgentServer") == 1
    assert "Traceback" not in output
    assert "agent call" not in output


@pytest.mark.sfu
@pytest.mark.weights
@pytest.mark.timeout(180)
def test_it_brings_server_and_model_and_nothing_is_left_after_kill_9(dev: Start) -> None:
    process = dev(APP, {})
    seen = until(process, "Ctrl-C stops everything")
    assert "Model: the local one, a demonstration" in seen
    tree = psutil.Process(process.pid).children(recursive=True)
    commands = [" ".join(part.cmdline()) for part in tree]
    for each in ("livekit-server --config", "antiphon.plugins.local", "antiphon.workers.cli start"):
        assert any(each in command for command in commands), each
    process.kill()
    gone(tree)


def test_a_missing_app_is_one_line(dev: Start, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "antiphon.workers.cli", "dev", str(tmp_path / "no.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: there is no such application")
    assert done.stderr.count("\n") == 1


def test_what_ended_around_the_app_is_named(tmp_path: Path) -> None:
    model = Guarded([sys.executable, "-c", "raise SystemExit(7)"])
    lasting = Guarded([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        server = LocalSfu("ws://127.0.0.1:1", "k", "s", _process=lasting)
        Surroundings(server, {}, LocalModel("http://m", lasting, tmp_path)).check()
        Surroundings(server, {}, None).check()
        model.wait(20)
        with pytest.raises(ModelUnavailable, match=r"exit code 7.*model\.log"):
            Surroundings(server, {}, LocalModel("http://m", model, tmp_path / "model.log")).check()
        ended = LocalSfu("ws://127.0.0.1:1", "k", "s", _process=model)
        with pytest.raises(ServerUnavailable, match="ended by itself"):
            Surroundings(ended, {}, None).check()
    finally:
        model.stop()
        lasting.stop()


def test_the_agents_name_is_read_off_the_file(tmp_path: Path) -> None:
    app = tmp_path / "bot.py"
    app.write_text(APP)
    assert agent_name(str(app)) == "plain"
    assert agent_name(f"{app}:server") == "plain"
    app.write_text("server = 1")
    assert agent_name(str(app)) == ""
