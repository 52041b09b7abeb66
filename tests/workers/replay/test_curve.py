from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError, MediaError
from antiphon.agents.options import TurnTaking
from antiphon.workers.replay import RATE_HZ, Echo, Reply, Scene, Setup
from antiphon.workers.replay.corpus import Clip
from antiphon.workers.replay.curve import (
    Remembered,
    draw_curves,
    endpoint_curve,
    floor_curve,
    sweep,
    with_option,
)
from antiphon.workers.replay.mix import Case

asked = 0


class Loud:
    def window(self, samples: NDArray[np.int16]) -> float:
        global asked
        asked += 1
        return 0.95 if np.abs(samples).max() > 600 else 0.01

    def reset(self) -> None: ...


SETUP = Setup(detector=Loud)


def case(label: str, seconds: float, *, agent: bool = True, resumes_s: float | None = None) -> Case:
    clip = Clip(2, f"{label}{seconds}.flac", label, "en", "", "", "s", "CC0", "score", 0.0, None, "")  # type: ignore[arg-type]
    caller = np.zeros(6 * RATE_HZ, np.int16)
    caller[2 * RATE_HZ : round((2 + seconds) * RATE_HZ)] = 8000
    replies = (Reply(0.3, np.full(20 * RATE_HZ, 4000, np.int16)),) if agent else ()
    return Case(clip, "usual", Scene(clip.name, caller, replies), 2.0, 2.0 + seconds, resumes_s)


def test_a_lower_threshold_yields_more_of_both() -> None:
    cases = [case("interruption", 0.7), case("command", 1.2), case("backchannel", 0.5), case("noise", 0.1)]
    points = floor_curve(sweep(cases, SETUP, "yield_after_s", (0.3, 0.6, 1.0)))
    assert [(point.setting, point.x, point.y) for point in points] == [
        (0.3, 0.5, 1.0),
        (0.6, 0.0, 1.0),
        (1.0, 0.0, 0.5),
    ]
    assert all(point.y_low <= point.y <= point.y_high for point in points)


def test_a_longer_silence_cuts_off_less_and_takes_longer() -> None:
    cases = [case("complete", 1.0, agent=False), case("incomplete", 1.0, agent=False, resumes_s=3.6)]
    quick, slow = endpoint_curve(sweep(cases, SETUP, "silence_s", (0.3, 0.9)))
    assert (quick.y, slow.y) == (1.0, 0.0)
    assert quick.x == pytest.approx(300, abs=60)
    assert slow.x == pytest.approx(900, abs=60)


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


def test_a_wrong_option_is_named_and_the_longest_hold_makes_way() -> None:
    assert with_option(TurnTaking(), "yield_after_s", 2.5).hold_s == 3.0
    with pytest.raises(ConfigError, match="--sweep"):
        with_option(TurnTaking(), "volume", 11)


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    cases = [case("interruption", 0.7), case("backchannel", 0.5)]
    floor = floor_curve(sweep(cases, SETUP, "yield_after_s", (0.3, 0.6)))
    endpoint = endpoint_curve(sweep([case("complete", 1.0, agent=False)], SETUP, "silence_s", (0.3, 0.9)))
    path = tmp_path / "floor.png"
    draw_curves(path, {"by duration": floor}, {"fixed": endpoint}, note="a note")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(MediaError, match="cannot be written"):
        draw_curves(tmp_path / "none" / "floor.png", {}, {})
