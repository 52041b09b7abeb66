"""How good the judge is on clips it has not learnt from: figures with their intervals, as Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.judges import OVER_AGENT, Occasion
from antiphon.plugins.judges.acoustic import KINDS, Head
from antiphon.plugins.judges.training.fit import Examples

__all__ = ["Answer", "auc", "held_out", "summary", "wilson"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One question about a scored clip, and what the judge said."""

    clip: str
    label: str
    kind: str
    source: str
    language: str
    occasion: Occasion
    voiced_s: float
    heard: bool
    """Whether the speech detector took it for voice; a call would not have asked otherwise."""
    kinds: tuple[float, ...] = ()
    """The judge's probability of each of `KINDS`."""

    def with_kinds(self, kinds: NDArray[np.float32]) -> Answer:
        """The same with the judge's answer."""
        return replace(self, kinds=tuple(map(float, kinds)))

    @property
    def turn(self) -> float:
        """The judge's opinion."""
        return self.kinds[0]


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson's score interval), 0 to 1."""
    if of == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / of
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def auc(wanted: Iterable[float], others: Iterable[float]) -> float:
    """The chance that one of the first is above one of the second; NaN without either."""
    a, b = np.array(list(wanted)), np.array(list(others))
    if not a.size or not b.size:
        return math.nan
    return float(np.mean((a[:, None] > b[None]) + 0.5 * (a[:, None] == b[None])))


def _last(answers: list[Answer], which: Callable[[Answer], bool]) -> list[Answer]:
    """Each clip's last answer among those wanted."""
    last: dict[str, Answer] = {}
    for answer in answers:
        if which(answer):
            last[answer.clip] = answer
    return list(last.values())


def _first(answers: list[Answer], which: Callable[[Answer], bool]) -> list[Answer]:
    first: dict[str, Answer] = {}
    for answer in answers:
        if which(answer):
            first.setdefault(answer.clip, answer)
    return list(first.values())


_MOMENTS: tuple[tuple[str, Callable[[list[Answer]], list[Answer]]], ...] = (
    (
        "early, 0.25 s of voice",
        lambda a: _first(a, lambda x: x.occasion is Occasion.EARLY and x.voiced_s < 0.4),
    ),
    (
        "early, 0.5 s of voice",
        lambda a: _first(a, lambda x: x.occasion is Occasion.EARLY and x.voiced_s >= 0.4),
    ),
    ("first pause", lambda a: _first(a, lambda x: x.occasion is Occasion.PAUSE)),
    ("late, 1.2 s of voice", lambda a: _first(a, lambda x: x.occasion is Occasion.LONG)),
)


_BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01)


def summary(examples: Examples, answers: list[Answer]) -> str:
    """The figures of a training."""
    learnt = Counter(KINDS[k] for k in examples.kinds)
    lines = [
        f"Learnt from {len(examples.kinds)} questions of {len(np.unique(examples.groups))} groups: "
        + ", ".join(f"{kind} {learnt[kind]}" for kind in KINDS)
        + ".",
        "",
        "| moment | n turn / backchannel / other | AUC to backchannels | AUC to all "
        "| turns > 0.5 | others <= 0.5 | turns > 0.2 | others <= 0.2 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, chosen in _MOMENTS:
        some = chosen(answers)
        turns = [a.turn for a in some if a.kind == "turn"]
        others = [a.turn for a in some if a.kind != "turn"]
        listeners = [a.turn for a in some if a.kind == "backchannel"]
        cells = [
            f"{len(turns)} / {len(listeners)} / {len(others) - len(listeners)}",
            f"{auc(turns, listeners):.2f}",
            f"{auc(turns, others):.2f}",
        ]
        for threshold in (0.5, 0.2):
            cells.append(_share(sum(p > threshold for p in turns), len(turns)))
            cells.append(_share(sum(p <= threshold for p in others), len(others)))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "What an opinion was worth, each clip at each of these moments:", ""]
    lines += ["| opinion | answers | of them turns |", "|---|---|---|"]
    every = [answer for _, chosen in _MOMENTS for answer in chosen(answers)]
    for low, high in pairwise(_BINS):
        some = [a for a in every if low <= a.turn < high]
        lines.append(
            f"| {low:.1f}-{min(high, 1.0):.1f} | {len(some)} "
            f"| {_share(sum(a.kind == 'turn' for a in some), len(some))} |"
        )
    lines += ["", "By label and language, at the first pause:", ""]
    lines += ["| label | n | opinion, median (lowest-highest) | below 0.5 |", "|---|---|---|---|"]
    pauses = _MOMENTS[2][1](answers)
    for key in sorted({(a.label, a.language) for a in pauses}):
        said = sorted(a.turn for a in pauses if (a.label, a.language) == key)
        lines.append(
            f"| {' '.join(key)} | {len(said)} | {np.median(said):.2f} ({said[0]:.2f}-{said[-1]:.2f}) "
            f"| {_share(sum(p < 0.5 for p in said), len(said))} |"
        )
    return "\n".join(lines)


def held_out(pairs: list[tuple[Head, Examples]]) -> str:
    """How turns stand to backchannels among speakers that a head was fitted without."""
    turn = np.concatenate([head.probabilities(examples.seen)[:, 0] for head, examples in pairs])
    kinds = np.concatenate([examples.kinds for _, examples in pairs])
    seen = np.concatenate([examples.seen for _, examples in pairs])
    asked = np.argmax(seen[:, -len(OVER_AGENT) :], axis=1)
    lines = [
        "",
        "Synthesised voices that a head was fitted without (four parts), turns against backchannels:",
        "",
    ]
    lines += ["| occasion | n turn / backchannel | AUC |", "|---|---|---|"]
    for index, occasion in enumerate(OVER_AGENT):
        parts = [turn[(asked == index) & (kinds == KINDS.index(kind))] for kind in ("turn", "backchannel")]
        lines.append(f"| {occasion.value} | {len(parts[0])} / {len(parts[1])} | {auc(*parts):.2f} |")
    return "\n".join(lines)


def _share(hits: int, of: int) -> str:
    if not of:
        return "-"
    low, high = wilson(hits, of)
    return f"{hits}/{of} ({100 * low:.0f}-{100 * high:.0f} %)"
