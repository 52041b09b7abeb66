"""Operating curves: what a threshold costs and what it brings, over the same cases.

For the floor: how often real interruptions take it against how often anything else does. For
endpointing: how often a person is cut off in a pause against how long they wait when they are done. Each
point is a run of all its cases with one option changed; what the detector said is kept from the first run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np

from antiphon.agents.options import POLICIES, TurnTaking
from antiphon.workers.replay.asking import Remembering, RememberingEstimator
from antiphon.workers.replay.engine import Replayed, Setup, replay
from antiphon.workers.replay.figures import wilson
from antiphon.workers.replay.mix import Case, for_case
from antiphon.workers.replay.packaged import Packaged
from antiphon.workers.replay.score import WANTS_FLOOR, Outcome, judge

__all__ = [
    "OTHERS",
    "Point",
    "Remembered",
    "by_ceiling",
    "by_duration",
    "by_odds",
    "by_packaged",
    "by_policy",
    "by_silence",
    "endpoint_curve",
    "floor_curve",
    "remembering",
    "sweep",
]

YIELD_AFTER_S: Final = (0.16, 0.29, 0.42, 0.61, 0.90, 1.15, 1.50)  # chosen
ODDS: Final = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0)  # chosen
CEILING_S: Final = (0.35, 0.5, 0.65, 0.8, 1.0, 1.2, 1.5, 2.0)  # chosen
PACKAGED_S: Final = (0.2, 0.3, 0.4, 0.5, 0.65, 0.8)  # chosen, around livekit-agents' 0.5
SILENCE_S: Final = (0.20, 0.26, 0.32, 0.38, 0.48, 0.58, 0.70, 0.85, 1.00, 1.20)  # chosen
OTHERS: Final = frozenset({"backchannel", "vocal", "noise", "speech", "echo"})
"""Labels of sounds that do not want the floor."""


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of the option that is varied."""

    setting: float | str
    x: float
    """Floor: share of other sounds that took it. Endpointing: median from end to commit, ms."""
    x_low: float
    x_high: float
    y: float
    """Floor: share of interruptions that took it. Endpointing: share of false cutoffs."""
    y_low: float
    y_high: float


class Remembered:
    """What the detector said of each case, so that it is asked once. Cases with an echo are asked anew."""

    def __init__(self) -> None:
        self._speech: dict[str, Sequence[float]] = {}

    def replay(self, case: Case, setup: Setup, *, evidence: bool = False) -> Replayed:
        """Replays a case."""
        speech = self._speech.get(case.name)
        replayed = replay(case.scene, for_case(case, setup), speech=speech, evidence=evidence)
        if case.scene.echo is None and speech is None:
            self._speech[case.name] = replayed.speech.tolist()
        return replayed

    def run(self, case: Case, setup: Setup) -> Outcome:
        """Replays and scores a case."""
        return judge(case, self.replay(case, setup))


_K = TypeVar("_K", float, str)


def sweep(
    cases: Sequence[Case],
    setups: Mapping[_K, Setup],
    told: Callable[[str], None] = lambda _: None,
    memory: Remembered | None = None,
) -> dict[_K, list[Outcome]]:
    """Runs all cases under each setup.

    Args:
        cases: The same for each.
        setups: By the value of what is varied.
        told: Each run of a case, before it.
        memory: Of earlier runs over these cases.
    """
    memory = memory or Remembered()
    found: dict[_K, list[Outcome]] = {}
    for value, setup in setups.items():
        found[value] = []
        for case in cases:
            told(f"{value}: {case.name}")
            found[value].append(memory.run(case, setup))
    return found


def remembering(setup: Setup) -> Setup:
    """The setup with judges and an estimator who are asked the same question once, whoever asks it."""
    turn_end = None if setup.turn_end is None else RememberingEstimator(setup.turn_end)
    return replace(setup, judges=tuple(map(Remembering, setup.judges)), turn_end=turn_end)


def by_duration(setup: Setup) -> dict[float, Setup]:
    """Setups without judges, by `yield_after_s`."""

    def options(value: float) -> TurnTaking:
        hold_s = max(setup.options.hold_s, value + 0.5)  # the longest hold makes way
        return replace(setup.options, yield_after_s=value, hold_s=hold_s)

    return {value: replace(setup, judges=(), options=options(value)) for value in YIELD_AFTER_S}


def by_odds(setup: Setup) -> dict[float, Setup]:
    """Setups by log-odds that are added to all three thresholds of the fusion."""

    def options(shift: float) -> TurnTaking:
        def moved(name: str) -> float:
            """In log-odds, and held to the option's range."""
            spec = TurnTaking.__dataclass_fields__[name]
            p = getattr(setup.options, name)
            odds = math.log(p / (1 - p)) + shift
            return float(np.clip(1 / (1 + math.exp(-odds)), spec.metadata["low"], spec.metadata["high"]))

        return replace(
            setup.options,
            turn_at=moved("turn_at"),
            yield_at=moved("yield_at"),
            resume_at=moved("resume_at"),
        )

    return {shift: replace(setup, options=options(shift)) for shift in ODDS}


def by_silence(setup: Setup) -> dict[float, Setup]:
    """Setups with a fixed silence, by its length."""
    return {
        value: replace(setup, options=replace(setup.options, silence_s=value), turn_end=None)
        for value in SILENCE_S
    }


def by_ceiling(setup: Setup) -> dict[float, Setup]:
    """Setups with the setup's estimator, by the longest silence."""

    def options(ceiling_s: float) -> TurnTaking:
        silence_s = min(setup.options.silence_s, ceiling_s)
        return replace(setup.options, endpoint_ceiling_s=ceiling_s, silence_s=silence_s)

    return {value: replace(setup, options=options(value)) for value in CEILING_S}


def by_packaged(setup: Setup) -> dict[float, Setup]:
    """Setups with the setup's estimator and livekit-agents' rule, by its shorter wait."""

    def ending(min_s: float) -> Callable[[TurnTaking], Packaged]:
        return lambda _: Packaged(min_s)

    return {value: replace(setup, endpointer=ending(value)) for value in PACKAGED_S}


def by_policy(setup: Setup, options: Callable[[str], TurnTaking]) -> dict[str, Setup]:
    """Setups with each floor policy, by its name; ``options`` makes a policy's numbers."""
    return {name: replace(setup, options=options(name)) for name in POLICIES}


def floor_curve(
    swept: Mapping[float, Sequence[Outcome]] | Mapping[str, Sequence[Outcome]],
    against: Collection[str] = OTHERS,
) -> list[Point]:
    """Interruptions and commands that took the floor, against other sounds that did.

    Args:
        swept: As `sweep` returns it.
        against: Labels of those other sounds.
    """
    made = []
    for setting, outcomes in swept.items():
        wants = [o for o in outcomes if o.label in WANTS_FLOOR]
        others = [o for o in outcomes if o.label in against]
        x = _share(others, lambda o: o.kind in ("yielded", "early"))
        made.append(Point(setting, *x, *_share(wants, lambda o: o.right)))
    return made


def endpoint_curve(swept: Mapping[float, Sequence[Outcome]]) -> list[Point]:
    """False cutoffs against the median from end to commit, ms, with the 25th and 95th percentiles: who waits
    long after some turns only has a good median, too."""
    made = []
    for setting, outcomes in swept.items():
        late = [o.committed_s * 1000 for o in outcomes if o.committed_s is not None]
        cut = _share([o for o in outcomes if o.label == "incomplete"], lambda o: not o.right)
        low, x, high = np.percentile(late, (25, 50, 95)) if late else (np.nan, np.nan, np.nan)
        made.append(Point(setting, float(x), float(low), float(high), *cut))
    return made


def _share(outcomes: Sequence[Outcome], of: Callable[[Outcome], bool]) -> tuple[float, float, float]:
    if not outcomes:
        return float("nan"), 0.0, 1.0
    share = sum(map(of, outcomes)) / len(outcomes)
    clips = len({o.clip for o in outcomes})
    return share, *wilson(share * clips, clips)
