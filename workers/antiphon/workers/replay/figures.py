"""The score: outcomes as shares with intervals and as times, beside what is to be reached.

Each clip is tried under several recipes, and those trials are no independent draws: rates are over trials,
their intervals (Wilson, 95 %) those of as many draws as there are clips. Trials with the agent's simulated
echo in the microphone are figures of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from antiphon.workers.replay.score import WANTS_FLOOR, Outcome

__all__ = ["Figure", "figures", "wilson"]

_Z: Final = 1.959964  # of the normal distribution, for 95 %

ORDER: Final = (
    "interruption", "command", "backchannel", "vocal", "noise", "speech", "echo", "complete", "incomplete",
)  # fmt: skip
_WITH_LANGUAGE: Final = frozenset({"interruption", "command", "backchannel", "complete", "incomplete"})


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the score."""

    label: str
    language: str
    echo: bool
    """Whether it is of the trials with a simulated echo."""
    what: str
    value: float | None
    """A share (0 to 1) or ms; None if nothing was there to measure."""
    low: float | None
    """Of a share's 95 % interval; None for ms."""
    high: float | None
    clips: int
    trials: int
    """What it was taken over."""
    target: str = ""
    met: bool | None = None

    @property
    def text(self) -> str:
        """The value as it is read."""
        if self.value is None:
            return "-"
        return f"{self.value:.0f} ms" if self.low is None else f"{self.value * 100:.1f} %"

    @property
    def of(self) -> str:
        """What it is a figure of."""
        return " ".join(
            part for part in (self.label, self.language, "over echo" if self.echo else "") if part
        )


@dataclass(frozen=True, slots=True)
class _Share:
    what: str
    of: Callable[[Outcome], bool]
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class _Ms:
    what: str
    of: Callable[[Outcome], float | None]
    percentile: float
    most: float | None = None
    beside: str = ""
    """What is to be added to the limit."""


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0 to 1 (E. B. Wilson, 1927). (0, 1) for no draws."""
    if not n:
        return 0.0, 1.0
    share = successes / n
    middle = share + _Z**2 / (2 * n)
    spread = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def figures(outcomes: Sequence[Outcome]) -> list[Figure]:
    """The score: some lines for each label and language, in a fixed order."""

    def group(outcome: Outcome) -> tuple[int, str, bool]:
        label = outcome.label
        language = outcome.language if label in _WITH_LANGUAGE else ""
        return ORDER.index(label), language, outcome.echo and label != "echo"

    made: list[Figure] = []
    for key in sorted({group(outcome) for outcome in outcomes}):
        of_it = [outcome for outcome in outcomes if group(outcome) == key]
        label, language, echo = ORDER[key[0]], key[1], key[2]
        lines = _lines(label, language)
        shown = lines[:1] if echo else lines
        made += [_figure(line, label, language, echo, of_it) for line in shown]
    return made


def _figure(line: _Share | _Ms, label: str, language: str, echo: bool, group: Sequence[Outcome]) -> Figure:
    if isinstance(line, _Share):
        share = sum(map(line.of, group)) / len(group)
        clips = len({o.clip for o in group})
        target, met = "", None
        if line.least is not None:
            target, met = f"≥ {line.least:.0%}", share >= line.least
        elif line.most is not None:
            target, met = f"≤ {line.most:.0%}", share <= line.most
        low, high = wilson(share * clips, clips)
        return Figure(label, language, echo, line.what, share, low, high, clips, len(group), target, met)
    values = [value for o in group if (value := line.of(o)) is not None]
    clips = len({o.clip for o in group if line.of(o) is not None})
    ms = float(np.percentile(values, line.percentile)) * 1000 if values else None
    target = "" if line.most is None else f"≤ {line.beside}{line.most:.0f} ms"
    met = None if line.most is None or ms is None else ms <= line.most
    return Figure(label, language, echo, line.what, ms, None, None, clips, len(values), target, met)


def _right(outcome: Outcome) -> bool:
    return outcome.right


def _wrong(outcome: Outcome) -> bool:
    return not outcome.right


def _gapped(outcome: Outcome) -> bool:
    return outcome.kind not in ("kept", "ducked")


def _silent(outcome: Outcome) -> float | None:
    return outcome.silent_s


def _voice_silent(outcome: Outcome) -> float | None:
    return outcome.voice_silent_s


def _taken(outcome: Outcome) -> float | None:
    return outcome.taken_s


def _gap(outcome: Outcome) -> float | None:
    return outcome.gap_s if outcome.kind == "resumed" else None


def _late(outcome: Outcome) -> float | None:
    return outcome.committed_s


_FLOOR: Final = "floor + "  # of the transport, which a replay has none of


def _lines(label: str, language: str) -> tuple[_Share | _Ms, ...]:
    """What is told of a label, the most telling line first."""
    if label in WANTS_FLOOR:
        command = label == "command"
        return (
            _Share("took the floor", _right, least=0.97 if command else 0.98),
            _Ms("voice to silence, p50", _voice_silent, 50, None if command else 70, _FLOOR),
            _Ms("voice to silence, p95", _voice_silent, 95, 200 if command else 130, _FLOOR),
            _Ms("-45 dBFS to silence, p50", _silent, 50),
            _Ms("-45 dBFS to silence, p95", _silent, 95),
            _Ms("voice to the reply's end, p50", _taken, 50),
            _Ms("voice to the reply's end, p95", _taken, 95),
        )
    if label == "complete":
        return (
            _Share("committed once it was over", _right),
            _Ms("end to commit, p50", _late, 50, 350),
            _Ms("end to commit, p95", _late, 95),
        )
    if label == "incomplete":
        return (_Share("cut off in the pause or before", _wrong, most=0.08),)
    if label == "echo":
        return (_Share("was held for", _wrong, most=0.0),)
    alive = {"backchannel": 0.95 if language == "en" else 0.80, "vocal": 0.95, "noise": 0.95}.get(label)
    backchannel, vocal = label == "backchannel", label == "vocal"
    return (
        _Share("left the reply alive", _right, least=alive),
        _Share("caused a gap or worse", _gapped, most=0.10 if label == "noise" else None),
        _Ms("gap, p50", _gap, 50, 450 if backchannel else None),
        _Ms("gap, p95", _gap, 95, 900 if backchannel else None),
        _Ms("gap, longest", _gap, 100, 900 if vocal else None),
    )
