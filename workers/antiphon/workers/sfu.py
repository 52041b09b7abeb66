"""A LiveKit server to work with: yours, or one on this machine's loopback.

In this order: ``LIVEKIT_URL`` if it is set; ``livekit-server`` on PATH; one in the user's cache, by
version; one built there with ``go install``. A server that we start is hermetic: every port on loopback,
no STUN but itself, no telemetry, a key of its own, a log file; and it is gone when this process is,
whatever ends it. The log stays if the server failed or ended by itself, or its owner was killed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from antiphon.agents.errors import ConfigError, RoomError, ServerUnavailable
from antiphon.workers import probe, sfu_build
from antiphon.workers.guardian import Guarded

__all__ = ["LocalSfu", "find_server", "local_sfu", "start_sfu"]

Progress = Callable[[str], None]
_READY_S = 15.0  # s; a cold start takes about 0.3
_ATTEMPTS = 5  # a free port may be taken between finding and binding it

_CONFIG = """\
# Made for one run: everything on loopback, nothing said to the outside.
port: {http}
bind_addresses: ["127.0.0.1"]
keys: {{{key}: "{secret}"}}
rtc:
  node_ip: 127.0.0.1
  use_external_ip: false
  udp_port: {udp}
  tcp_port: 0
  enable_loopback_candidate: true
  interfaces: {{includes: [lo]}}
  ips: {{includes: ["127.0.0.1/32"]}}
  stun_servers: ["127.0.0.1:{stun}"]
agents: {{target_load: 1.0}}
# A room ends when the agent's session does (its grace time): who calls again later gets a new agent.
room: {{auto_create: true, empty_timeout: 60, departure_timeout: 10}}
logging: {{level: info, json: false}}
"""


@dataclass(slots=True)
class LocalSfu:
    """A server to use. ``stop`` ends it if it is ours."""

    url: str
    """``ws://`` or ``wss://``."""
    api_key: str
    api_secret: str = field(repr=False)
    log_path: Path | None = None
    """Its log; None for a server that is not ours."""
    found: str = ""
    """Where it came from, for people."""
    keep_log: bool = False
    """Whether `stop` leaves the log, e.g. because a person was told its name."""
    _process: Guarded | None = None

    @property
    def owned(self) -> bool:
        """Whether we started it."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The process to watch, if it is ours."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether it is still there, as far as we can tell."""
        return self._process is None or self._process.poll() is None

    def stop(self) -> None:
        """Ends a server that is ours, and removes its files; the log of one that ended by itself stays."""
        if self._process is None or self.log_path is None:
            return
        keep_log = self.keep_log or not self.running
        self._process.stop()
        self.log_path.with_suffix(".yaml").unlink(missing_ok=True)
        if not keep_log:
            shutil.rmtree(self.log_path.parent, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """What an app needs to find it."""
        return {
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self.api_secret,
        }


def start_sfu(
    progress: Progress | None = None,
    *,
    port: int = 0,
    environ: Mapping[str, str] | None = None,
    local_only: bool = False,
) -> LocalSfu:
    """Finds or starts a server; returns when it answers.

    Args:
        progress: Told what takes long, a line at a time.
        port: For a server of ours; 0 for a free one.
        environ: Instead of the process's environment.
        local_only: Start one here even if ``LIVEKIT_URL`` is set.

    Raises:
        ServerUnavailable: There is none to be had, or the one named does not answer.
        RoomError: The one named refuses the key.
        ConfigError: ``port`` is taken, or the URL came without key and secret.
    """
    environ = os.environ if environ is None else environ
    url = environ.get("LIVEKIT_URL")
    if url and not local_only:
        return _given(url, environ)
    binary, found = find_server(progress, environ)
    if port and not _is_free(port):
        raise ConfigError("port", port, "a free port of 127.0.0.1; leave it out to have one picked")
    said, log_path = "", None
    for _ in range(_ATTEMPTS):
        if log_path is not None:
            shutil.rmtree(log_path.parent, ignore_errors=True)
        started = _launch(binary, found, port)
        if isinstance(started, LocalSfu):
            return started
        log_path = started
        said = _last_line(log_path)
        if port or "address already in use" not in said:
            break
    raise ServerUnavailable(
        "the LiveKit server did not start", value=f"{binary}: {said}", hint=f"Its log: {log_path}."
    )


@asynccontextmanager
async def local_sfu(progress: Progress | None = None, *, port: int = 0) -> AsyncIterator[LocalSfu]:
    """`start_sfu`, and the end of it, without blocking the loop."""
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


def find_server(
    progress: Progress | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Path, str]:
    """The server's binary and where it came from, building it if need be.

    Raises:
        ServerUnavailable: With the three ways to get one.
    """
    environ = os.environ if environ is None else environ
    on_path = shutil.which("livekit-server", path=environ.get("PATH"))
    if on_path:
        return Path(on_path), "on PATH"
    cached = sfu_build.cached_binary(environ)
    if os.access(cached, os.X_OK):
        return cached, f"built {sfu_build.VERSION}"
    return sfu_build.build(progress or (lambda _: None), environ), f"built {sfu_build.VERSION}"


def _given(url: str, environ: Mapping[str, str]) -> LocalSfu:
    key, secret = environ.get("LIVEKIT_API_KEY", ""), environ.get("LIVEKIT_API_SECRET", "")
    if not key or not secret:
        missing = "LIVEKIT_API_KEY" if not key else "LIVEKIT_API_SECRET"
        raise ConfigError(missing, "", f"the value that belongs to LIVEKIT_URL ({url})")
    probe.check(url, key, secret)
    return LocalSfu(url=url, api_key=key, api_secret=secret, found="LIVEKIT_URL")


def _launch(binary: Path, found: str, port: int) -> LocalSfu | Path:
    """Starts the binary; its log if it never answered, or ended at once, as it does when a port is taken."""
    folder = Path(tempfile.mkdtemp(prefix="antiphon-sfu-"))
    log_path = folder / "livekit-server.log"
    key, secret = "dev" + secrets.token_hex(4), secrets.token_urlsafe(32)
    http, udp, stun = port or _free_port(), _free_port(socket.SOCK_DGRAM), _free_port(socket.SOCK_DGRAM)
    config = log_path.with_suffix(".yaml")
    config.touch(mode=0o600)
    config.write_text(_CONFIG.format(http=http, udp=udp, stun=stun, key=key, secret=secret))
    with log_path.open("wb") as log:
        process = Guarded([str(binary), "--config", str(config)], output=log, grace_s=0.2)
    server = LocalSfu(f"ws://127.0.0.1:{http}", key, secret, log_path, found, _process=process)
    deadline = time.monotonic() + _READY_S
    with ExitStack() as undo:
        undo.callback(server.stop)
        while server.running and time.monotonic() < deadline:
            if probe.answers(server.url, 0.5) and _is_ours(server):
                undo.pop_all()
                return server
            time.sleep(0.02)
        server.keep_log = True  # the error names it
    return log_path


def _is_ours(server: LocalSfu) -> bool:
    """Whether it takes the key that only our server has: another may have taken the port before it."""
    try:
        probe.check(server.url, server.api_key, server.api_secret, 2.0)
    except RoomError:  # ServerUnavailable is one too: not ready yet
        return False
    return True


def _last_line(log_path: Path) -> str:
    lines = [line for line in log_path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def _free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections do not take a port
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
        return True
