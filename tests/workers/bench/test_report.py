from __future__ import annotations

import pytest

from antiphon.workers.bench.report import Row, remarks, rows
from antiphon.workers.bench.scenarios import Trial


def trials(**figures: list[float]) -> list[Trial]:
    return [
        Trial("x", {name.replace("_", " "): value}) for name, values in figures.items() for value in values
    ]


def row(made: list[Trial], name: str) -> Row:
    return next(row for row in rows(made) if row.name == name)


def failures(name: str, count: int) -> list[Trial]:
    return [Trial("x", failed=[name]) for _ in range(count)]


@pytest.mark.parametrize(
    ("silences", "met"), [([190.0] * 10, True), ([210.0] * 10, False), ([190.0] * 9 + [400.0], False)]
)
def test_a_stop_is_held_against_the_floor_of_the_same_run(silences: list[float], met: bool) -> None:
    made = trials(transport_floor=[120.0] * 5, onset_to_silence=silences)
    found = row(made, "onset to silence")
    assert found.target.startswith("p50 ≤ 200")
    assert found.met is met
    above = row(made, "onset to silence, above the floor").summary
    assert above is not None
    assert found.summary is not None
    assert above.p50 == found.summary.p50 - 120


TARGETS = [
    ("truncation error", [-20.0] * 20, [-20.0] * 10 + [30.0] * 2),
    ("truncation sent after yield", [49.0], [51.0]),
    ("lost (+) or repeated (-)", [-40.0, 10.0], [11.0]),
    ("lost (+) or repeated (-)", [-30.0], [-41.0]),
    ("model's first audio to ear", [69.0], [71.0]),
    ("dispatch to agent in room", [449.0], [451.0]),
    ("longest gap, loop blocked", [39.0], [41.0]),
]


@pytest.mark.parametrize(("name", "good", "bad"), TARGETS)
def test_each_target_can_be_met_and_missed(name: str, good: list[float], bad: list[float]) -> None:
    for values, met in ((good, True), (bad, False)):
        (found,) = rows([Trial("x", {name: value}) for value in values])
        assert found.target
        assert found.met is met


@pytest.mark.parametrize(("name", "good", "bad"), TARGETS)
def test_what_failed_counts_against_the_target(name: str, good: list[float], bad: list[float]) -> None:
    survived = [Trial("x", {name: value}) for value in good]
    found = row(survived + failures(name, len(good) + 1), name)
    assert found.met is False
    assert found.attempts == 2 * len(good) + 1
    assert found.summary is not None
    assert found.summary.n == len(good)
    assert row(failures(name, 1), name) == Row(name, "", None, 1, found.target, False)


@pytest.mark.parametrize(("stopped", "failed", "met"), [(40, 1, True), (10, 1, False), (1, 9, False)])
def test_few_enough_failures_are_within_a_percentile(stopped: int, failed: int, met: bool) -> None:
    made = trials(transport_floor=[120.0], onset_to_silence=[190.0] * stopped)
    assert row(made + failures("onset to silence", failed), "onset to silence").met is met


def test_without_what_it_is_held_against_a_target_is_not_met() -> None:
    made = [*trials(onset_to_silence=[10.0]), *failures("transport floor", 3)]
    assert row(made, "onset to silence").met is False
    blocked = "onset to silence, loop blocked"
    assert row([*trials(onset_to_silence=[190.0]), Trial("x", {blocked: 205.0})], blocked).met is True
    assert row([*trials(onset_to_silence=[190.0]), Trial("x", {blocked: 215.0})], blocked).met is False
    assert row([*failures("onset to silence", 1), Trial("x", {blocked: 205.0})], blocked).met is False


def test_a_figure_without_a_target_is_neither_met_nor_missed() -> None:
    (found,) = rows([Trial("response", {"response": 600.0})])
    assert (found.target, found.met) == ("", None)


def test_a_late_harness_is_left_out_and_said() -> None:
    late = Trial("barge-in", {"truncation error": 5000.0}, ["a remark"], ["response"], late=True)
    made = rows([Trial("response", {"response": 600.0, "truncation error": 1.0}), late])
    assert [(r.name, r.attempts) for r in made] == [("response", 1), ("truncation error", 1)]
    assert remarks([Trial("a"), late]) == ["1 of 2 trials thrown away: the harness itself was late"]
    (nothing,) = rows([Trial("blocked", {"longest gap, loop blocked": 1.0}, late=True)])
    assert (nothing.summary, nothing.attempts, nothing.met) == (None, 0, False)


def test_arms_are_kept_apart_and_share_the_floor() -> None:
    made = [
        Trial("floor", {"transport floor": 120.0}),
        Trial("barge-in", {"onset to silence": 190.0}, arm="antiphon"),
        Trial("barge-in", {"onset to silence": 700.0}, arm="livekit-agents"),
    ]
    found = {r.arm: r for r in rows(made) if r.name == "onset to silence"}
    assert {arm: r.met for arm, r in found.items()} == {"antiphon": True, "livekit-agents": False}
    assert all(r.attempts == 1 and "floor" in r.target for r in found.values())


def test_remarks_are_counted() -> None:
    found = remarks([Trial("resume", remarks=["kept talking"], arm="antiphon")] * 3)
    assert found == ["antiphon resume: kept talking (3 times)"]


def test_density_names_its_calls() -> None:
    names = [r.name for r in rows([Trial("density 4", {"further call, MB PSS": 5.0})])]
    assert names == ["further call, MB PSS (4 calls)"]
