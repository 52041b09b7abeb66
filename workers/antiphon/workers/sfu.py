"""A LiveKit server for this machine: the one you have, or one that we find, build and run.

In this order: the server of LIVEKIT_URL, once it is seen to answer and to take the key; ``livekit-server``
on PATH; one in the user's cache; one built there from source (`_sfu_binary`). One that we run listens on
loopback alone (`_sfu_config`), has a random secret, is ready when it answers and takes its key, writes its
log to a file, and is gone when this process is, even by kill -9 (`children`).

    server = start_sfu()          # blocks: about 0.2 s, minutes when it must be built
    ...
    server.stop()

    async with local_sfu() as server:
        ...
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from antiphon.agents.errors import ConfigError, ServerUnavailable
from antiphon.workers import _sfu_probe
from antiphon.workers._sfu_binary import LIVEKIT_SERVER_VERSION, Progress, cache_dir, find, find_or_build
from antiphon.workers._sfu_config import HOST, Ports, free_ports, render
from antiphon.workers.children import Child

__all__ = ["LIVEKIT_SERVER_VERSION", "LocalSfu", "Progress", "find", "local_sfu", "start_sfu"]

KEY = "antiphon"
READY_TIMEOUT_S = 20.0  # s to the first answer; chosen: 0.2 s is usual, a cold disk takes seconds
READY_POLL_S = 0.02  # s between two looks; chosen
PORT_TRIES = 5  # times that free ports are chosen anew when another process took them first; chosen
STOP_GRACE_S = 3.0  # s to SIGKILL; a local server has nothing to lose
KEEP_LOGS = 20  # log files of earlier runs that stay; chosen


@dataclass(frozen=True, slots=True)
class LocalSfu:
    """A LiveKit server that answers. ``stop()`` ends it if it is ours."""

    url: str  # ws://127.0.0.1:PORT, or LIVEKIT_URL
    api_key: str
    api_secret: str = field(repr=False)
    log_path: Path | None = None  # None for a server that is not ours
    pid: int | None = None  # of livekit-server; None for a server that is not ours
    _child: Child | None = field(default=None, repr=False)

    @property
    def owned(self) -> bool:
        """Whether we started it."""
        return self._child is not None

    def environ(self) -> dict[str, str]:
        """The variables by which LiveKit's own tools and libraries find it."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }

    def alive(self) -> bool:
        """Whether its process runs; true for a server that is not ours."""
        return self._child is None or self._child.poll() is None

    def stop(self) -> None:
        """Ends it and waits for that. Nothing happens to a server that is not ours. May be repeated."""
        if self._child is not None:
            self._child.stop()


def start_sfu(
    progress: Progress | None = None,
    *,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> LocalSfu:
    """A server that answers; see the module for the order in which one is looked for. Blocks.

    Args:
        progress: Told in one line what takes long; see `Progress`.
        port: TCP port for a server of our own; LIVEKIT_URL is then ignored.
        environ: Variables to look at; the process's own when not given.

    Raises:
        ServerUnavailable: None could be reached, found, built or started. The text says what to do.
        ConfigError: ``port`` is taken, or no port.
    """
    environ = os.environ if environ is None else environ
    url = environ.get("LIVEKIT_URL", "").strip()
    if url and port is None:
        return _existing(url, environ)
    tell = progress or _silent
    binary = find_or_build(tell, environ)
    tell(f"starting {binary}")
    return _start(binary, port, environ)


@asynccontextmanager
async def local_sfu(progress: Progress | None = None, *, port: int | None = None) -> AsyncIterator[LocalSfu]:
    """As `start_sfu`, without blocking the loop; stops the server at the end, cancelled or not."""
    starting = asyncio.create_task(asyncio.to_thread(start_sfu, progress, port=port))
    try:
        server = await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_stop_late)  # its thread cannot be cancelled
        raise
    try:
        yield server
    finally:
        await asyncio.shield(asyncio.to_thread(server.stop))


def _stop_late(starting: asyncio.Task[LocalSfu]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().stop()


def _silent(_: str) -> None:
    pass


def _existing(url: str, environ: Mapping[str, str]) -> LocalSfu:
    key = environ.get("LIVEKIT_API_KEY", "").strip()
    secret = environ.get("LIVEKIT_API_SECRET", "").strip()
    if not key or not secret:
        missing = "LIVEKIT_API_KEY" if not key else "LIVEKIT_API_SECRET"
        raise ServerUnavailable(
            f"LIVEKIT_URL is set but {missing} is not",
            value=url,
            hint=f"Set {missing}, or unset LIVEKIT_URL.",
        )
    _sfu_probe.check(url, key, secret)
    return LocalSfu(url=url, api_key=key, api_secret=secret)


def _start(binary: Path, port: int | None, environ: Mapping[str, str]) -> LocalSfu:
    secret = secrets.token_urlsafe(32)
    log_path = _new_log(cache_dir(environ) / "logs")
    for _ in range(PORT_TRIES):
        try:
            ports = free_ports(port)
        except (OSError, OverflowError) as error:
            raise ConfigError("--port", port, f"a free TCP port; {port} is taken or not allowed") from error
        child = _launch(binary, ports, secret, log_path, environ)
        url = f"ws://{HOST}:{ports.http}"
        try:
            ready = _wait_ready(child, url, secret)
        except BaseException:
            child.stop()
            raise
        if ready:
            return LocalSfu(url, KEY, secret, log_path, child.pid, child)
        if "address already in use" not in _tail(log_path):
            break
    raise ServerUnavailable(
        "livekit-server does not start",
        value=f"{binary}: {_last_line(log_path)}",
        hint=f"Its log: {log_path}.",
    )


def _launch(binary: Path, ports: Ports, secret: str, log_path: Path, environ: Mapping[str, str]) -> Child:
    # No LIVEKIT_* of the user's may change the configuration, which goes in by a variable: the secret is
    # never in a file, nor in the arguments that every user of the machine can list.
    env = {name: value for name, value in environ.items() if not name.startswith("LIVEKIT_")}
    env["LIVEKIT_CONFIG"] = render(ports, KEY, secret)
    with log_path.open("ab") as log:
        return Child([str(binary)], env=env, output=log, grace_s=STOP_GRACE_S)


def _wait_ready(child: Child, url: str, secret: str) -> bool:
    """Waits until the server takes our key: another one on the same port would refuse it."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while child.poll() is None and time.monotonic() < deadline:
        if _sfu_probe.answers(url, timeout_s=1.0):
            try:
                return _sfu_probe.check(url, KEY, secret)
            except ServerUnavailable:
                pass  # answers, but is not ready or not ours
        time.sleep(READY_POLL_S)
    child.stop()
    return False


def _new_log(folder: Path) -> Path:
    """An empty log file in ``folder``, for the owner's eyes; the oldest ones go."""
    folder.mkdir(parents=True, exist_ok=True)
    old = sorted(folder.glob("livekit-server-*.log"), key=lambda path: path.name)
    for path in old[: max(0, len(old) - KEEP_LOGS + 1)]:
        path.unlink(missing_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    handle, name = tempfile.mkstemp(prefix=f"livekit-server-{stamp}-", suffix=".log", dir=folder)
    os.close(handle)
    return Path(name)


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        return file.read().decode(errors="replace")


def _last_line(path: Path) -> str:
    lines = [line for line in _tail(path).splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it says nothing"
