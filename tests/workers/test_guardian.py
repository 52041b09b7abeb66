"""A guarded program never outlives its starter, and takes along what it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from antiphon.workers.guardian import Guarded

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
_STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
STUBBORN = [sys.executable, "-c", _STUBBORN]


def eventually(condition: Callable[[], bool], what: str, within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def started(command: list[str], **options: float) -> tuple[Guarded, psutil.Process]:
    """The guarded program once it has said so, and its own process."""
    guarded = Guarded(command, stdout=subprocess.PIPE, **options)
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


def test_stop_ends_the_program_with_sigterm() -> None:
    guarded, child = started(SLEEPER)
    assert guarded.stop() == 128 + signal.SIGTERM
    assert gone(child.pid)


def test_stop_kills_a_program_that_ignores_sigterm() -> None:
    guarded, child = started(STUBBORN, grace_s=0.5)
    assert guarded.stop() == 128 + signal.SIGKILL
    assert gone(child.pid)


def test_a_signal_is_passed_on() -> None:
    guarded, child = started(SLEEPER)
    guarded.send_signal(signal.SIGINT)
    assert guarded.wait(10) in (1, 128 + signal.SIGINT)
    guarded.stop()
    assert gone(child.pid)


def test_what_the_program_started_goes_with_it() -> None:
    script = f"import subprocess, time\nsubprocess.Popen({SLEEPER!r})\ntime.sleep(60)"
    guarded = Guarded([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert guarded.stdout is not None
    assert guarded.stdout.readline() == b"up\n"
    (child,) = psutil.Process(guarded.pid).children()
    (grandchild,) = child.children()
    guarded.stop()
    assert gone(child.pid)
    eventually(lambda: gone(grandchild.pid), "the grandchild is gone")


@pytest.mark.skipif(sys.platform != "linux", reason="a death signal exists on Linux only")
def test_the_program_goes_when_the_guardian_is_killed() -> None:
    guarded, child = started(SLEEPER)
    os.kill(guarded.pid, signal.SIGKILL)
    eventually(lambda: gone(child.pid), "the program is gone")
    guarded.stop()


STARTER = """
import os, subprocess, sys, threading, time
from antiphon.workers.guardian import Guarded
found = []
def start():
    guarded = Guarded({command!r}, stdout=subprocess.PIPE, grace_s=0.5)
    guarded.stdout.readline()
    found.append(guarded)
thread = threading.Thread(target=start)  # a death signal would fire when this thread ends
thread.start()
thread.join()
import psutil
if {fork}:
    if os.fork() == 0:  # holds a copy of the pipe's end
        time.sleep(8)
        os._exit(0)
print(found[0].pid, psutil.Process(found[0].pid).children()[0].pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("fork", [False, True], ids=["alone", "with-a-forked-copy"])
@pytest.mark.parametrize("command", [SLEEPER, STUBBORN], ids=["willing", "stubborn"])
def test_nothing_is_left_after_kill_9_of_the_starter(command: list[str], fork: bool) -> None:
    script = STARTER.format(command=command, fork=fork)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        guardian, child = (int(part) for part in starter.stdout.readline().split())
        assert not gone(child), "it ended with the thread that started it"
        starter.kill()
        starter.wait()
        eventually(lambda: gone(child) and gone(guardian), "program and guardian are gone")
