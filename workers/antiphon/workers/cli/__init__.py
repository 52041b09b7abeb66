"""The ``agent`` command: one module a verb, loaded only when its verb is asked for.

Exit codes: 0 done, 1 an error of ours (one line on standard error), 2 wrong usage, 3 a failed start,
130 interrupted. No stack trace unless ``--debug`` asks for it. A verb whose module cannot be imported, say
because an extra is missing, breaks no other verb.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from antiphon.agents.errors import AntiphonError, MisuseError

__all__ = ["EXIT_ERROR", "EXIT_FAILED_START", "EXIT_INTERRUPTED", "EXIT_USAGE", "VERBS", "main"]

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_FAILED_START = 3  # as uvicorn: a supervisor need not restart what cannot start
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

VERBS = {
    "demo": "Try it: a local server, model and agent, a recorded call, and then yours.",
    "dev": "Run an app while you write it; brings what is missing, reloads on change.",
    "start": "Run an app in production: JSON logs, drains on the first signal.",
    "call": "Call an agent as a person would, with sound files or a microphone.",
    "sfu": "Run a LiveKit server on this machine's loopback.",
    "model": "Run the local realtime model (a demonstration model).",
    "replay": "Show what turn taking would do with a recording or a labelled corpus.",
    "bench": "Measure response, barge-in and resume at the caller's ear.",
    "conformance": "Check a realtime model, or a server of the protocol, and show what it does wrong.",
    "doctor": "Check this machine; each failure comes with the command to run.",
}
_FAILED_START_VERBS = frozenset({"start", "dev"})

# Typer has carried its own copy of click since 0.24 and used click's before; its public names lead to both.
_UsageError, _ClickException = typer.BadParameter.__mro__[1:3]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"antiphon {version('antiphon')} (livekit-agents {version('livekit-agents')})")
        raise typer.Exit


def _root(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="ANTIPHON_DEBUG", help="Show where an error came from.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Voice agents in LiveKit rooms."""
    if debug:
        os.environ["ANTIPHON_DEBUG"] = "1"


def _load(verb: str) -> Callable[..., object]:
    """The verb's function. An import that fails becomes a function that says so."""
    try:
        module = importlib.import_module(f"antiphon.workers.cli.{verb}")
        function: Callable[..., object] = getattr(module, verb)
    except ImportError as error:
        reason = str(error)
        name = getattr(error, "name", None) or "what it needs"

        def unavailable() -> None:
            raise MisuseError(
                f"`agent {verb}` cannot be loaded",
                value=reason,
                hint=f'Install {name}, or everything with: pip install "antiphon[local,webrtc]".',
            )

        return unavailable
    return function


def _app(verb: str | None) -> typer.Typer:
    """The command line, with only ``verb`` loaded; the others are known by their one line."""
    app = typer.Typer(
        name="agent", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_root)
    for name, summary in VERBS.items():
        function = _load(name) if name == verb else (lambda: None)
        app.command(name, short_help=summary, help=None if name == verb else summary)(function)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A server's short secret ("secret", in LiveKit's own development mode) is not ours to complain of.
    warnings.filterwarnings("ignore", message="The HMAC key is")
    verb = next((part for part in given if not part.startswith("-")), None)
    try:
        command = typer.main.get_command(_app(verb))
        code = command.main(args=given, prog_name="agent", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except AntiphonError as error:
        return _fail(error, str(error), EXIT_FAILED_START if verb in _FAILED_START_VERBS else EXIT_ERROR)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter complains at its end
        return EXIT_ERROR
    except Exception as error:  # the last resort: a person gets one line in place of a trace
        if isinstance(error, _UsageError):
            text = error.format_message()  # type: ignore[attr-defined]
            if not text:  # no verb: the help was shown
                return EXIT_USAGE
            where = f"agent {verb} --help" if verb in VERBS else "agent --help"
            return _fail(error, f"{text.rstrip('.')}. See `{where}`.", EXIT_USAGE)
        if isinstance(error, _ClickException):
            return _fail(error, error.format_message(), EXIT_ERROR)  # type: ignore[attr-defined]
        hint = "This is a fault of ours; with --debug it shows where."
        return _fail(error, f"{type(error).__name__}: {error}. {hint}", EXIT_ERROR)


def _fail(error: Exception, text: str, code: int) -> int:
    if os.environ.get("ANTIPHON_DEBUG"):
        import traceback

        traceback.print_exception(error)
    print("error: " + " ".join(text.split()), file=sys.stderr, flush=True)
    return code
