"""Builds livekit-server from the Go module proxy into the user's cache, once a version.

The version is pinned; ``go install`` checks it against Go's checksum database. Two processes that want
it at the same time build it once: the second waits for the first's lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from antiphon.agents.errors import ServerUnavailable

__all__ = ["VERSION", "WAYS", "build", "cached_binary"]

VERSION = "1.13.5"
_MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
_NEEDS = "Go 1.26 or newer"
_LIMIT_S = 1200.0

WAYS = (
    "Three ways to get one: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a server of yours; "
    f"or put livekit-server on PATH (brew install livekit, or livekit's releases); or install {_NEEDS}, "
    "and it is built here"
)


def cached_binary(environ: Mapping[str, str]) -> Path:
    """Where the pinned version is kept, whether or not it is there."""
    base = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".cache")
    return Path(base) / "antiphon" / "livekit-server" / VERSION / "livekit-server"


def build(progress: Callable[[str], None], environ: Mapping[str, str]) -> Path:
    """Builds the pinned version if nobody has yet; returns the binary.

    Args:
        progress: Told what happens, a line every few seconds.
        environ: Environment for ``go``.

    Raises:
        ServerUnavailable: There is no Go, or it failed; with the ways to get a server.
    """
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise ServerUnavailable("no LiveKit server was found, nor Go to build one with", hint=WAYS + ".")
    target = cached_binary(environ)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            progress("waiting for another process that builds livekit-server")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.access(target, os.X_OK):
            _install(go, target, progress, environ)
    return target


def _install(go: str, target: Path, progress: Callable[[str], None], environ: Mapping[str, str]) -> None:
    began = time.monotonic()
    progress(f"building livekit-server {VERSION} with go install (once; 2 to 4 minutes)")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        settings = {**environ, "GOBIN": folder, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
        log = Path(folder) / "build.log"
        with (
            log.open("wb") as out,
            subprocess.Popen(
                [go, "install", _MODULE], env=settings, cwd=folder, stdout=out, stderr=subprocess.STDOUT
            ) as process,
        ):
            try:
                while process.poll() is None:
                    try:
                        process.wait(5.0)
                    except subprocess.TimeoutExpired:
                        progress(f"building livekit-server: {time.monotonic() - began:.0f} s, {_last(log)}")
                    if time.monotonic() - began > _LIMIT_S:
                        break
            finally:
                if process.poll() is None:
                    process.terminate()
        if process.returncode != 0:
            raise ServerUnavailable("go install of livekit-server failed", value=_last(log), hint=WAYS + ".")
        os.replace(Path(folder) / "server", target)
    progress(f"built livekit-server {VERSION} in {time.monotonic() - began:.0f} s")


def _last(log: Path) -> str:
    """What go says it is doing."""
    lines = log.read_text(errors="replace").split("\n")
    said = [line for line in lines if line.strip()]
    return said[-1].removeprefix("go: ")[:100] if said else "compiling"
