from __future__ import annotations

import numpy as np

from antiphon.workers.bench.push_to_talk import LOST_START, SILENCED, _half_rate
from antiphon.workers.bench.report import rows
from antiphon.workers.bench.scenarios import Trial


def test_the_rate_is_halved() -> None:
    assert _half_rate(np.array([1, 3, -5, -7, 9], np.int16)).tolist() == [2, -6]


def trial(figure: str, value: float | None) -> Trial:
    made = Trial("push-to-talk", arm="antiphon")
    if value is None:
        made.fail("it did not", figure)
    else:
        made.figures[figure] = value
    return made


def test_every_first_syllable_has_to_be_whole() -> None:
    whole = [trial(LOST_START, 0.0) for _ in range(20)]
    (row,) = rows(whole)
    assert row.met
    (row,) = rows([*whole, trial(LOST_START, 10.0)])
    assert not row.met
    (row,) = rows([*whole, trial(LOST_START, None)])
    assert not row.met


def test_a_press_silences_within_its_limit_in_nineteen_of_twenty() -> None:
    (row,) = rows([trial(SILENCED, 100.0 + n) for n in range(20)])
    assert row.met
    (row,) = rows([trial(SILENCED, 100.0 + 2 * n) for n in range(20)])
    assert not row.met
