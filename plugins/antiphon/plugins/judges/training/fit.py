"""Fits the acoustic judge's head: small networks in numpy, by gradient descent (Adam), seeded.

The kinds weigh the same however many examples each has, turns as much as the other three together: so one
half is what the judge says when it knows nothing. Examples of one speaker or generator are never split
between fitting and checking (`folds`). The temperature, which makes probabilities of sums, is found on
what was held out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.judges import OVER_AGENT
from antiphon.agents.interruption.prosody import NAMES
from antiphon.plugins.judges.acoustic import FEATURES, KINDS, Head
from antiphon.plugins.judges.embeddings import DIMENSIONS

__all__ = ["SHARES", "STEPS", "Examples", "calibrated", "fit", "folds"]

SHARES: Final = {"turn": 0.5, "backchannel": 0.26, "vocal": 0.12, "noise": 0.12}
"""Weight of each kind, whatever its number of examples."""

STEPS: Final = 2_500
"""Of gradient descent; chosen: more change nothing."""

_LENGTH: Final = 3 * DIMENSIONS + NAMES.index("log_voiced_s")  # where the features have it
_LENGTHS_S: Final = (0.15, 0.3, 0.45, 0.6, 0.8, 1.1, 1.6, 2.5)  # edges of lengths that are evened; chosen
_MOST_FACTOR: Final = 3.0  # chosen: few examples may not decide what a length sounds like
_BATCH: Final = 256
_RATE: Final = 2e-3
_DECAY: Final = 0.1
_DROPPED: Final = 0.5  # share of the inputs left out at a step
_SMOOTHED: Final = 0.06  # share of each label given to all kinds alike


@dataclass(frozen=True, slots=True)
class Examples:
    """What is learnt from."""

    seen: NDArray[np.float32]
    """Shape (n, FEATURES)."""
    kinds: NDArray[np.int64]
    """Index into `KINDS`, shape (n,)."""
    groups: NDArray[np.str_]
    """Speaker or generator of each, shape (n,)."""
    weights: NDArray[np.float32]
    """How much each counts within its kind, shape (n,)."""

    def chosen(self, which: NDArray[np.bool_]) -> Examples:
        """Those of which ``which`` is true."""
        return Examples(self.seen[which], self.kinds[which], self.groups[which], self.weights[which])


def _shares(examples: Examples) -> NDArray[np.float32]:
    weights = examples.weights.astype(np.float64) * _evened(examples)
    for index, kind in enumerate(KINDS):
        mine = examples.kinds == index
        total = float(weights[mine].sum())
        if total > 0:
            weights[mine] *= SHARES[kind] / total
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _evened(examples: Examples) -> NDArray[np.float64]:
    """Factors that make turns and backchannels weigh alike at each occasion and length of voice.

    Length alone says much, and an arbiter knows it already: here it would only be counted twice, and a
    short "no" would sound like a listener's word because most short words are.
    """
    factors = np.ones(len(examples.kinds))
    length = np.digitize(examples.seen[:, _LENGTH], np.log(0.1 + np.array(_LENGTHS_S)))
    cells = length + (len(_LENGTHS_S) + 1) * np.argmax(examples.seen[:, -len(OVER_AGENT) :], axis=1)
    for cell in np.unique(cells):
        here = cells == cell
        turns, others = (here & (examples.kinds == KINDS.index(kind)) for kind in ("turn", "backchannel"))
        mass = [float(examples.weights[which].sum()) for which in (turns, others)]
        if min(mass) > 0:
            even = (mass[0] + mass[1]) / 2
            for which, has in zip((turns, others), mass, strict=True):
                factors[which] = np.clip(even / has, 1 / _MOST_FACTOR, _MOST_FACTOR)
    return factors


def fit(
    examples: Examples,
    *,
    hidden: int,
    networks: int,
    seed: int,
    steps: int = STEPS,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Head:
    """Fits ``networks`` networks that differ in their start and order."""
    share = _shares(examples)
    mean = (share @ examples.seen).astype(np.float32)
    spread = np.sqrt(share @ np.square(examples.seen - mean))
    scale = (1 / np.maximum(spread, 1e-3)).astype(np.float32)
    standard = np.clip((examples.seen - mean) * scale, -6.0, 6.0).astype(np.float32)
    inner, outer = [], []
    for network in range(networks):
        rng = np.random.default_rng((seed, network))
        first, second = _one(standard, examples.kinds, share, hidden, steps, rng)
        inner.append(first)
        outer.append(second)
        progress(network + 1, networks)
    return Head(mean, scale, np.stack(inner), np.stack(outer), 1.0)


def _one(
    standard: NDArray[np.float32],
    kinds: NDArray[np.int64],
    share: NDArray[np.float32],
    hidden: int,
    steps: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    n = len(standard)
    wanted = np.full((n, len(KINDS)), _SMOOTHED / len(KINDS), dtype=np.float32)
    wanted[np.arange(n), kinds] += 1 - _SMOOTHED
    inner = rng.normal(0, np.sqrt(2 / FEATURES), (FEATURES + 1, hidden)).astype(np.float32)
    outer = rng.normal(0, np.sqrt(1 / hidden), (hidden + 1, len(KINDS))).astype(np.float32)
    inner[-1], outer[-1] = 0, 0
    params = [inner, outer]
    slow = [np.zeros_like(p) for p in params]
    square = [np.zeros_like(p) for p in params]
    drawn = share.astype(np.float64) / share.astype(np.float64).sum()
    for step in range(1, steps + 1):
        rows = rng.choice(n, _BATCH, p=drawn)  # by weight, so that each step sees all kinds
        kept = (rng.random((_BATCH, FEATURES)) >= _DROPPED) / np.float32(1 - _DROPPED)
        x = standard[rows] * kept.astype(np.float32)
        h = np.maximum(x @ params[0][:-1] + params[0][-1], 0)
        sums = h @ params[1][:-1] + params[1][-1]
        raised = np.exp(sums - sums.max(axis=1, keepdims=True))
        wrong = (raised / raised.sum(axis=1, keepdims=True) - wanted[rows]) / _BATCH
        back = (wrong @ params[1][:-1].T) * (h > 0)
        gradients = [
            np.concatenate([x.T @ back, back.sum(axis=0, keepdims=True)]),
            np.concatenate([h.T @ wrong, wrong.sum(axis=0, keepdims=True)]),
        ]
        rate = _RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        for i, gradient in enumerate(gradients):
            slow[i] += 0.1 * (gradient - slow[i])
            square[i] += 0.001 * (np.square(gradient) - square[i])
            moved = slow[i] / (1 - 0.9**step) / (np.sqrt(square[i] / (1 - 0.999**step)) + 1e-8)
            params[i] = (params[i] - rate * (moved + _DECAY * params[i])).astype(np.float32)
    return params[0], params[1]


def folds(groups: NDArray[np.str_], count: int, seed: int) -> list[NDArray[np.bool_]]:
    """For each fold which examples are held out; a group is always in one fold."""
    names = np.unique(groups)
    np.random.default_rng(seed).shuffle(names)
    return [np.isin(groups, names[i::count]) for i in range(count) if len(names[i::count])]


def calibrated(head: Head, held_out: list[tuple[Head, Examples]]) -> Head:
    """The head with the temperature at which held-out examples are least surprising."""
    best, least = 1.0, np.inf
    for temperature in np.geomspace(0.5, 6.0, 40):
        total = 0.0
        for other, examples in held_out:
            made = Head(other.mean, other.scale, other.inner, other.outer, float(temperature))
            p = made.probabilities(examples.seen)[np.arange(len(examples.kinds)), examples.kinds]
            total += float(-(_shares(examples) @ np.log(np.maximum(p, 1e-6))))
        if total < least:
            best, least = float(temperature), total
    return Head(head.mean, head.scale, head.inner, head.outer, best)
