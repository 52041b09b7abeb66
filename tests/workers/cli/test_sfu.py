"""`agent sfu` in a process of its own: what it prints works, and nothing is left when it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from livekit import rtc

from antiphon.workers import probe

if TYPE_CHECKING:
    from antiphon.workers.sfu import LocalSfu

AGENT_SFU = [sys.executable, "-m", "antiphon.workers.cli", "sfu"]


def environment(**changes: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("LIVEKIT_")} | changes


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The verb and what it printed, by name."""
    process = subprocess.Popen(
        AGENT_SFU, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    )
    try:
        assert process.stdout is not None
        values: dict[str, str] = {}
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
            if found := re.fullmatch(r"  (\S+) +(.+)\n", line):
                values[found[1]] = found[2]
        yield process, values
    finally:
        process.kill()
        process.communicate()


@pytest.mark.sfu
async def test_what_it_prints_lets_a_person_in() -> None:
    with running() as (_, values):
        probe.check_environ(values)
        room = rtc.Room()
        await room.connect(values["LIVEKIT_URL"], values["token"])
        assert room.local_participant.identity == "caller"
        await room.disconnect()
        program, _, rest = values["call"].partition(" ")
        assert shutil.which(program), "the command cannot be run as it is printed"
        assert rest == f"call --url {values['LIVEKIT_URL']} --token {values['token']}"


@pytest.mark.sfu
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_it_ends_with_a_signal_and_leaves_nothing(number: signal.Signals, code: int) -> None:
    with running() as (process, values):
        assert "starting LiveKit server" in Path(values["log"]).read_text()
        tree = psutil.Process(process.pid).children(recursive=True)
        assert "livekit-server" in [part.name() for part in tree]
        process.send_signal(number)
        assert process.wait(10) == code
        deadline = time.monotonic() + 5
        while any(part.is_running() and part.status() != "zombie" for part in tree):
            assert time.monotonic() < deadline, "something is left"
            time.sleep(0.01)
        assert not probe.answers(values["LIVEKIT_URL"], 1.0)


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*AGENT_SFU, "--port", port], capture_output=True, text=True, timeout=30, env=environment()
        )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1
    assert errors == [
        f"error: port cannot be {port}. Allowed: a free port of 127.0.0.1; leave it out to have one picked."
    ]
    assert "Traceback" not in done.stderr


def test_no_server_to_be_had_is_one_line_with_the_three_ways(tmp_path: Path) -> None:
    done = subprocess.run(
        AGENT_SFU,
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path)),
    )
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1
    for way in ("LIVEKIT_URL", "on PATH", "Go 1.26"):
        assert way in error


@pytest.mark.sfu
def test_a_server_of_yours_is_shown_without_its_secret_and_left_alone(sfu: LocalSfu) -> None:
    done = subprocess.run(
        AGENT_SFU, capture_output=True, text=True, timeout=30, env=environment(**sfu.environment())
    )
    assert done.returncode == 0
    assert sfu.url in done.stdout
    assert sfu.api_secret not in done.stdout
    assert sfu.running
