"""Processes of ours that never outlive us.

Each child runs under a guard (`_guard.py`), which ends it when this process ends, even by kill -9. A child
is in a session of its own: Ctrl-C in the terminal reaches only us, and we end our children in the right
order. Signals to a child go through the guard, its real parent, so a pid that was reused is never hit.

Blocking and thread-safe; `Child.wait` is short enough to be run in ``asyncio.to_thread``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["Child"]

_GUARD = Path(__file__).with_name("_guard.py")

GRACE_S = 5.0  # s from the first SIGTERM to SIGKILL when a child is stopped; chosen


class Child:
    """A running child process.

    Args:
        command: Program and arguments. A program that cannot be run shows as exit code 127.
        env: The child's whole environment; ours when not given.
        cwd: Its working directory; ours when not given.
        output: Where its standard output and error go: an open file, or ``None`` for our own.
        grace_s: Seconds from the first SIGTERM to SIGKILL, in `stop` and when we are gone.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: IO[bytes] | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        control_read, self._control = os.pipe()
        report_read, report_write = os.pipe()
        try:
            self._guard = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(_GUARD)),
                    *(str(control_read), str(report_write), str(grace_s), "--"),
                    *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                pass_fds=(control_read, report_write),
                start_new_session=True,
            )
        except OSError:
            os.close(self._control)
            os.close(report_read)
            raise
        finally:
            os.close(control_read)
            os.close(report_write)
        with open(report_read, "rb") as report:
            line = report.readline()
        self.grace_s = grace_s
        self.pid = int(line) if line.strip() else 0
        """The child's own pid, not the guard's."""

    def poll(self) -> int | None:
        """Its exit code, 128 + n for signal n, or ``None`` while it runs."""
        return self._closed(self._guard.poll())

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Waits for its end; ``None`` when it still runs after ``timeout_s``."""
        try:
            return self._closed(self._guard.wait(timeout_s))
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: int) -> None:
        """Sends it signal ``number``; nothing happens when it has ended."""
        if self._control >= 0:
            try:
                os.write(self._control, bytes([number]))
            except BrokenPipeError:
                pass

    def stop(self) -> int:
        """Ends it: SIGTERM twice, then SIGKILL after ``grace_s``. Returns its exit code. May be repeated."""
        self._close_control()  # to the guard, the same as our end
        code = self.wait(self.grace_s + 5.0)
        if code is None:  # the guard itself hangs
            os.kill(self.pid, signal.SIGKILL)
            self._guard.kill()
            code = self._guard.wait()
        return code

    def _closed(self, code: int | None) -> int | None:
        if code is not None:
            self._close_control()
        return code

    def _close_control(self) -> None:
        control, self._control = self._control, -1
        if control >= 0:
            os.close(control)
