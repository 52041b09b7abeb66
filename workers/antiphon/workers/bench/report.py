"""Trials into rows: medians with their intervals, and whether what is to be reached was. Pure.

A summary is of the trials that gave a figure. What is to be reached is judged over all that were tried: one
that failed counts as infinite. Trials of a late harness are in neither; a figure of which nothing else is
left is not met.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from antiphon.workers.bench.scenarios import Trial
from antiphon.workers.bench.stats import Summary, percentile, summarise

__all__ = ["Row", "remarks", "rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one arm over its trials. In ms unless the name says otherwise."""

    name: str
    arm: str
    """Empty for what is none's, as the transport."""
    summary: Summary | None
    """Of the trials that gave it; None if none did."""
    attempts: int
    """Trials that gave it, and those that failed to."""
    target: str = ""
    """What is to be reached, in words; empty for none."""
    met: bool | None = None
    """None without a target."""


def rows(trials: Sequence[Trial]) -> list[Row]:
    """The figures, arm by arm, each in the order in which they first came."""
    made: list[Row] = []
    floors, _ = _values(trials, "").get("transport floor", ([], 0))
    floor = percentile(floors, 50) if floors else None
    for arm in dict.fromkeys(trial.arm for trial in trials):
        values = _values(trials, arm)
        for name, (found, failures) in values.items():
            made.append(_row(name, arm, found, failures, floor, values))
            if name == "onset to silence" and floor is not None:
                above = summarise([value - floor for value in found])
                made.append(Row(f"{name}, above the floor", arm, above, len(found) + failures))
    return made


Values = dict[str, tuple[list[float], int]]
"""By figure: what was found, and how many trials failed to give it."""


def _values(trials: Sequence[Trial], arm: str) -> Values:
    values: Values = {}
    for trial in trials:
        if trial.arm != arm:
            continue
        calls = f" ({trial.scenario[8:]} calls)" if trial.scenario.startswith("density") else ""
        for name in (*trial.figures, *trial.failed):
            found, failures = values.setdefault(name + calls, ([], 0))
            if trial.late:
                continue
            if name in trial.figures:
                found.append(trial.figures[name])
            else:
                values[name + calls] = (found, failures + 1)
    return values


def _row(name: str, arm: str, found: list[float], failures: int, floor: float | None, values: Values) -> Row:
    target, check = _target(name, floor, values)
    judged = found + [math.inf] * failures
    met = bool(judged and check(judged)) if check else None
    return Row(name, arm, summarise(found), len(judged), target, met)


Check = Callable[[Sequence[float]], bool]


def _target(name: str, floor: float | None, values: Values) -> tuple[str, Check | None]:
    """What the project set out to reach for a figure."""
    match name:
        case "onset to silence":
            if floor is None:
                return "p50 ≤ floor + 80, p95 ≤ floor + 140, but no floor was measured", lambda _: False
            p50, p95 = floor + 80, floor + 140
            return (
                f"p50 ≤ {p50:.0f}, p95 ≤ {p95:.0f} (floor + 80, + 140)",
                lambda v: percentile(v, 50) <= p50 and percentile(v, 95) <= p95,
            )
        case "truncation error":
            return "within 25 for 95 %", lambda v: sum(abs(x) <= 25 for x in v) >= 0.95 * len(v)
        case "lost (+) or repeated (-)":
            # The reading's own error is the tolerance; a reply that ended is infinitely much lost.
            return "≤ 0 lost, ≤ 30 repeated; read to ±10", lambda v: max(v) <= 10 and min(v) >= -40
        case "model's first audio to ear":
            return "p50 ≤ 70", lambda v: percentile(v, 50) <= 70
        case "press to silence" | "press to silence, loop blocked":
            return "p95 ≤ 120", lambda v: percentile(v, 95) <= 120
        case "dispatch to agent in room":
            return "p50 ≤ 450", lambda v: percentile(v, 50) <= 450
        case "onset to silence, loop blocked":
            free, _ = values.get("onset to silence", ([], 0))
            if not free:
                return "p50 ≤ not blocked + 20, but that was not measured", lambda _: False
            most = percentile(free, 50) + 20
            return f"p50 ≤ {most:.0f} (not blocked + 20)", lambda v: percentile(v, 50) <= most
    if name not in _AT_MOST:
        return "", None
    limit = _AT_MOST[name]
    return f"≤ {limit:.0f}", lambda v: max(v) <= limit


_AT_MOST = {
    "first syllable lost": 0.0,
    "truncation sent after yield": 50.0,
    "further call, MB PSS (4 calls)": 10.0,
    "CPU a call, % of a core (4 calls)": 10.0,
    "longest gap, loop blocked": 40.0,
}


def remarks(trials: Sequence[Trial]) -> list[str]:
    """What happened besides figures, counted; trials that were thrown away only as such."""
    counted = Counter(
        f"{trial.arm} {trial.scenario}: {remark}".strip()
        for trial in trials
        if not trial.late
        for remark in trial.remarks
    )
    made = [f"{text} ({count} times)" for text, count in sorted(counted.items())]
    late = sum(trial.late for trial in trials)
    if late:
        made.append(f"{late} of {len(trials)} trials thrown away: the harness itself was late")
    return made
