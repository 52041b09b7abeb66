from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from antiphon.workers.cli.dev import agent_name

APP = """
from livekit.agents import AgentServer, JobContext
server = AgentServer()
@server.rtc_session(agent_name="plain")
async def entry(ctx: JobContext) -> None:
    await ctx.connect()
print("APP LOADED", flush=True)
"""


def start(app: Path, sfu: Any) -> subprocess.Popen[str]:
    environ = {**os.environ, **sfu.environment(), "OPENAI_API_KEY": "x"}
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "antiphon.workers.cli", "dev", str(app)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
    )


def until(process: subprocess.Popen[str], part: str, count: int = 1) -> str:
    """Reads lines until one has the part for the count-th time; returns all that was read."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if seen.count(part) >= count:
            return seen
    raise AssertionError(f"{part!r} never came:\n{seen}")


@pytest.mark.sfu
@pytest.mark.timeout(120)
def test_a_change_restarts_the_app_and_ctrl_c_ends_it(sfu: Any, tmp_path: Path) -> None:
    app = tmp_path / "bot.py"
    app.write_text(APP)
    process = start(app, sfu)
    try:
        seen = until(process, "registered worker")
        assert "agent call --url" in seen
        app.write_text(APP + "\n# changed\n")
        until(process, "registered worker")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.sfu
@pytest.mark.timeout(120)
def test_an_app_that_never_ran_ends_it_with_its_code(sfu: Any, tmp_path: Path) -> None:
    app = tmp_path / "bot.py"
    app.write_text("x = 1\n")
    process = start(app, sfu)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert output.count("error: bot.py has no AgentServer") == 1
    assert "Traceback" not in output


def test_a_missing_app_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "antiphon.workers.cli", "dev", str(tmp_path / "no.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: there is no such application")
    assert done.stderr.count("\n") == 1


def test_the_agents_name_is_read_off_the_file(tmp_path: Path) -> None:
    app = tmp_path / "bot.py"
    app.write_text(APP)
    assert agent_name(str(app)) == "plain"
    assert agent_name(f"{app}:server") == "plain"
    app.write_text("server = 1")
    assert agent_name(str(app)) == ""
