"""`agent demo`: a whole call on this machine, proved by a recorded one, then open for yours."""

from __future__ import annotations

import asyncio
import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from antiphon.agents.errors import AppError
from antiphon.workers.cli.common import Worker, console, end_on_signal, progress, show_files
from antiphon.workers.cli.dev import Surroundings, introduce, surroundings

__all__ = ["demo"]

INTERRUPT_AT_S = 1.5  # s after the reply began; chosen, in the midst of its first sentence
LOOK_S = 0.25  # s between two looks at whether everything still runs


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the recorded call: 0 if it went well.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the recording.", envvar="ANTIPHON_CALLS")] = Path(
        "calls"
    ),
) -> None:
    """Start a server, a model and an agent, place a recorded call to prove it, and stay up for yours."""
    from antiphon.workers import demo_app

    end_on_signal()
    try:
        with surroundings() as around:
            arguments = ["--development", "--log-format", "console", "--log-level", "error"]
            worker = Worker(str(demo_app.__file__), arguments, around.environ)
            try:
                with progress("Starting the agent"):
                    if not worker.wait_ready():
                        raise typer.Exit(worker.poll() or 1)  # its one line is above
                ok = _prove(around, out / time.strftime("%Y%m%d-%H%M%S"))
                if once or not ok:
                    raise typer.Exit(0 if ok else 1)
                introduce(around)
                while (code := worker.poll()) is None:
                    around.check()
                    time.sleep(LOOK_S)
                raise AppError(
                    "the agent ended by itself", value=f"exit code {code}", hint="Its message is above."
                )
            finally:
                worker.stop()
    except KeyboardInterrupt:
        console.print("Stopped.")


def _prove(around: Surroundings, folder: Path) -> bool:
    """One recorded call: a question, its answer, an interruption. Says what happened.

    Raises:
        RoomError: No agent came.
    """
    from antiphon.workers.caller import place_call

    clips = files("antiphon.workers") / "data"
    with progress("Placing a recorded call (about 20 s)"):
        result = asyncio.run(
            place_call(
                url=around.server.url,
                api_key=around.server.api_key,
                api_secret=around.server.api_secret,
                say=[str(clips / "weather_question.flac")],
                interrupt_with=str(clips / "i_dont_understand.flac"),
                interrupt_at_s=INTERRUPT_AT_S,
                out_dir=folder,
            )
        )
    exchange = result.exchanges[0]
    who = {"user": "The caller, as understood:", "agent": "The agent, as heard:      "}
    for line in result.lines:
        if line.text.strip():
            console.print(who.get(line.speaker, line.speaker), end=" ")
            console.print(line.text.strip(), style="bold", markup=False, soft_wrap=True)
    if exchange.response_s is None:
        console.print("[bold red]The agent was not heard.[/]")
    else:
        console.print(f"Response after {exchange.response_s * 1000:.0f} ms, from the end of the question")
    if exchange.interrupted_s is not None:
        console.print(f"Interrupted: silent {exchange.interrupted_s * 1000:.0f} ms after the person began")
    show_files(result)
    return result.answered
