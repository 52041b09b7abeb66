"""How long after a turn's end is it committed, and how often in the middle of one? Endpointing as a curve.

    python tests/bench/endpointing.py SHARED_AUDIO [--calls DIR] [--orders DIR] [--png FILE]

DIR are checkouts of the repositories that `pauses.py` names; without them the clips of SHARED_AUDIO are
scored alone. A false cutoff is a commit within a pause after which the person went on; latency counts
from the last sample above -45 dBFS to the commit (measures.md), over the turns' ends. The estimator is
asked after `ASKED_S` of quiet and answers `TOOK_S` later.

Nothing was trained. Each line is one setting; what is compared is the whole curve, and the settings of a
line are the same for every source.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pauses as corpus  # beside this file
from pauses import RATE_HZ, Pause

from antiphon.agents.endpointing import AdaptiveSilence, Endpointer, FixedSilence
from antiphon.plugins.turn_end import LiveKitTurnEnd

ASKED_S = 0.096  # s of quiet: three windows
TOOK_S = 0.15  # s; LiveKit's model takes 0.13 s of a core
FOUND_S = 0.192  # s of quiet after which speech is found to have ended
EVERY_ORDER = 6  # of the ends of orders; their pauses are all taken

Made = Callable[[], Endpointer]


class Packaged(FixedSilence):
    """livekit-agents 1.8.9 with this model: asked after 0.2 s of quiet; ``min_delay`` from its published
    threshold for English on, else ``max_delay``."""

    def __init__(self, min_s: float, max_s: float) -> None:
        super().__init__(max_s)
        self._min_s = min_s

    def estimated(self, now: float, probability: float) -> None:
        if probability >= 0.36 and self._over_at is not None:
            self._over_at += self._min_s - self._silence_s


def commit_s(endpointer: Endpointer, probability: float | None, answer_s: float) -> float:
    """Seconds from the last voice to the commit, if the person does not go on."""
    endpointer.speech_began(0.0)
    if probability is not None and answer_s < FOUND_S:
        endpointer.estimated(10.0 + answer_s, probability)
    endpointer.speech_ended(10.0 + FOUND_S, 10.0)
    over_at = endpointer.deadline()
    assert over_at is not None
    if probability is not None and FOUND_S <= answer_s < over_at - 10.0:
        endpointer.estimated(10.0 + answer_s, probability)
        over_at = endpointer.deadline()
        assert over_at is not None
        return max(over_at - 10.0, answer_s)
    return max(over_at - 10.0, FOUND_S)


def scored(
    pauses: list[Pause], answers: list[float | None], make: Made, answer_s: float
) -> tuple[int, int, float, float]:
    """False cutoffs, pauses within turns, and the latency's median and 95th percentile, s."""
    cut = within = 0
    latency = []
    for pause, answer in zip(pauses, answers, strict=True):
        wait = commit_s(make(), answer, answer_s)
        if pause.complete:
            latency.append(wait + (pause.voice_end - pause.sound_end) / RATE_HZ)
        else:
            within += 1
            cut += wait < pause.pause_s
    return cut, within, float(np.median(latency)), float(np.percentile(latency, 95))


def wilson(hits: int, count: int) -> tuple[float, float]:
    z, p = 1.96, hits / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def settings() -> list[tuple[str, Made, float]]:
    """Name, endpointer, and how much quiet the estimator is asked after (0: not asked), s."""
    fixed = [(f"fixed {s:g} s", partial(FixedSilence, s), 0.0) for s in (0.3, 0.4, 0.48, 0.6, 0.8, 1.0, 1.2)]
    packaged = [
        (f"packaged {low:g} to {high:g} s", partial(Packaged, low, high), 0.2)
        for low, high in ((0.3, 2.5), (0.5, 3.0))
    ]
    adaptive = [
        (
            f"adaptive {unlikely:g} to {likely:g}, {floor:g} s up",
            partial(AdaptiveSilence, floor_s=floor, unlikely=unlikely, likely=likely),
            ASKED_S,
        )
        for unlikely, likely in ((0.1, 0.4), (0.2, 0.5), (0.36, 0.55), (0.4, 0.7), (0.5, 0.8))
        for floor in (0.2, 0.35)
    ]
    return [*fixed, *packaged, *adaptive]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--calls", type=Path)
    parser.add_argument("--orders", type=Path)
    parser.add_argument("--png", type=Path)
    args = parser.parse_args()
    sources = {"turns": corpus.turns(args.shared) + corpus.zh(args.shared)}
    if args.calls:
        sources["calls"] = corpus.calls(args.calls)
    if args.orders:
        orders = corpus.orders(args.orders)
        sources["orders"] = [p for i, p in enumerate(orders) if not p.complete or i % EVERY_ORDER == 0]
    estimator = LiveKitTurnEnd()
    answers: dict[tuple[str, float], list[float | None]] = {}
    for name, pauses in sources.items():
        answers[name, 0.0] = [None] * len(pauses)
        for quiet_s in (ASKED_S, 0.2):
            answers[name, quiet_s] = [
                estimator.probability(p.audio[: p.voice_end + int(quiet_s * RATE_HZ)], quiet_s)
                for p in pauses
            ]
        ends = sum(p.complete for p in pauses)
        print(f"{name}: {ends} ends of turns, {len(pauses) - ends} pauses within one")
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {name: {} for name in sources}
    for label, make, quiet_s in settings():
        text = f"{label:34}"
        for name, pauses in sources.items():
            cut, within, median, p95 = scored(pauses, answers[name, quiet_s], make, quiet_s + TOOK_S)
            low, high = wilson(cut, within)
            text += f"  {name}: {cut}/{within} cut ({low:.0%} to {high:.0%}), {median:.3f} ({p95:.3f}) s"
            curves[name].setdefault(label.split()[0], []).append((median, cut / within))
        print(text)
    if args.png:
        draw(curves, args.png)


def draw(curves: dict[str, dict[str, list[tuple[float, float]]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(curves), figsize=(4.5 * len(curves), 4), squeeze=False)
    for axis, (name, lines) in zip(axes[0], curves.items(), strict=True):
        for label, points in lines.items():
            x, y = zip(*sorted(points), strict=True)
            axis.plot(
                [1000 * v for v in x], [100 * v for v in y], "o-" if label == "fixed" else "o", label=label
            )
        axis.set(title=name, xlabel="median latency, ms", ylabel="false cutoffs, % of pauses", ylim=(0, 100))
        axis.grid(alpha=0.3)
    axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
