"""A guarded program never outlives its starter, and takes along what it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from antiphon.workers.guardian import Guarded

AllEnd = Callable[..., None]
# Each would end by itself in a minute, should a test fail to end it.
SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
_STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
STUBBORN = [sys.executable, "-c", _STUBBORN]


def started(command: list[str], grace_s: float = 3.0) -> tuple[Guarded, psutil.Process]:
    """The guarded program once it has said so, and its own process."""
    guarded = Guarded(command, stdout=subprocess.PIPE, grace_s=grace_s)
    assert guarded.stdout is not None
    assert guarded.stdout.readline() == b"up\n"
    (child,) = psutil.Process(guarded.pid).children()
    return guarded, child


def test_exit_code_is_the_programs() -> None:
    guarded = Guarded([sys.executable, "-c", "raise SystemExit(7)"])
    assert guarded.wait(10) == 7
    assert guarded.stop() == 7


def test_a_program_that_cannot_run_shows_as_127(tmp_path: Path) -> None:
    guarded = Guarded([str(tmp_path / "none")], output=subprocess.DEVNULL)
    assert guarded.wait(10) == 127
    guarded.stop()


def test_stop_ends_the_program_with_sigterm(all_end: AllEnd) -> None:
    guarded, child = started(SLEEPER)
    assert guarded.stop() == 128 + signal.SIGTERM
    all_end(child, within_s=0.1)


def test_stop_kills_a_program_that_ignores_sigterm(all_end: AllEnd) -> None:
    guarded, child = started(STUBBORN, grace_s=0.5)
    assert guarded.stop() == 128 + signal.SIGKILL
    all_end(child, within_s=0.1)


def test_a_signal_is_passed_on(all_end: AllEnd) -> None:
    guarded, child = started(SLEEPER)
    guarded.send_signal(signal.SIGINT)
    assert guarded.wait(10) in (1, 128 + signal.SIGINT)
    guarded.stop()
    all_end(child, within_s=0.1)


def test_what_the_program_started_goes_with_it(all_end: AllEnd) -> None:
    script = f"import subprocess, time\nsubprocess.Popen({SLEEPER!r})\ntime.sleep(60)"
    guarded = Guarded([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert guarded.stdout is not None
    assert guarded.stdout.readline() == b"up\n"
    (child,) = psutil.Process(guarded.pid).children()
    (grandchild,) = child.children()
    guarded.stop()
    all_end(child, grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="a death signal exists on Linux only")
def test_the_program_goes_when_the_guardian_is_killed(all_end: AllEnd) -> None:
    guarded, child = started(SLEEPER)
    os.kill(guarded.pid, signal.SIGKILL)
    all_end(child)
    guarded.stop()


STARTER = """
import os, subprocess, sys, threading
from antiphon.workers.guardian import Guarded
found = []
def start():
    guarded = Guarded({command!r}, stdout=subprocess.PIPE, grace_s=0.5)
    guarded.stdout.readline()
    found.append(guarded)
thread = threading.Thread(target=start)  # a death signal would fire when this thread ends
thread.start()
thread.join()
if not ({fork} and os.fork() == 0):  # the fork holds a copy of the pipe's end
    print(found[0].pid, flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.mark.parametrize("fork", [False, True], ids=["alone", "with-a-forked-copy"])
@pytest.mark.parametrize("command", [SLEEPER, STUBBORN], ids=["willing", "stubborn"])
def test_nothing_is_left_after_kill_9_of_the_starter(command: list[str], fork: bool, all_end: AllEnd) -> None:
    script = STARTER.format(command=command, fork=fork)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        guardian = psutil.Process(int(starter.stdout.readline()))
        (child,) = guardian.children()
        starter.kill()
        starter.wait()
        all_end(child, guardian)
