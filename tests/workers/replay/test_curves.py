from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.agents.options import TurnTaking
from antiphon.workers.replay import RATE_HZ, Echo, Reply, Scene, Setup
from antiphon.workers.replay.corpus import Clip
from antiphon.workers.replay.curves import find_curves
from antiphon.workers.replay.mix import Case


class Loud:
    def window(self, samples: NDArray[np.int16]) -> float:
        return 0.95 if np.abs(samples).max() > 600 else 0.01

    def reset(self) -> None: ...


class Says:
    name = "says"
    occasions = frozenset(Occasion)

    def warm_up(self) -> None: ...

    def opinion(self, question: Question) -> float:
        return 0.9


class Estimates:
    name = "estimates"

    def warm_up(self) -> None: ...

    def probability(self, audio: NDArray[np.int16], quiet_s: float) -> float:
        return 0.0


def case(label: str, *, agent: bool = True, echo: bool = False) -> Case:
    clip = Clip(2, f"{label}.flac", label, "en", "", "", "s", "CC0", "score", 0.0, None, "")  # type: ignore[arg-type]
    caller = np.zeros(4 * RATE_HZ, np.int16)
    caller[2 * RATE_HZ : round(2.5 * RATE_HZ)] = 6000
    replies = (Reply(0.3, np.full(8 * RATE_HZ, 4000, np.int16)),) if agent else ()
    scene = Scene(clip.name, caller, replies, Echo(-30.0) if echo else None)
    return Case(clip, "usual", scene, 2.0, 2.0, 2.5)


CASES = [case("interruption"), case("backchannel"), case("noise", echo=True), case("complete", agent=False)]


def test_every_curve_has_its_points() -> None:
    setup = Setup(detector=Loud, judges=(Says(),), turn_end=Estimates())
    told: list[str] = []
    made = find_curves(CASES, setup, TurnTaking.policy, note="x", told=told.append)
    duration, ours = made.others
    assert list(made.backchannels) == [duration, ours]
    assert (duration.split(",")[0], ours.split(",")[0]) == ("duration alone", "ours (says)")
    assert [point.setting for point in made.policies["others"]] == ["balanced", "attentive", "determined"]
    assert len(made.endings) == 3
    assert made.note == "x; 2 cases over the agent, 1 to a silent one"
    assert told
    # The case with an echo is none of them: only the backchannel is held against.
    assert made.others[ours][0].x == 1.0


def test_what_decides_nothing_has_no_curve() -> None:
    made = find_curves(CASES, Setup(detector=Loud), TurnTaking.policy)
    assert list(made.others) == ["duration alone, s of voice"]
    assert list(made.endings) == ["a fixed silence, s"]
    assert made.policies == {}
    only = find_curves(CASES[-1:], replace(Setup(detector=Loud)), TurnTaking.policy)
    assert only.others == {}
