"""Trials into rows: medians with their intervals, and whether what is to be reached was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from antiphon.workers.bench.scenarios import Trial
from antiphon.workers.bench.stats import Summary, summarise

__all__ = ["Row", "remarks", "rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure over its trials. In ms unless the name says otherwise."""

    name: str
    summary: Summary
    target: str = ""
    """What is to be reached, in words; empty for none."""
    met: bool = True


def rows(trials: Sequence[Trial]) -> list[Row]:
    """The figures, in the order in which they first came. Trials of a late harness are left out."""
    values: dict[str, list[float]] = {}
    for trial in trials:
        if not trial.late:
            for name, value in trial.figures.items():
                label = (
                    f"{name} ({trial.scenario[8:]} calls)" if trial.scenario.startswith("density") else name
                )
                values.setdefault(label, []).append(value)
    floor = _median(values.get("transport floor"))
    made: list[Row] = []
    for name, found in values.items():
        summary = summarise(found)
        assert summary is not None
        target, check = _target(name, floor, values)
        met = check(found) if check else True
        made.append(Row(name, summary, target, met))
        if name == "onset to silence" and floor is not None:
            above = summarise([value - floor for value in found])
            assert above is not None
            made.append(Row("onset to silence, above the floor", above))
    return made


Check = Callable[[Sequence[float]], bool]


def _target(name: str, floor: float | None, values: dict[str, list[float]]) -> tuple[str, Check | None]:
    """What the project set out to reach for a figure."""
    match name:
        case "onset to silence" if floor is not None:
            p50, p95 = floor + 80, floor + 140
            return (
                f"p50 ≤ {p50:.0f}, p95 ≤ {p95:.0f} (floor + 80, + 140)",
                lambda v: _median(v) <= p50 and float(np.percentile(v, 95)) <= p95,  # type: ignore[operator]
            )
        case "truncation error":
            return "within 25 for 95 %", lambda v: float(np.mean(np.abs(v) <= 25)) >= 0.95
        case "truncation sent after yield":
            return "≤ 50", lambda v: max(v) <= 50
        case "lost (+) or repeated (-)":
            # the reading itself is right to 10 ms
            return "none lost, ≤ 30 repeated", lambda v: max(v) <= 10 and min(v) >= -40
        case "model's first audio to ear":
            return "p50 ≤ 70", lambda v: _median(v) <= 70  # type: ignore[operator]
        case "dispatch to agent in room":
            return "p50 ≤ 450", lambda v: _median(v) <= 450  # type: ignore[operator]
        case "further call, MB PSS (4 calls)":
            return "≤ 10", lambda v: max(v) <= 10
        case "CPU a call, % of a core (4 calls)":
            return "≤ 10", lambda v: max(v) <= 10
        case "longest gap, loop blocked":
            return "≤ 40", lambda v: max(v) <= 40
        case "onset to silence, loop blocked":
            free = _median(values.get("onset to silence"))
            if free is not None:
                most = free + 20
                return f"≤ {most:.0f} (not blocked + 20)", lambda v: _median(v) <= most  # type: ignore[operator]
    return "", None


def _median(values: Sequence[float] | None) -> float | None:
    return float(np.median(values)) if values else None


def remarks(trials: Sequence[Trial]) -> list[str]:
    """What happened besides figures, counted."""
    counted = Counter(f"{trial.scenario}: {remark}" for trial in trials for remark in trial.remarks)
    made = [f"{text} ({count} times)" for text, count in sorted(counted.items())]
    late = sum(trial.late for trial in trials)
    if late:
        made.append(f"{late} of {len(trials)} trials thrown away: the harness itself was late")
    return made
