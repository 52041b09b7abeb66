"""`agent bench`: figures taken at the caller's ear and on the model's wire."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.agents.errors import ConfigError
from antiphon.workers.cli.common import console, progress

if TYPE_CHECKING:
    from antiphon.workers.bench.harness import Machine
    from antiphon.workers.bench.scenarios import Trial

__all__ = ["bench"]

_ALL = ("response", "barge-in", "resume", "blocked", "cold-start", "density")


def bench(
    scenarios: Annotated[str, typer.Argument(help=f"Comma-separated, of: {', '.join(_ALL)}.")] = (
        "response,barge-in,resume,blocked"
    ),
    repeats: Annotated[int, typer.Option(min=1, max=500, help="Trials a scenario.")] = 10,
    arm: Annotated[str, typer.Option(help="antiphon, or livekit-agents to compare with.")] = "antiphon",
    executor: Annotated[str, typer.Option(help="thread or process.")] = "thread",
    as_json: Annotated[
        str, typer.Option("--json", help="Write every trial to this file; - for output.")
    ] = "",
) -> None:
    """Measure response, barge-in, resume and costs with a local server and a scripted model.

    Everything is scored from what a caller's ear gets and the model's wire sees; harness and agent run
    on different cores.
    """
    from antiphon.workers.bench.harness import machine

    wanted = [name.strip() for name in scenarios.split(",") if name.strip()]
    for name in wanted:
        if name not in _ALL:
            raise ConfigError("scenarios", name, ", ".join(_ALL))
    if arm not in ("antiphon", "livekit-agents"):
        raise ConfigError("--arm", arm, "antiphon or livekit-agents")
    if executor not in ("thread", "process"):
        raise ConfigError("--executor", executor, "thread or process")
    command = "agent " + " ".join(sys.argv[1:])
    with progress("Starting server, model and agent") as told:
        trials = asyncio.run(_run(set(wanted), repeats, arm, executor, told))
    here = machine()
    if as_json:
        _write(as_json, trials, here, command, arm, executor)
    if as_json != "-":
        _print(trials, here, command)


async def _run(
    wanted: set[str], repeats: int, arm: str, executor: str, told: Callable[[str], None]
) -> list[Trial]:
    from antiphon.workers.bench import costs, scenarios
    from antiphon.workers.bench.harness import Bench

    dice = random.Random(1)
    trials: list[Trial] = []
    in_call = wanted & set(scenarios.SCENARIOS)
    async with Bench(arm, executor) as rig:
        if in_call:
            told("transport floor")
            trials += await scenarios.floor(rig, repeats)
            async with rig.call() as caller:
                for number in range(repeats):
                    told(f"round {number + 1} of {repeats}: {', '.join(sorted(in_call))}")
                    trials += await scenarios.cycle(rig, caller, in_call, dice)
        if "cold-start" in wanted:
            told("cold start")
            trials += await costs.cold_start(rig, repeats)
        if "density" in wanted:
            told("calls that share a process")
            trials += await costs.density(rig, (1, 4), 11.0)
    return trials


def _write(target: str, trials: list[Trial], here: Machine, command: str, arm: str, executor: str) -> None:
    from antiphon.workers.bench.report import rows

    record = {
        "command": command,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "arm": arm,
        "executor": executor,
        "machine": asdict(here),
        "figures": [asdict(row) for row in rows(trials)],
        "trials": [asdict(trial) for trial in trials],
    }
    text = json.dumps(record, indent=2)
    if target == "-":
        print(text)
    else:
        Path(target).write_text(text + "\n", encoding="utf-8")


def _print(trials: list[Trial], here: Machine, command: str) -> None:
    from rich.table import Table

    from antiphon.workers.bench.report import remarks, rows

    table = Table(title="At the caller's ear", title_justify="left")
    for heading in ("figure", "median", "95 % interval", "p95", "n", "to reach"):
        table.add_column(heading, justify="left" if heading in ("figure", "to reach") else "right")
    for row in rows(trials):
        target = "" if not row.target else f"{row.target}: {'met' if row.met else '[bold]not met[/]'}"
        s = row.summary
        table.add_row(
            row.name, f"{s.p50:.0f}", f"{s.low:.0f} to {s.high:.0f}", f"{s.p95:.0f}", str(s.n), target
        )
    console.print(table)
    for remark in remarks(trials):
        console.print(f"  {remark}")
    console.print(
        f"{here.cpu}, {here.cores} cores, {here.system}, Python {here.python}, commit {here.commit}"
    )
    console.print(f"{time.strftime('%Y-%m-%d')}: {command}")
