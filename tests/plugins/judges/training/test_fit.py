from __future__ import annotations

import numpy as np

from antiphon.plugins.judges.acoustic import FEATURES, KINDS
from antiphon.plugins.judges.training.fit import Examples, calibrated, fit, folds


def examples(n: int = 800, apart: float = 1.2, seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, len(KINDS), n)
    seen = rng.normal(0, 1, (n, FEATURES)).astype(np.float32)
    seen[:, 12:] = 0
    seen[np.arange(n), kinds * 3] += apart * 3  # each kind has a feature of its own
    groups = np.array([f"speaker {i % 10}" for i in range(n)], dtype=np.str_)
    return Examples(seen * 5 + 2, kinds.astype(np.int64), groups, np.ones(n, np.float32))


def right(made: Examples, seed: int = 1) -> float:
    head = fit(made, hidden=8, networks=2, seed=seed, steps=300)
    other = examples(seed=9)
    return float(np.mean(np.argmax(head.probabilities(other.seen), axis=1) == other.kinds))


def test_it_learns_what_is_there_to_learn() -> None:
    assert right(examples()) > 0.65


def test_the_same_seed_gives_the_same_weights() -> None:
    one, two = (fit(examples(200), hidden=4, networks=1, seed=3, steps=30) for _ in range(2))
    assert np.array_equal(one.inner, two.inner)
    assert not np.array_equal(one.inner, fit(examples(200), hidden=4, networks=1, seed=4, steps=30).inner)


def test_rare_kinds_weigh_as_much_as_told() -> None:
    made = examples(3_000, apart=0.0)
    few = np.where(made.kinds == 0, np.arange(3_000) % 5 == 0, True)
    head = fit(made.chosen(few), hidden=4, networks=2, seed=1, steps=300)
    assert 0.35 < head.probabilities(examples(400, apart=0.0, seed=5).seen)[:, 0].mean() < 0.65


def test_a_speaker_is_in_one_fold_only() -> None:
    groups = examples().groups
    made = folds(groups, 4, 1)
    assert np.array_equal(np.sum(made, axis=0), np.ones(len(groups)))
    for out in made:
        assert not set(groups[out]) & set(groups[~out])


def test_one_who_is_too_sure_is_cooled() -> None:
    sure = fit(examples(), hidden=8, networks=1, seed=1, steps=300)
    hard = examples(apart=0.15, seed=2)
    assert calibrated(sure, [(sure, hard)]).temperature > calibrated(sure, [(sure, examples())]).temperature
