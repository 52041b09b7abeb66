"""``agent start``: one worker, in this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["App", "Executor", "LogFormat", "LogLevel", "LogPersonal", "start"]

App = Annotated[
    str, typer.Argument(metavar="APP", help="The file with your AgentServer: bot.py, or bot.py:name.")
]
Executor = Annotated[
    Literal["thread", "process", "app"],
    typer.Option(
        envvar="ANTIPHON_EXECUTOR",
        help="Calls as threads of one process, a process each, or as the app says.",
    ),
]
LogFormat = Annotated[
    Literal["json", "console"], typer.Option(envvar="ANTIPHON_LOG_FORMAT", help="How logs are written.")
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option(envvar="ANTIPHON_LOG_LEVEL", help="Least level that is logged."),
]
LogPersonal = Annotated[
    bool,
    typer.Option("--log-personal", envvar="ANTIPHON_LOG_PERSONAL", help="Log transcripts and identities."),
]


def start(
    app: App,
    url: Annotated[
        str | None, typer.Option(envvar="LIVEKIT_URL", help="Your LiveKit server, ws:// or wss://.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(envvar="LIVEKIT_API_KEY", help="Its key.")] = None,
    api_secret: Annotated[
        str | None,
        typer.Option(envvar="LIVEKIT_API_SECRET", help="Its secret; better in the environment."),
    ] = None,
    executor: Executor = "thread",
    slots: Annotated[
        int, typer.Option(envvar="ANTIPHON_SLOTS", help="Calls that this worker takes at a time.")
    ] = 20,
    drain: Annotated[
        float,
        typer.Option(envvar="ANTIPHON_DRAIN", help="How long calls may go on after the first signal, s."),
    ] = 1800.0,
    log_format: LogFormat = "json",
    log_level: LogLevel = "info",
    log_personal: LogPersonal = False,
    development: Annotated[bool, typer.Option("--development", hidden=True)] = False,
    ready_file: Annotated[Path | None, typer.Option("--ready-file", hidden=True)] = None,
) -> int:
    """Run an app in production, until a signal: the first drains, the second stops at once.

    APP is any livekit-agents app, unchanged: its AgentServer is found and run. Exit code 3 when it cannot
    start.
    """
    from antiphon.agents.logs import configure
    from antiphon.workers.probe import check_environ

    for name, value in (
        ("LIVEKIT_URL", url),
        ("LIVEKIT_API_KEY", api_key),
        ("LIVEKIT_API_SECRET", api_secret),
    ):
        if value:
            os.environ[name] = value
    check_environ(os.environ)  # before the app's imports, which take seconds
    configure(format=log_format, personal=log_personal, level=log_level)
    from antiphon.workers.appfile import load_app
    from antiphon.workers.worker import WorkerSettings, run_worker

    settings = WorkerSettings(executor=executor, slots=slots, dev=development, drain_s=drain)
    return run_worker(
        load_app(app),
        settings,
        log_format=log_format,
        log_level=log_level,
        log_personal=log_personal,
        ready_file=ready_file,
    )
