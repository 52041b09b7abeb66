"""Starts a program that ends when its starter ends, even by ``kill -9``.

``python -I -S guardian.py GRACE PROGRAM ARG...`` runs the program and waits on its own standard input, a
pipe whose other end only the starter holds. The kernel closes that end whatever kills the starter; then
the program gets SIGTERM twice (the first drains, the second stops now, in livekit-server as in our
workers), and SIGKILL ``GRACE`` seconds after the first. A process forked from the starter may hold the
pipe open, so the guardian also looks once a second whether its parent is still the same. What the program
leaves in its process group is killed after it.

A death signal (``PR_SET_PDEATHSIG``) in place of the guardian would go by the thread that forked, not the
process, and exists on Linux only. The guardian has one thread: there it covers the guardian's own end.

`Guarded` is the starter's side. This file imports nothing of ours: it runs without site-packages.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO

__all__ = ["Guarded", "main"]

_LOOK_S = 1.0  # s between two looks at who the parent is
_SECOND_TERM_S = 0.3  # s between the two SIGTERM
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Guarded:
    """A program that never outlives this process.

    Args:
        command: Program and arguments.
        output: Where its standard output and error go; the starter's own when None.
        stdout: Where its standard output goes instead, e.g. ``subprocess.PIPE``.
        env: Its environment; this process's when None.
        grace_s: How long it may take to end when asked, s.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: IO[bytes] | int | None = None,
        stdout: IO[bytes] | int | None = None,
        env: Mapping[str, str] | None = None,
        grace_s: float = 3.0,
    ) -> None:
        self._grace_s = grace_s
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(grace_s), *command],
            stdin=subprocess.PIPE,
            stdout=output if stdout is None else stdout,
            stderr=output,
            env=None if env is None else dict(env),
            start_new_session=True,  # Ctrl-C at a terminal goes to the starter alone
        )

    @property
    def pid(self) -> int:
        """Of the guardian, whose end is the program's."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes] | None:
        """The program's standard output, if it was asked for as a pipe."""
        return self._process.stdout

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end; returns the exit code."""
        return self._process.wait(timeout)

    def send_signal(self, number: int) -> None:
        """Passes a signal on to the program."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self) -> int:
        """Ends the program, by force if it does not end by itself; returns the exit code."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            code = self._process.wait(self._grace_s + 2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code


def main(grace_s: float, command: Sequence[str]) -> int:
    """Runs the command until it ends or standard input does; returns its exit code, 127 if it cannot run."""
    starter = os.getppid()
    guardian = os.getpid()
    try:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=lambda: _die_with(guardian),  # safe: there is one thread
        )
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)

    def forward(number: int, _: object) -> None:
        if child.poll() is None:
            child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, forward)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the loop below
    while child.poll() is None:
        ready, _, _ = select.select([0, read_end], [], [], _LOOK_S)
        if read_end in ready:
            os.read(read_end, 1024)
        if (0 in ready and not os.read(0, 1024)) or os.getppid() != starter:
            _end(child, grace_s)
    try:
        os.killpg(child.pid, signal.SIGKILL)  # what it left behind
    except (ProcessLookupError, PermissionError):
        pass
    code = child.returncode
    return code if code >= 0 else 128 - code


def _end(child: subprocess.Popen[bytes], grace_s: float) -> None:
    began = time.monotonic()
    child.terminate()
    again = False
    while child.poll() is None and (spent := time.monotonic() - began) < grace_s:
        if spent >= _SECOND_TERM_S and not again:
            again = True
            child.terminate()
        time.sleep(0.01)
    if child.poll() is None:
        child.kill()
    child.wait()


def _die_with(guardian: int) -> None:
    """In the child, before exec: ends with the guardian, where the system offers that."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != guardian:  # it ended before the call
            os._exit(127)


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), sys.argv[2:]))
