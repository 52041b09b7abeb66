"""`agent conformance`: a realtime model or server is put to the checks, and a table says what came of it.

Exit code 1 if a check failed, and for a model that is none or cannot be reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from antiphon.workers.cli.common import console, progress, running_model

if TYPE_CHECKING:
    from antiphon.workers.conformance.checks import Result
    from antiphon.workers.conformance.targets import Target

__all__ = ["conformance"]

_SIGNS = {"passed": "[green]passed[/]", "failed": "[bold red]failed[/]", "skipped": "[dim]skipped[/]"}


def conformance(
    model: Annotated[
        str,
        typer.Argument(
            help="local; an address (ws://…, http://…); openai, webrtc, continuity, tiers or cascade; "
            "or module:factory of any RealtimeModel."
        ),
    ],
    key: Annotated[
        str, typer.Option(envvar="OPENAI_API_KEY", help="Key for a server at an address.", show_envvar=True)
    ] = "",
    name: Annotated[str, typer.Option("--model", help="Model to ask a server at an address for.")] = "",
    responses: Annotated[
        int, typer.Option(min=1, max=10_000, help="Responses whose order of events is checked.")
    ] = 30,
    only: Annotated[str, typer.Option(help="Run the checks with this in their name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of the table.")] = False,
) -> None:
    """Check a realtime server from outside, or a RealtimeModel as livekit-agents uses it.

    Ours, and a factory that takes base_url, are also checked over a server with scripted faults. They talk
    to OPENAI_BASE_URL if it is set, else to a local model started for the check.
    """
    from antiphon.agents.logs import configure
    from antiphon.workers.conformance.targets import find_target

    configure(format="console", level="critical")  # what a check provokes is in its result …
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # … also where livekit leaves it in a future
    target = find_target(model, key=key, model=name, responses=responses)
    results = _run(target, only)
    if as_json:
        print(json.dumps({"model": model, "results": [asdict(result) for result in results]}, indent=2))
    else:
        _print(model, results)
    if not results or any(result.outcome == "failed" for result in results):
        raise typer.Exit(1)


def _run(target: Target, only: str) -> list[Result]:
    from antiphon.workers.conformance.targets import run_target

    with contextlib.ExitStack() as stack:
        address = ""
        if target.needs_server:
            given = os.environ.get("OPENAI_BASE_URL") if target.server is None else None
            if given:
                address = given
            else:
                with progress("Starting the local model"):
                    address = stack.enter_context(running_model()).base_url
        tell: Callable[[str], None] = stack.enter_context(progress(f"Checking {target.name}"))
        return asyncio.run(
            run_target(target, local_url=address, only=only, on_begin=lambda check: tell(f"Check {check}"))
        )


def _print(model: str, results: Sequence[Result]) -> None:
    if not results:
        console.print("No check has that in its name.")
        return
    table = Table(
        "check", "result", "s", "what was seen", title=f"Conformance of {model}", title_justify="left"
    )
    for result in results:
        table.add_row(result.name, _SIGNS[result.outcome], f"{result.took_s:.1f}", _escaped(result.why))
    console.print(table)
    counts = {kind: sum(result.outcome == kind for result in results) for kind in _SIGNS}
    console.print(", ".join(f"{count} {kind}" for kind, count in counts.items() if count))


def _escaped(text: str) -> str:
    """What a server said is no markup of ours."""
    from rich.markup import escape

    return escape(text)
