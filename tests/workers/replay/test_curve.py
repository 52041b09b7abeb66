from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.agents.options import TurnTaking
from antiphon.workers.replay import RATE_HZ, Echo, Reply, Scene, Setup
from antiphon.workers.replay.corpus import Clip
from antiphon.workers.replay.curve import (
    Remembered,
    by_ceiling,
    by_duration,
    by_odds,
    by_packaged,
    by_policy,
    by_silence,
    endpoint_curve,
    floor_curve,
    remembering,
    sweep,
)
from antiphon.workers.replay.mix import Case

asked = 0


class Loud:
    def window(self, samples: NDArray[np.int16]) -> float:
        global asked
        asked += 1
        return 0.95 if np.abs(samples).max() > 600 else 0.01

    def reset(self) -> None: ...


class Says:
    name = "says"
    occasions = frozenset(Occasion)

    def __init__(self, answer: float) -> None:
        self._answer = answer
        self.asked = 0

    def warm_up(self) -> None: ...

    def opinion(self, question: Question) -> float:
        self.asked += 1
        return self._answer


class Estimates:
    name = "estimates"

    def warm_up(self) -> None: ...

    def probability(self, audio: NDArray[np.int16], quiet_s: float) -> float:
        return 0.0


SETUP = Setup(detector=Loud)


def some(by: Callable[[Setup], dict[float, Setup]], *values: float) -> dict[float, Setup]:
    return {value: setup for value, setup in by(SETUP).items() if value in values}


def noise(seconds: float, level: int, seed: int) -> NDArray[np.int16]:
    """Two seeds are nobody's echo."""
    dice = np.random.default_rng(seed)
    return dice.uniform(-level, level, round(seconds * RATE_HZ)).astype(np.int16)


def case(label: str, seconds: float, *, agent: bool = True, resumes_s: float | None = None) -> Case:
    clip = Clip(2, f"{label}{seconds}.flac", label, "en", "", "", "s", "CC0", "score", 0.0, None, "")  # type: ignore[arg-type]
    caller = np.zeros(6 * RATE_HZ, np.int16)
    caller[2 * RATE_HZ : round((2 + seconds) * RATE_HZ)] = noise(seconds, 8000, 1)
    replies = (Reply(0.3, noise(20.0, 4000, 2)),) if agent else ()
    return Case(clip, "usual", Scene(clip.name, caller, replies), 2.0, 2.0, 2.0 + seconds, resumes_s)


def test_a_lower_threshold_yields_more_of_both() -> None:
    cases = [case("interruption", 0.7), case("command", 1.2), case("backchannel", 0.5), case("noise", 0.1)]
    points = floor_curve(sweep(cases, some(by_duration, 0.29, 0.61, 1.15)))
    assert [(point.setting, point.x, point.y) for point in points] == [
        (0.29, 0.5, 1.0),
        (0.61, 0.0, 1.0),
        (1.15, 0.0, 0.5),
    ]
    assert all(point.y_low <= point.y <= point.y_high for point in points)


def test_a_longer_silence_cuts_off_less_and_takes_longer() -> None:
    cases = [case("complete", 1.0, agent=False), case("incomplete", 1.0, agent=False, resumes_s=3.6)]
    quick, slow = endpoint_curve(sweep(cases, some(by_silence, 0.32, 0.85)))
    assert (quick.y, slow.y) == (1.0, 0.0)
    assert quick.x == pytest.approx(320, abs=60)
    assert slow.x == pytest.approx(850, abs=60)


def test_the_detector_is_asked_once_for_each_case_and_says_the_same() -> None:
    global asked
    memory, one = Remembered(), case("backchannel", 0.5)
    first = memory.run(one, SETUP)
    before = asked
    assert memory.run(one, SETUP) == first
    assert asked == before
    with_echo = replace(one, scene=replace(one.scene, echo=Echo(-40.0)))
    Remembered().run(with_echo, SETUP)
    assert asked > before


def test_thresholds_move_together_and_stay_in_order() -> None:
    setups = by_odds(replace(SETUP, judges=(Says(0.5),)))
    assert [round(one.options.turn_at, 3) for one in setups.values()][2:5] == [0.269, 0.5, 0.731]
    for one in setups.values():
        assert one.options.resume_at < one.options.turn_at < one.options.yield_at


def test_a_judge_is_asked_once_for_the_same_question() -> None:
    judge = Says(0.9)
    cases = [case("interruption", 0.3), case("backchannel", 0.2)]
    points = floor_curve(sweep(cases, by_odds(remembering(replace(SETUP, judges=(judge,))))))
    assert (points[0].x, points[0].y) == (1.0, 1.0)
    assert (points[-1].x, points[-1].y) == (0.0, 0.0)
    assert judge.asked < 20


def test_a_longer_ceiling_waits_longer_where_the_end_is_unlikely() -> None:
    setup = replace(SETUP, turn_end=Estimates())
    cases = [case("incomplete", 1.0, agent=False, resumes_s=3.7)]
    swept = sweep(cases, {value: one for value, one in by_ceiling(setup).items() if value in (0.35, 1.0)})
    assert [point.y for point in endpoint_curve(swept)] == [1.0, 0.0]


def test_policies_are_settings_with_names() -> None:
    judge = Says(0.6)
    setups = by_policy(replace(SETUP, judges=(judge,)), TurnTaking.policy)
    assert list(setups) == ["balanced", "attentive", "determined"]
    points = floor_curve(sweep([case("interruption", 0.3), case("backchannel", 0.2)], setups))
    # At a pause 0.6 is a turn for the balanced and attentive, none for the determined.
    assert [(point.setting, point.x, point.y) for point in points] == [
        ("balanced", 1.0, 1.0),
        ("attentive", 1.0, 1.0),
        ("determined", 0.0, 0.0),
    ]


def test_only_the_labels_that_are_asked_for_are_held_against() -> None:
    cases = [case("interruption", 0.7), case("backchannel", 0.1), case("noise", 0.7)]
    swept = sweep(cases, some(by_duration, 0.29))
    assert floor_curve(swept)[0].x == 0.5
    assert floor_curve(swept, {"backchannel"})[0].x == 0.0
    assert floor_curve(swept, {"noise"})[0].x == 1.0


def test_livekits_rule_waits_longest_where_the_end_is_unlikely() -> None:
    setup = replace(SETUP, turn_end=Estimates())
    cases = [case("incomplete", 1.0, agent=False, resumes_s=5.0)]
    swept = sweep(cases, {value: one for value, one in by_packaged(setup).items() if value == 0.2})
    assert [point.y for point in endpoint_curve(swept)] == [0.0]
