"""`agent dev APP`: the app with everything it needs around it, restarted when it changes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from watchfiles import PythonFilter, watch

from antiphon.workers.cli.common import console, progress, running_sfu, start_model, start_worker
from antiphon.workers.cli.start import App, Executor, LogLevel
from antiphon.workers.guardian import Guarded
from antiphon.workers.sfu import LocalSfu
from antiphon.workers.tokens import make_token

__all__ = ["Surroundings", "dev", "surroundings"]

_STARTUP_S = 20.0  # s; what ends sooner never ran
_NEEDLESS = ("OPENAI_API_KEY", "OPENAI_BASE_URL")


class Surroundings:
    """What an app runs against: a server, and a model if it has none of its own."""

    def __init__(self, server: LocalSfu, environ: dict[str, str], local_model: bool) -> None:
        self.server = server
        self.environ = environ
        self.local_model = local_model

    def token(self, room: str, identity: str, agent: str = "") -> str:
        """To join a room, with the agent of that name."""
        return make_token(
            api_key=self.server.api_key,
            api_secret=self.server.api_secret,
            room=room,
            identity=identity,
            agent=agent,
        )


@contextlib.contextmanager
def surroundings() -> Iterator[Surroundings]:
    """A LiveKit server unless ``LIVEKIT_URL`` names one, and the local model unless a key or URL does."""
    with running_sfu() as server:
        environ = {**os.environ, **server.environment()}
        process: Guarded | None = None
        try:
            if not any(os.environ.get(name) for name in _NEEDLESS):
                with progress("Loading the local model (a demonstration) …"):
                    process, base_url = start_model()
                environ.update(OPENAI_BASE_URL=base_url, OPENAI_API_KEY="local")
            yield Surroundings(server, environ, process is not None)
        finally:
            if process is not None:
                process.stop()


def dev(
    app: App,
    executor: Executor = "thread",
    log_level: LogLevel = "info",
    log_personal: Annotated[
        bool,
        typer.Option(
            envvar="ANTIPHON_LOG_PERSONAL", help="Log transcripts and identities, here only to you."
        ),
    ] = True,
    reload: Annotated[bool, typer.Option(help="Restart the app when a file of its folder changes.")] = True,
) -> None:
    """Run an app here: local server and model if none is configured, restarted when it changes."""
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    if not Path(app.partition(":")[0]).is_file():
        from antiphon.agents.errors import AppError

        raise AppError("there is no such application", value=app, hint="Give the path of a .py file.")
    with surroundings() as around:
        arguments = [
            "--executor",
            executor,
            "--development",
            "--log-format",
            "console",
            "--log-level",
            log_level,
        ]
        if log_personal:
            arguments.append("--log-personal")
        stop = threading.Event()
        worker = start_worker(app, arguments, around.environ)
        try:
            introduce(around, agent_name(app))
            changes = watch(
                Path(app.partition(":")[0]).resolve().parent,
                watch_filter=PythonFilter(),
                stop_event=stop,
                rust_timeout=500,
                yield_on_timeout=True,
                raise_interrupt=True,
            )
            began, started = False, time.monotonic()
            for changed in changes:
                if changed and reload:
                    names = ", ".join(sorted({Path(path).name for _, path in changed}))
                    console.print(f"[bold]{names} changed; restarting the app[/]")
                    worker.stop()
                    worker = start_worker(app, arguments, around.environ)
                    began = True
                elif worker.poll() is not None and not (reload and began):
                    raise typer.Exit(worker.wait())  # its one line is above
                elif worker.poll() is None and time.monotonic() - started > _STARTUP_S:
                    began = True  # it has run: from here on a fault is mended and reloaded
        except KeyboardInterrupt:
            console.print("Stopping …")
        finally:
            stop.set()
            worker.stop()


def agent_name(app: str) -> str:
    """The name under which the app's agent is dispatched; empty if it has none or says none plainly.

    Read off the file, without running it: the app runs in the worker, not here.
    """
    source = Path(app.partition(":")[0]).read_text(encoding="utf-8", errors="replace")
    found = re.search(r"""agent_name\s*=\s*["']([^"']+)["']""", source)
    return found.group(1) if found else ""


def introduce(around: Surroundings, agent: str = "") -> None:
    """Says where everything is and how to call."""
    server = around.server
    console.print(f"LiveKit server: [bold]{server.url}[/] ({server.found})", soft_wrap=True)
    if server.log_path is not None:
        console.print(f"  its log: {server.log_path}", soft_wrap=True)
    if around.local_model:
        console.print(
            "Model: the local one, a demonstration; set OPENAI_API_KEY for OpenAI's", soft_wrap=True
        )
    console.print("Call it from another terminal:", soft_wrap=True)
    token = around.token("demo", "you", agent)
    console.print(f"  agent call --url {server.url} --token {token}", soft_wrap=True)
    console.print(
        "or with any LiveKit client: that address, that token. Ctrl-C stops everything.", soft_wrap=True
    )
