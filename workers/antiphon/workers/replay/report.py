"""Replays as a person reads them in a terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from antiphon.workers.replay.engine import Replayed, Setup
from antiphon.workers.replay.figures import Figure
from antiphon.workers.replay.score import Outcome

__all__ = ["events_table", "outcomes_table", "policies_table", "record", "score_table"]


def events_table(title: str, made: Replayed) -> Table:
    """What would have happened in one call."""
    table = Table(title=title, title_justify="left")
    table.add_column("s", justify="right")
    table.add_column("what")
    table.add_column("details")
    for record in made.records():
        kind, at = str(record.pop("type")).replace("_", " "), record.pop("at")
        details = ", ".join(f"{name} {value}" for name, value in record.items() if value not in ("", None))
        table.add_row(f"{at:.3f}", kind, details)
    return table


def outcomes_table(outcomes: Sequence[Outcome]) -> Table:
    """What each case came to."""
    table = Table(title="Cases", title_justify="left")
    for heading in ("case", "outcome", "right", "silence, ms", "gap, ms", "commit, ms"):
        table.add_column(heading, justify="left" if heading in ("case", "outcome", "right") else "right")
    for o in outcomes:
        times = [o.voice_silent_s, o.gap_s or None, o.committed_s]
        cells = ["" if value is None else f"{value * 1000:.0f}" for value in times]
        table.add_row(o.case, o.kind, "" if o.right else "[bold red]no[/]", *cells)
    return table


def score_table(scored: Sequence[Figure]) -> Table:
    """The score, beside what is to be reached."""
    table = Table(title="Score", title_justify="left")
    for heading in ("label", "figure", "value", "95 % interval", "trials of clips", "to reach"):
        table.add_column(heading, justify="right" if heading in ("value", "95 % interval") else "left")
    last = ""
    for f in scored:
        label = f.of
        interval = "" if f.low is None or f.high is None else f"{f.low * 100:.0f} to {f.high * 100:.0f}"
        target = f.target and (
            f.target if f.met is None else f"{f.target}: {'met' if f.met else '[bold]not met[/]'}"
        )
        n = f"{f.trials} of {f.clips}"
        table.add_row("" if label == last else label, f.what, f.text, interval, n, target)
        last = label
    return table


def policies_table(scored: Mapping[str, Sequence[Figure]]) -> str:
    """Scores side by side, in Markdown: a row a figure, a column a policy, both in their order."""
    names = list(scored)
    rows = [
        "| of | figure | trials of clips | " + " | ".join(f"`{name}`" for name in names) + " |",
        "|---|---|---|" + "---|" * len(names),
    ]
    by_key = [{(f.of, f.what): f for f in figures} for figures in scored.values()]
    keys = dict.fromkeys(key for figures in by_key for key in figures)
    for of, what in keys:
        cells = [_cell(figures.get((of, what))) for figures in by_key]
        first = next(figures[of, what] for figures in by_key if (of, what) in figures)
        n = f"{first.trials} of {first.clips}" if first.low is not None else ""
        rows.append(f"| {of} | {what} | {n} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if figure.low is None or figure.high is None:
        return figure.text
    return f"{figure.text} ({figure.low * 100:.0f} to {figure.high * 100:.0f})"


def record(command: str, setup: Setup, scored: Sequence[Figure], outcomes: Sequence[Outcome]) -> str:
    """All of a run over a corpus, as JSON."""
    made: dict[str, Any] = {
        "command": command,
        "options": asdict(setup.options),
        "judges": [judge.name for judge in setup.judges],
        "turn_end": setup.turn_end.name if setup.turn_end else None,
        "figures": [asdict(figure) for figure in scored],
        "outcomes": [{**asdict(outcome), "right": outcome.right} for outcome in outcomes],
    }
    return json.dumps(made, indent=1, allow_nan=False, ensure_ascii=False)
