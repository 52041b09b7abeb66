from __future__ import annotations

from dataclasses import replace

import pytest

from antiphon.workers.replay.corpus import LABELS
from antiphon.workers.replay.figures import ORDER, figures, wilson
from antiphon.workers.replay.score import Outcome

KEPT = Outcome("a (usual)", "a", "backchannel", "en", "usual", False, "kept", 0, None, None, 0.0, None)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (95, 100, 0.8883, 0.9785)],
)
def test_wilsons_interval(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)  # by statsmodels' proportion_confint


def test_no_draws_say_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_figures_are_over_trials_and_intervals_over_clips() -> None:
    made = figures([KEPT, replace(KEPT, kind="yielded", holds=1)] * 2)
    alive, gaps, *_ = made
    assert (alive.what, alive.value, alive.text) == ("left the reply alive", 0.5, "50.0 %")
    assert (alive.trials, alive.clips, alive.target, alive.met) == (4, 1, "≥ 95%", False)
    assert (alive.low, alive.high) == pytest.approx(wilson(0.5, 1))
    assert (gaps.what, gaps.value) == ("caused a gap or worse", 0.5)


def test_every_label_has_its_lines_in_a_fixed_order() -> None:
    assert set(ORDER) == set(LABELS)
    made = figures([replace(KEPT, label=label) for label in LABELS])
    assert list(dict.fromkeys(figure.label for figure in made)) == list(ORDER)
    assert {figure.language for figure in made if figure.label in ("noise", "vocal", "echo")} == {""}


def test_times_are_of_those_that_have_them() -> None:
    resumed = [replace(KEPT, kind="resumed", gap_s=gap, clip=str(gap)) for gap in (0.2, 0.3, 1.0)]
    by_name = {figure.what: figure for figure in figures([KEPT, *resumed])}
    assert (by_name["gap, p50"].text, by_name["gap, p50"].met) == ("300 ms", True)
    assert (by_name["gap, p50"].trials, by_name["gap, p50"].clips) == (3, 3)
    assert by_name["gap, p95"].met is False
    (alone,) = (figure for figure in figures([KEPT]) if figure.what == "gap, p50")
    assert (alone.text, alone.met) == ("-", None)


def test_silence_is_held_against_the_transports_floor() -> None:
    quick = replace(KEPT, label="interruption", kind="yielded", silent_s=0.3, voice_silent_s=0.06)
    by_name = {figure.what: figure for figure in figures([quick])}
    assert by_name["voice to silence, p50"].target == "≤ floor + 70 ms"
    assert by_name["voice to silence, p50"].met is True


def test_trials_with_an_echo_are_apart() -> None:
    made = figures([KEPT, replace(KEPT, echo=True, kind="early")])
    assert [(f.of, f.value) for f in made if f.what == "left the reply alive"] == [
        ("backchannel en", 1.0),
        ("backchannel en over echo", 0.0),
    ]
    assert len([f for f in made if f.echo]) == 1
    (own,) = figures([replace(KEPT, label="echo", echo=True)])
    assert (own.of, own.met) == ("echo", True)
