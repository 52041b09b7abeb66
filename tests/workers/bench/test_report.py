from __future__ import annotations

import pytest

from antiphon.workers.bench.report import remarks, rows
from antiphon.workers.bench.scenarios import Trial


def trials(**figures: list[float]) -> list[Trial]:
    return [
        Trial("x", {name.replace("_", " "): value}) for name, values in figures.items() for value in values
    ]


@pytest.mark.parametrize(
    ("silences", "met"), [([190.0] * 10, True), ([210.0] * 10, False), ([190.0] * 9 + [400.0], False)]
)
def test_a_stop_is_held_against_the_floor_of_the_same_run(silences: list[float], met: bool) -> None:
    made = rows(trials(transport_floor=[120.0] * 5, onset_to_silence=silences))
    row = next(row for row in made if row.name == "onset to silence")
    assert row.target.startswith("p50 ≤ 200")
    assert row.met is met
    above = next(row for row in made if row.name == "onset to silence, above the floor")
    assert above.summary.p50 == row.summary.p50 - 120


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("truncation error", [-20.0] * 20, [-20.0] * 10 + [30.0] * 2),
        ("truncation sent after yield", [49.0], [51.0]),
        ("lost (+) or repeated (-)", [-30.0, 5.0], [15.0]),
        ("model's first audio to ear", [69.0], [71.0]),
        ("dispatch to agent in room", [449.0], [451.0]),
        ("longest gap, loop blocked", [40.0], [50.0]),
    ],
)
def test_each_target_can_be_met_and_missed(name: str, good: list[float], bad: list[float]) -> None:
    for values, met in ((good, True), (bad, False)):
        (row,) = rows([Trial("x", {name: value}) for value in values])
        assert row.target
        assert row.met is met


def test_a_late_harness_is_left_out_and_said() -> None:
    late = Trial("response", {"response": 5000.0}, late=True)
    made = rows([Trial("response", {"response": 600.0}), late])
    assert made[0].summary.n == 1
    assert any("1 of 2" in remark for remark in remarks([Trial("a"), late]))


def test_remarks_are_counted() -> None:
    found = remarks([Trial("resume", remarks=["kept talking"])] * 3)
    assert found == ["resume: kept talking (3 times)"]


def test_density_names_its_calls() -> None:
    names = [r.name for r in rows([Trial("density 4", {"further call, MB PSS": 5.0})])]
    assert names == ["further call, MB PSS (4 calls)"]
