"""Where livekit-server comes from: PATH, else the user's cache, else built into it from source.

The version is pinned, because a call depends on the server's behaviour (livekit-server 1.13.5, the one
this project is measured on); one on PATH is taken as it is. The build needs Go and the Go module proxy and
takes two to three minutes once. It happens under a file lock and ends in a rename, so that two processes
neither build twice nor run half a file.
"""

from __future__ import annotations

import fcntl
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from antiphon.agents.errors import ServerUnavailable

__all__ = ["LIVEKIT_SERVER_VERSION", "Progress", "cache_dir", "find", "find_or_build"]

LIVEKIT_SERVER_VERSION = "1.13.5"
_MODULE = f"github.com/livekit/livekit-server/cmd/server@v{LIVEKIT_SERVER_VERSION}"
_NAME = "livekit-server"

REPORT_EVERY_S = 1.0  # s between two reports of the build while go says nothing; chosen
LOCK_POLL_S = 0.5  # s between two tries for the lock; chosen

Progress = Callable[[str], None]
"""Called with one line of text on what is being done; from any thread, often."""


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """``$XDG_CACHE_HOME/antiphon``, or ``~/.cache/antiphon``."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_CACHE_HOME") or os.path.join(
        environ.get("HOME") or os.path.expanduser("~"), ".cache"
    )
    return Path(base) / "antiphon"


def _cached(environ: Mapping[str, str]) -> Path:
    return cache_dir(environ) / _NAME / LIVEKIT_SERVER_VERSION / _NAME


def find(environ: Mapping[str, str] | None = None) -> Path | None:
    """A livekit-server that is already here: on PATH, or cached. ``None`` when there is neither."""
    environ = os.environ if environ is None else environ
    if found := shutil.which(_NAME, path=environ.get("PATH", "")):
        return Path(found)
    cached = _cached(environ)
    return cached if os.access(cached, os.X_OK) else None


def find_or_build(progress: Progress, environ: Mapping[str, str] | None = None) -> Path:
    """As `find`, and builds the pinned version when there is none. Blocks for minutes then.

    Raises `ServerUnavailable`, listing the three ways to get one, when it cannot be built.
    """
    environ = os.environ if environ is None else environ
    if found := find(environ):
        return found
    go = shutil.which("go", path=environ.get("PATH", ""))
    if go is None:
        raise unavailable("no livekit-server on this machine, and no Go to build one")
    target = _cached(environ)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent.with_suffix(".lock"), progress):
        if not os.access(target, os.X_OK):  # another process may have built it while we waited
            _build(go, target, progress, environ)
    return target


def unavailable(what: str, *, value: object = None) -> ServerUnavailable:
    """The error for "no server", with the three ways to get one."""
    return ServerUnavailable(
        what,
        value=value,
        hint="Either set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a server you have;"
        " or put livekit-server on PATH (macOS: brew install livekit; Linux: curl -sSL https://get.livekit.io"
        " | bash); or install Go 1.26 or later (https://go.dev/dl) and run this again to build it.",
    )


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as lock:
        started = time.monotonic()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - started
                progress(f"waiting for another process that builds livekit-server ({waited:.0f} s)")
                time.sleep(LOCK_POLL_S)
        yield  # closing the file lets go of the lock


def _build(go: str, target: Path, progress: Progress, environ: Mapping[str, str]) -> None:
    started = time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=target.parent))
    env = {**environ, "CGO_ENABLED": "0", "GOBIN": str(scratch), "GOFLAGS": ""}
    env.pop("GOOS", None)
    env.pop("GOARCH", None)
    said: list[str] = []
    try:
        with subprocess.Popen(
            [go, "install", "-v", "-trimpath", "-ldflags=-s -w", _MODULE],
            env=env,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                for line in _lines(process):
                    if line is not None:
                        said.append(line)
                    at = f"{time.monotonic() - started:.0f} s of about 150"
                    progress(f"building livekit-server {LIVEKIT_SERVER_VERSION} ({at}): {_short(said)}")
            except BaseException:
                process.kill()
                raise
        built = scratch / "server"
        if process.returncode != 0 or not built.is_file():
            last = next((line for line in reversed(said) if line.strip()), f"exit code {process.returncode}")
            raise unavailable("livekit-server could not be built", value=last)
        os.replace(built, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _short(said: list[str]) -> str:
    if not said:
        return "go looks up the modules"
    line = said[-1].removeprefix("go: ").strip()
    doing = line if line.startswith("downloading") else f"compiling {line}, {len(said)} steps done"
    return doing[:100]


def _lines(process: subprocess.Popen[str]) -> Iterator[str | None]:
    """What the process says, line by line, and ``None`` for each second in which it says nothing."""
    lines: queue.Queue[str | None] = queue.Queue()
    stderr = process.stderr
    assert stderr is not None

    def read() -> None:
        for line in stderr:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    reader = threading.Thread(target=read, name="go-install-output", daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=REPORT_EVERY_S)
        except queue.Empty:
            yield None
            continue
        if line is None:
            reader.join()
            return
        yield line
