from __future__ import annotations

import math

import numpy as np
import pytest

from antiphon.workers.bench.stats import percentile, summarise, wilson


def test_a_summary_brackets_its_median() -> None:
    values = np.random.default_rng(3).normal(200, 20, 50).tolist()
    made = summarise(values)
    assert made is not None
    assert made.n == 50
    assert made.low <= made.p50 <= made.high <= made.p95
    assert made.high - made.low < 30
    assert made == summarise(values)  # the same each time
    one = summarise([5.0])
    assert one is not None
    assert (one.p50, one.low, one.high, one.p95) == (5.0, 5.0, 5.0, 5.0)
    assert summarise([]) is None


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.278),
        (10, 10, 0.722, 1.0),
        (5, 10, 0.237, 0.763),
        (0, 0, 0.0, 1.0),
        (95, 100, 0.888, 0.978),
    ],
)
def test_wilsons_interval_by_known_values(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k, n) == pytest.approx((low, high), abs=0.001)


def test_a_percentile_is_numpys_and_bears_infinity() -> None:
    values = np.random.default_rng(5).normal(200, 20, 13).tolist()
    for percent in (0, 5, 50, 95, 100):
        assert percentile(values, percent) == pytest.approx(np.percentile(values, percent))
    assert percentile([1.0, math.inf, 3.0], 50) == 3.0
    assert percentile([*range(20), math.inf], 95) == 19.0
    assert percentile([*range(10), math.inf], 95) == math.inf
    assert percentile([math.inf, math.inf], 95) == math.inf
