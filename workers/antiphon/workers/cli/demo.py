"""`agent demo`: a whole call on this machine, proved by a recorded one, then open for yours."""

from __future__ import annotations

import asyncio
import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from antiphon.agents.errors import AntiphonError, RoomError
from antiphon.workers.cli.common import console, progress, start_worker
from antiphon.workers.cli.dev import Surroundings, introduce, surroundings

__all__ = ["demo"]

_ATTEMPTS = 3


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the recorded call: 0 if it went well.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the recording.", envvar="ANTIPHON_CALLS")] = Path(
        "calls"
    ),
) -> None:
    """Start a server, a model and an agent, place a recorded call to prove it, and stay up for yours."""
    import signal

    from antiphon.workers import demo_app

    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        with surroundings() as around:
            arguments = ["--development", "--log-format", "console", "--log-level", "warning"]
            worker = start_worker(str(demo_app.__file__), arguments, around.environ)
            try:
                ok = _prove(around, out / time.strftime("%Y%m%d-%H%M%S"))
                if once or not ok:
                    raise typer.Exit(0 if ok else 1)
                introduce(around)
                while worker.poll() is None and around.server.running:
                    time.sleep(0.25)
                raise AntiphonError("the worker or the server ended", hint="Its message is above.")
            finally:
                worker.stop()
    except KeyboardInterrupt:
        console.print("Stopped.")


def _prove(around: Surroundings, folder: Path) -> bool:
    """One recorded call: a question, its answer, an interruption. Says what happened."""
    from antiphon.workers.caller import place_call

    clips = files("antiphon.workers") / "data"
    question, cut_in = clips / "weather_question.flac", clips / "hang_on_a_second.flac"
    with progress("Waiting for the worker, then placing a recorded call (about 20 s) …"):
        for attempt in range(_ATTEMPTS):
            try:
                result = asyncio.run(
                    place_call(
                        url=around.server.url,
                        api_key=around.server.api_key,
                        api_secret=around.server.api_secret,
                        say=[str(question)],
                        interrupt_with=str(cut_in),
                        interrupt_at_s=1.5,
                        out_dir=folder,
                        agent_timeout_s=12.0,
                    )
                )
                break
            except RoomError:  # dispatched before the worker had registered: that room stays empty
                if attempt == _ATTEMPTS - 1:
                    raise
    exchange = result.exchanges[0]
    asked = " ".join(line.text for line in result.lines if line.speaker == "user")
    replies = [line.text.strip() for line in result.lines if line.speaker == "agent" and line.text.strip()]
    console.print(f"The caller asked, and was understood as: [bold]{asked or '(nothing)'}[/]", soft_wrap=True)
    for reply in replies:
        console.print(f"The agent said: [bold]{reply}[/]", soft_wrap=True)
    if exchange.response_s is None:
        console.print("[bold red]The agent was not heard.[/]")
    else:
        console.print(f"Response after {exchange.response_s * 1000:.0f} ms, from the end of the question")
    if exchange.interrupted_s is not None:
        console.print(f"Interrupted: silent {exchange.interrupted_s * 1000:.0f} ms after the person began")
    for name, path in (
        ("recording", result.recording),
        ("timeline", result.timeline),
        ("picture", result.picture),
    ):
        if path is not None:
            console.print(f"  {name}: {path}", soft_wrap=True)
    return result.answered
