"""The process between us and a child of ours, which ends the child when we are gone.

Run as ``python -I -S _guard.py CONTROL_FD REPORT_FD GRACE_S -- COMMAND...`` by `antiphon.workers.children`,
never imported. It starts COMMAND in a process group of its own, writes the child's pid to REPORT_FD, and
waits. Each byte on CONTROL_FD is a signal number to pass on; the end of CONTROL_FD means that our process
has ended, however it ended, kill -9 included: then the child gets SIGTERM twice (the first drains, the
second stops now, for livekit-server and for our workers alike), and SIGKILL after GRACE_S seconds. Whatever
the child leaves in its process group is killed with it. The guard's exit code is the child's, 128 + n for
signal n, 127 when COMMAND cannot be run.

Why not PR_SET_PDEATHSIG alone: it fires when the *thread* that forked ends, Python starts children from
threads that come and go, and macOS has none. The guard has one thread, so there it is right: it covers the
guard itself being killed. A copy of the pipe's other end may live on in a process forked from ours, so the
guard also looks once a second whether its parent is still the one that started it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

TICK_S = 0.5  # s between two looks at the parent; chosen
SECOND_TERM_S = 0.3  # s from the first SIGTERM to the second, once the parent is gone; chosen
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _die_with_guard(guard: int) -> None:
    """In the child, before exec: its own group, and death with the guard where the system offers it."""
    os.setpgid(0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(127)


def _spawn(command: list[str], close: tuple[int, ...]) -> int:
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        for fd in close:
            os.close(fd)
        _die_with_guard(guard)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main() -> int:
    control, report, grace_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    command = sys.argv[5:]
    parent = os.getppid()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)

    pid = _spawn(command, (control, report, wake_read, wake_write))
    os.write(report, f"{pid}\n".encode())
    os.close(report)

    stopped_at: float | None = None
    terms = 0
    listening = [control, wake_read]
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            try:
                os.killpg(pid, signal.SIGKILL)  # what it left behind
            except (ProcessLookupError, PermissionError):
                pass
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if os.getppid() != parent:
            stopping = True
        now = time.monotonic()
        if stopping:
            stopped_at = now if stopped_at is None else stopped_at
            if terms == 0 or (terms == 1 and now - stopped_at >= SECOND_TERM_S):
                _signal(pid, signal.SIGTERM)
                terms += 1
            if now - stopped_at >= grace_s:
                try:
                    os.killpg(pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    _signal(pid, signal.SIGKILL)
        ready, _, _ = select.select(listening, [], [], 0.05 if stopping else TICK_S)
        if wake_read in ready:
            os.read(wake_read, 64)
        if control in ready:
            orders = os.read(control, 64)
            if not orders:
                stopping = True
                listening.remove(control)
            for order in orders:
                _signal(pid, order)


if __name__ == "__main__":
    sys.exit(main())
