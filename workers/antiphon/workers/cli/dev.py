"""`agent dev APP`: the app with everything it needs around it, restarted when it changes."""

from __future__ import annotations

import ast
import contextlib
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from watchfiles import PythonFilter, watch

from antiphon.agents.errors import AppError, ModelUnavailable, ServerUnavailable
from antiphon.workers.cli.common import (
    LocalModel,
    Worker,
    call_command,
    console,
    end_on_signal,
    progress,
    running_model,
    running_sfu,
)
from antiphon.workers.cli.start import App, Executor, LogLevel
from antiphon.workers.sfu import LocalSfu
from antiphon.workers.tokens import make_token

__all__ = ["Surroundings", "dev", "surroundings"]

_NEEDLESS = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
_LOOK_MS = 500  # between two looks at whether everything still runs


class Surroundings:
    """What an app runs against: a server, and a model if it has none of its own."""

    def __init__(self, server: LocalSfu, environ: dict[str, str], model: LocalModel | None) -> None:
        self.server = server
        self.environ = environ
        self.model = model
        """The local model; None if the app has another."""

    def token(self, room: str, identity: str, agent: str = "") -> str:
        """To join a room, with the agent of that name."""
        return make_token(
            api_key=self.server.api_key,
            api_secret=self.server.api_secret,
            room=room,
            identity=identity,
            agent=agent,
        )

    def check(self) -> None:
        """Returns while everything runs.

        Raises:
            ServerUnavailable: The server we started ended.
            ModelUnavailable: The model did.
        """
        if not self.server.running:
            raise ServerUnavailable(
                "the LiveKit server ended by itself", hint=f"Its log: {self.server.log_path}."
            )
        if self.model is not None and (code := self.model.process.poll()) is not None:
            raise ModelUnavailable(
                "the local model ended by itself",
                value=f"exit code {code}",
                hint=f"Its log: {self.model.log_path}. Start it all again.",
            )


@contextlib.contextmanager
def surroundings() -> Iterator[Surroundings]:
    """A LiveKit server unless ``LIVEKIT_URL`` names one, and the local model unless a key or URL does."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_sfu())
        environ = {**os.environ, **server.environment()}
        model: LocalModel | None = None
        if not any(os.environ.get(name) for name in _NEEDLESS):
            with progress("Loading the local model (a demonstration) …"):
                model = stack.enter_context(running_model())
            environ.update(OPENAI_BASE_URL=model.base_url, OPENAI_API_KEY="local")
        yield Surroundings(server, environ, model)


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
    reload: Annotated[
        bool,
        typer.Option(envvar="ANTIPHON_RELOAD", help="Restart the app when a file of its folder changes."),
    ] = True,
) -> None:
    """Run an app here: local server and model if none is configured, restarted when it changes."""
    end_on_signal()
    path = Path(app.partition(":")[0])
    if not path.is_file():
        raise AppError("there is no such application", value=app, hint="Give the path of a .py file.")
    arguments = ["--executor", executor, "--development", "--log-format", "console", "--log-level", log_level]
    if log_personal:
        arguments.append("--log-personal")
    try:
        with surroundings() as around:
            _run(app, path.resolve().parent, arguments, around, reload)
    except KeyboardInterrupt:
        console.print("Stopped.")


def _run(app: str, folder: Path, arguments: list[str], around: Surroundings, reload: bool) -> None:
    """Until Ctrl-C, or until the app ends before it ever ran; then a fault is mended and reloaded."""
    stop = threading.Event()
    changes = watch(
        folder,
        watch_filter=PythonFilter(),
        stop_event=stop,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
    )
    worker = Worker(app, arguments, around.environ)
    try:
        next(changes)  # from here on no change is missed, while the app starts neither
        if not worker.wait_ready():
            raise typer.Exit(worker.poll() or 1)  # its one line is above
        introduce(around, agent_name(app))
        for changed in changes:
            around.check()
            if changed and reload:
                names = ", ".join(sorted({Path(name).name for _, name in changed}))
                console.print(f"[bold]{names} changed; restarting the app[/]")
                worker.stop()
                worker = Worker(app, arguments, around.environ)
            elif not reload and (code := worker.poll()) is not None:
                raise typer.Exit(code)
    finally:
        stop.set()
        worker.stop()


def agent_name(app: str) -> str:
    """The name under which the app's agent is dispatched; empty if it has none or says none plainly.

    Read off the file, without running it: the app runs in the worker, not here. The environment has its say
    as in livekit-agents.
    """
    if override := os.environ.get("LIVEKIT_AGENT_NAME_OVERRIDE"):
        return override
    try:
        tree = ast.parse(Path(app.partition(":")[0]).read_bytes())
    except (SyntaxError, ValueError):
        return ""  # the worker says what is wrong with it
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.keyword) or node.arg != "agent_name":
            continue
        value = constants.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(node.value, ast.Constant):
            value = node.value.value
        if isinstance(value, str) and value:
            return value
    return os.environ.get("LIVEKIT_AGENT_NAME", "")


def introduce(around: Surroundings, agent: str = "") -> None:
    """Says where everything is and how to call."""
    server = around.server
    console.print(f"LiveKit server: [bold]{server.url}[/] ({server.found})", soft_wrap=True)
    if server.log_path is not None:
        console.print(f"  its log: {server.log_path}", soft_wrap=True)
    if around.model is not None:
        console.print(
            "Model: the local one, a demonstration; set OPENAI_API_KEY for OpenAI's", soft_wrap=True
        )
    console.print(f"Call {agent or 'it'} from another terminal:", markup=False, soft_wrap=True)
    room = f"try-{secrets.token_hex(3)}"  # new: the agent is dispatched into a room as it is made
    token = around.token(room, "you", agent)
    console.print(f"  {call_command(server.url, token)}", markup=False, soft_wrap=True)
    console.print(
        "or with any LiveKit client: that address, that token. Ctrl-C stops everything.", soft_wrap=True
    )
