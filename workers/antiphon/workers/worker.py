"""Runs one `AgentServer` in this process: `agent start`, and the child under `agent dev`.

An app written for livekit-agents runs unchanged; what differs is set from outside: it listens on
loopback, its load is calls over slots, its jobs may run as threads of one process, and its logs go
through ours. The first signal drains, the second stops at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from livekit.agents import AgentServer, JobExecutorType

from antiphon.agents.errors import ConfigError
from antiphon.agents.logs import configure, get_logger
from antiphon.workers.probe import check_environ

__all__ = ["EXIT_FAILED_START", "WorkerSettings", "preflight", "run_worker"]

log = get_logger(__name__)

EXIT_FAILED_START = 3  # as uvicorn: a supervisor need not restart what cannot start


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker runs.

    Raises:
        ConfigError: A value is out of its range.
    """

    executor: Literal["thread", "process", "app"] = "thread"
    """Where jobs run: threads of this process, a process each, or as the app says."""
    slots: int = 20
    """Calls this process takes at a time."""
    dev: bool = False
    """livekit-agents' development mode, and no draining."""
    drain_s: float = 1800.0
    """How long running calls may go on after the first signal, s."""

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= 1000:
            raise ConfigError("slots", self.slots, "1 to 1000")
        if self.executor not in ("thread", "process", "app"):
            raise ConfigError("executor", self.executor, "thread, process or app")
        if not 0 <= self.drain_s <= 86_400:
            raise ConfigError("drain", self.drain_s, "0 to 86400 s")


async def preflight(environ: Mapping[str, str]) -> None:
    """`probe.check_environ` without blocking the loop; raises what it raises."""
    await asyncio.to_thread(check_environ, environ)


def prepare(server: AgentServer, settings: WorkerSettings) -> None:
    """Sets an app's server up for this process."""
    environ = os.environ
    server.update_options(
        ws_url=environ["LIVEKIT_URL"],
        api_key=environ["LIVEKIT_API_KEY"],
        api_secret=environ["LIVEKIT_API_SECRET"],
    )
    if not server._host:  # every interface, unless the app said otherwise
        server._host = "127.0.0.1"
        server._port = 0
    if settings.executor != "app":
        thread = settings.executor == "thread"
        server._job_executor_type = JobExecutorType.THREAD if thread else JobExecutorType.PROCESS
        server._num_idle_processes = 1 if thread else min(2, settings.slots)
    server.load_fnc = lambda worker: len(worker.active_jobs) / settings.slots
    server._load_threshold = 1.0 - 0.5 / settings.slots  # full at exactly `slots` calls
    server._drain_timeout = int(settings.drain_s)


def run_worker(
    server: AgentServer,
    settings: WorkerSettings,
    *,
    log_format: Literal["json", "console"],
    log_level: str = "info",
    log_personal: bool = False,
    ready_file: Path | None = None,
) -> int:
    """Runs until a signal; returns the exit code.

    Args:
        server: The app's.
        settings: How it runs.
        log_format: Of the logs, which go to standard error.
        log_level: Least level that is logged.
        log_personal: Whether transcripts and identities are logged.
        ready_file: Made once calls can come, for a process that waits for that.

    Raises:
        AntiphonError: It cannot start (see `probe.check_environ`).
    """
    configure(format=log_format, personal=log_personal, level=log_level)
    check_environ(os.environ)
    prepare(server, settings)
    if ready_file is not None:
        server.once("worker_registered", lambda *_: ready_file.touch())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_serve(server, settings))
    finally:
        _finish(loop)


async def _serve(server: AgentServer, settings: WorkerSettings) -> int:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            log.warning("stopped at once by a second signal", calls=len(server.active_jobs))
            os._exit(1)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    running = loop.create_task(server.run(devmode=settings.dev), name="worker")
    waiting = loop.create_task(asked.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    code = 0
    if running.done() and (error := running.exception()) is not None:
        log.error("the worker stopped", error=str(error))
        return EXIT_FAILED_START
    try:
        if not settings.dev:
            log.info("draining: no new calls, running ones end by themselves", calls=len(server.active_jobs))
            await server.drain()
    except TimeoutError:
        log.warning("calls were still running at the end of the drain", calls=len(server.active_jobs))
        code = 1
    await server.aclose()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    log.info("the worker is gone")
    return code


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels what is left and closes the loop. Job threads that hang do not keep the process."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=2.0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    hung = [t for t in threading.enumerate() if not t.daemon and t is not threading.main_thread()]
    if hung:
        log.debug("threads left at the end", threads=[t.name for t in hung])
