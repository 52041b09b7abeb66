"""What the verbs share: output for people, progress, and the processes that a verb starts."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

from rich.console import Console

from antiphon.agents.errors import ModelUnavailable
from antiphon.workers.guardian import Guarded
from antiphon.workers.sfu import LocalSfu, start_sfu

__all__ = ["Progress", "console", "pairs", "progress", "running_sfu", "start_model", "start_worker"]

console = Console(highlight=False)
_err = Console(stderr=True, highlight=False)

MODEL_READY_S = 120.0  # s; a cold disk takes most of it, 3 to 5 s are usual
WORKER_GRACE_S = 10.0  # s to SIGKILL; closing a call takes one or two
PLAIN_EVERY_S = 10.0  # s between two lines of one step's progress where there is no terminal


Progress = Callable[[str], None]


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


@contextmanager
def running_sfu(port: int = 0) -> Iterator[LocalSfu]:
    """A LiveKit server, as `start_sfu` finds it, with progress shown; stopped at the end if it is ours."""
    with progress("Looking for a LiveKit server") as tell:
        server = start_sfu(tell, port=port, local_only=port != 0)
    try:
        yield server
    finally:
        server.stop()


def start_model() -> tuple[Guarded, str]:
    """The local model in a process of its own, once it listens, and its ``base_url``.

    Raises:
        ModelUnavailable: It did not start; with what it said.
    """
    folder = Path(tempfile.mkdtemp(prefix="antiphon-model-"))
    log_path = folder / "model.log"
    with log_path.open("wb") as log:
        process = Guarded(
            [sys.executable, "-m", "antiphon.plugins.local"], stdout=PIPE, output=log, grace_s=3.0
        )
    line = b""
    try:
        timer = threading.Timer(MODEL_READY_S, process.send_signal, (15,))
        timer.start()
        if process.stdout is not None:
            line = process.stdout.readline()
        timer.cancel()
        timer.join()
        if line:
            return process, str(json.loads(line)["base_url"])
    except BaseException:
        process.stop()
        raise
    process.stop()
    said = [text for text in log_path.read_text(errors="replace").splitlines() if text.strip()]
    raise ModelUnavailable(
        "the local model did not start",
        value=said[-1].removeprefix("error: ")[:300] if said else "it said nothing",
        hint=f"Its log: {log_path}.",
    )


def start_worker(app: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Guarded:
    """`agent start APP` in a process of its own, which says on our terminal what it has to say."""
    command = [sys.executable, "-m", "antiphon.workers.cli", "start", app, *arguments]
    return Guarded(command, env={**os.environ, **environ}, grace_s=WORKER_GRACE_S)
