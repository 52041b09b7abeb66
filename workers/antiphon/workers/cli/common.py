"""What the verbs share: output for people, progress, and the processes that a verb starts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING

from rich.console import Console

from antiphon.agents.errors import ModelUnavailable
from antiphon.workers.guardian import Guarded
from antiphon.workers.sfu import LocalSfu, start_sfu

if TYPE_CHECKING:
    from antiphon.workers.caller import CallResult

__all__ = [
    "LocalModel",
    "Progress",
    "Worker",
    "call_command",
    "console",
    "end_on_signal",
    "pairs",
    "progress",
    "running_model",
    "running_sfu",
    "show_files",
]

console = Console(highlight=False)
_err = Console(stderr=True, highlight=False)

MODEL_READY_S = 120.0  # s; a cold disk takes most of it, 3 to 5 s are usual
WORKER_GRACE_S = 10.0  # s to SIGKILL; closing a call takes one or two
LOOK_S = 0.05  # s between two looks at whether a worker is ready
PLAIN_EVERY_S = 10.0  # s between two lines of one step's progress where there is no terminal


Progress = Callable[[str], None]


def end_on_signal() -> None:
    """Lets SIGTERM end a verb as Ctrl-C does: by `KeyboardInterrupt`, so that everything is cleaned up.

    A shell starts what runs in its background with SIGINT ignored; here it works nonetheless.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


@contextmanager
def progress(first: str) -> Iterator[Progress]:
    """Shows one step that takes a while: a moving line at a terminal, else a line now and then."""
    began = time.monotonic()
    if _err.is_terminal:
        with _err.status(first) as status:
            yield lambda text: status.update(f"{text} [dim]({time.monotonic() - began:.0f} s)[/dim]")
        return
    print(f"{first.rstrip(' …')} …", file=sys.stderr, flush=True)
    last = began

    def tell(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_EVERY_S:
            last = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    yield tell


def pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Prints names and values in two columns; a value stays on its line, to be copied."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        console.print(f"  [bold]{name:<{width}}[/bold]  ", end="")
        console.print(value, markup=False, soft_wrap=True)
    sys.stdout.flush()


def show_files(result: CallResult) -> None:
    """Says where a call's files are, those that were written."""
    for name, path in (
        ("recording", result.recording),
        ("timeline", result.timeline),
        ("picture", result.picture),
    ):
        if path is not None:
            console.print(f"  {name}: {path}", markup=False, soft_wrap=True)


def call_command(url: str, token: str) -> str:
    """The command that calls an agent, as it is typed here: by its path where no shell would find it."""
    own = Path(sys.executable).with_name("agent")
    found = shutil.which("agent")
    name = "agent"
    if own.exists() and not (found and own.samefile(found)):
        name = str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own)
    return f"{name} call --url {url} --token {token}"


@contextmanager
def running_sfu(port: int = 0) -> Iterator[LocalSfu]:
    """A LiveKit server, as `start_sfu` finds it, with progress shown; stopped at the end if it is ours."""
    with progress("Looking for a LiveKit server") as tell:
        server = start_sfu(tell, port=port, local_only=port != 0)
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class LocalModel:
    """The local realtime model in a process of its own."""

    base_url: str
    process: Guarded
    log_path: Path


@contextmanager
def running_model() -> Iterator[LocalModel]:
    """The local model, once it listens; stopped at the end. Its log stays only if it ended by itself.

    Raises:
        ModelUnavailable: It did not start; with what it said.
    """
    folder = Path(tempfile.mkdtemp(prefix="antiphon-model-"))
    log_path = folder / "model.log"
    with log_path.open("wb") as log:
        process = Guarded(
            [sys.executable, "-m", "antiphon.plugins.local"], stdout=PIPE, output=log, grace_s=3.0
        )
    try:
        line = _first_line(process, MODEL_READY_S)
        if not line:
            said = [text for text in log_path.read_text(errors="replace").splitlines() if text.strip()]
            raise ModelUnavailable(
                "the local model did not start",
                value=said[-1].removeprefix("error: ")[:300] if said else "it said nothing",
                hint=f"Its log: {log_path}.",
            )
        yield LocalModel(str(json.loads(line)["base_url"]), process, log_path)
    finally:
        if process.poll() is None:
            shutil.rmtree(folder, ignore_errors=True)
        process.stop()


def _first_line(process: Guarded, timeout: float) -> bytes:
    """What a process says first; empty if it ends without a word, as it is made to after the timeout, s."""
    timer = threading.Timer(timeout, process.send_signal, (signal.SIGTERM,))
    timer.start()
    try:
        return process.stdout.readline() if process.stdout is not None else b""
    finally:
        timer.cancel()
        timer.join()


class Worker:
    """`agent start APP` in a process of its own, which says on our terminal what it has to say."""

    def __init__(self, app: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="antiphon-worker-", ignore_cleanup_errors=True)
        self._ready = Path(self._folder.name) / "ready"
        command = [sys.executable, "-m", "antiphon.workers.cli", "start", app, *arguments]
        self._process = Guarded(
            [*command, "--ready-file", str(self._ready)],
            env={**os.environ, **environ},
            grace_s=WORKER_GRACE_S,
        )

    @property
    def ready(self) -> bool:
        """Whether calls can come, or could."""
        return self._ready.exists()

    def wait_ready(self) -> bool:
        """Waits until calls can come; False if the process ended before."""
        while not self.ready:
            if self.poll() is not None:
                return False
            time.sleep(LOOK_S)
        return True

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ends it and its calls."""
        self._process.stop()
        self._folder.cleanup()
