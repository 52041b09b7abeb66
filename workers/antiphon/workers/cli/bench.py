"""`agent bench`: figures taken at the caller's ear and on the model's wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from antiphon.agents.errors import ConfigError
from antiphon.workers.cli.common import console, progress

if TYPE_CHECKING:
    from antiphon.workers.bench.harness import Machine
    from antiphon.workers.bench.report import Row
    from antiphon.workers.bench.scenarios import Trial

__all__ = ["bench"]

_ALL = ("response", "barge-in", "resume", "blocked", "cold-start", "density", "push-to-talk")
_ARMS = ("antiphon", "livekit-agents")  # as the harness's, whose import takes a second


def bench(
    scenarios: Annotated[str, typer.Argument(help=f"Comma-separated, of: {', '.join(_ALL)}.")] = (
        "response,barge-in,resume,blocked"
    ),
    repeats: Annotated[int, typer.Option(min=1, max=500, help="Trials a scenario.")] = 10,
    arm: Annotated[
        str, typer.Option(help="antiphon; livekit-agents to compare with; both, or a list, in turns.")
    ] = "antiphon",
    executor: Annotated[str, typer.Option(help="thread or process.")] = "thread",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record with every trial, in place of the table.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the record with every trial to this file.")
    ] = None,
) -> None:
    """Measure response, barge-in, resume and costs with a local server and a scripted model.

    Everything is scored from what a caller's ear gets and the model's wire sees; harness and agent run
    on different cores. With two arms, each has a call of its own and the rounds alternate.
    """
    from antiphon.workers.bench.harness import machine

    wanted = _words("scenarios", scenarios, _ALL)
    arms = _ARMS if arm == "both" else _words("--arm", arm, _ARMS)
    if "push-to-talk" in wanted and "antiphon" not in arms:
        raise ConfigError("--arm", arm, "antiphon, for push-to-talk")
    if executor not in ("thread", "process"):
        raise ConfigError("--executor", executor, "thread or process")
    command = "agent " + " ".join(sys.argv[1:])
    with progress("Starting server, model and agent") as told:
        trials = asyncio.run(_run(set(wanted), repeats, arms, executor, told))
    here = machine()
    record = _record(trials, here, command, arms, executor)
    if output is not None:
        output.write_text(record + "\n", encoding="utf-8")
    if as_json:
        print(record)
    else:
        _print(trials, here, command)


def _words(setting: str, given: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """A comma-separated list, each word of it allowed."""
    words = tuple(dict.fromkeys(word.strip() for word in given.split(",") if word.strip()))
    for word in words or ("",):
        if word not in allowed:
            raise ConfigError(setting, word, ", ".join(allowed))
    return words


async def _run(
    wanted: set[str], repeats: int, arms: Sequence[str], executor: str, told: Callable[[str], None]
) -> list[Trial]:
    from antiphon.workers.bench import costs, scenarios
    from antiphon.workers.bench.harness import Bench
    from antiphon.workers.bench.push_to_talk import push_to_talk

    dice = random.Random(1)
    trials: list[Trial] = []
    in_call = wanted & set(scenarios.SCENARIOS)
    async with Bench(arms, executor) as rig:
        if in_call:
            told("transport floor")
            trials += await scenarios.floor(rig, repeats)
            async with contextlib.AsyncExitStack() as stack:
                callers = {arm: await stack.enter_async_context(rig.call(arm)) for arm in arms}
                for number in range(repeats):
                    told(f"round {number + 1} of {repeats}: {', '.join(sorted(in_call))}")
                    for arm, caller in callers.items():
                        trials += await scenarios.cycle(rig, caller, arm, in_call, dice)
        if "push-to-talk" in wanted:  # ours alone: with livekit-agents a page does it all itself
            trials += await push_to_talk(rig, repeats, dice, told)
        for arm in arms:
            if "cold-start" in wanted:
                told(f"cold start of {arm}")
                trials += await costs.cold_start(rig, arm, repeats)
            if "density" in wanted:
                told(f"calls that share a process of {arm}")
                trials += await costs.density(rig, arm, repeats)
    return trials


def _record(trials: list[Trial], here: Machine, command: str, arms: Sequence[str], executor: str) -> str:
    """All of a run, as JSON."""
    from antiphon.workers.bench.report import remarks, rows

    record = {
        "command": command,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "arms": list(arms),
        "executor": executor,
        "machine": asdict(here),
        "figures": [asdict(row) for row in rows(trials)],
        "remarks": remarks(trials),
        "trials": [asdict(trial) for trial in trials],
    }
    return json.dumps(record, indent=2, allow_nan=False)


def _print(trials: list[Trial], here: Machine, command: str) -> None:
    from antiphon.workers.bench.report import remarks, rows

    made = rows(trials)
    arms = list(dict.fromkeys(row.arm for row in made if row.arm))
    for arm in arms:
        console.print(_table(f"At the caller's ear: {arm}", [row for row in made if row.arm in ("", arm)]))
    if len(arms) > 1:
        console.print(_comparison(made, arms))
    for remark in remarks(trials):
        console.print(f"  {remark}")
    console.print(
        f"{here.cpu}, {here.cores} cores, {here.system}, Python {here.python}, commit {here.commit}"
    )
    console.print(f"{time.strftime('%Y-%m-%d')}: {command}")


def _table(title: str, made: Sequence[Row]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "median", "95 % interval", "p95", "n of tried", "to reach"):
        table.add_column(heading, justify="left" if heading in ("figure", "to reach") else "right")
    for row in made:
        target = "" if not row.target else f"{row.target}: {'met' if row.met else '[bold]not met[/]'}"
        s = row.summary
        cells = (f"{s.p50:.0f}", f"{s.low:.0f} to {s.high:.0f}", f"{s.p95:.0f}") if s else ("", "", "")
        table.add_row(row.name, *cells, f"{s.n if s else 0} of {row.attempts}", target)
    return table


def _comparison(made: Sequence[Row], arms: Sequence[str]) -> Table:
    """Medians side by side, and each in terms of the first arm's."""
    table = Table(title="Side by side, medians", title_justify="left")
    table.add_column("figure")
    for arm in arms:
        table.add_column(arm, justify="right")
    table.add_column(f"ratio to {arms[0]}", justify="right")
    for name in dict.fromkeys(row.name for row in made if row.arm):
        found = {row.arm: row.summary.p50 for row in made if row.name == name and row.summary}
        first = found.get(arms[0], 0.0)
        ratios = [f"{found[arm] / first:.1f}" for arm in arms[1:] if first > 0 and found.get(arm, 0.0) > 0]
        table.add_row(name, *(f"{found[a]:.0f}" if a in found else "" for a in arms), ", ".join(ratios))
    return table
