"""Medians with an interval, and shares with one. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Summary", "percentile", "summarise", "wilson"]

_RESAMPLES = 2000
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one figure over trials, in the figure's unit."""

    n: int
    p50: float
    low: float
    """Lower end of the median's bootstrap 95 % interval."""
    high: float
    p95: float


def summarise(values: Sequence[float], *, seed: int = 1) -> Summary | None:
    """Median with a bootstrap 95 % interval, and the 95th percentile; None without values."""
    if not len(values):
        return None
    data = np.asarray(values, dtype=float)
    drawn = np.random.default_rng(seed).choice(data, size=(_RESAMPLES, len(data)), replace=True)
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return Summary(len(data), float(np.median(data)), float(low), float(high), float(np.percentile(data, 95)))


def percentile(values: Sequence[float], percent: float) -> float:
    """Linear between the two nearest, as numpy's, but right with infinite values, too."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = math.floor(place)
    part = place - low
    return ordered[low] if not part else (1 - part) * ordered[low] + part * ordered[low + 1]


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    share, z = successes / trials, _Z95
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)
