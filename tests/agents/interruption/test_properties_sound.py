"""Whatever a person does and the judges say: what is heard of a reply is all of it, in order, up to where it
was cut. The parts of a call in virtual time, with a reply whose every millisecond is told apart by its level.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.agents.options import TurnTaking
from antiphon.workers.replay import RATE_HZ, Reply, Scene, Setup, replay
from antiphon.workers.replay.engine import Replayed

MS = RATE_HZ // 1000
LENGTH_S = 5.0
FADE_MS = 5
LOUD = 9_000


class ByLevel:
    """Silent, unsure or loud: the person's sound says how likely it is speech."""

    def window(self, samples: NDArray[np.int16]) -> float:
        peak = int(np.abs(samples.astype(np.int32)).max())
        return 0.95 if peak > 6_000 else 0.42 if peak > 1_000 else 0.01

    def reset(self) -> None: ...


class Draws:
    """A judge who says what was drawn for it, question by question."""

    occasions = frozenset(Occasion)

    def __init__(self, name: str, answers: list[float | None]) -> None:
        self.name = name
        self._drawn = answers
        self._answers: Iterator[float | None] = iter(answers)

    def warm_up(self) -> None: ...

    def again(self) -> Draws:
        return Draws(self.name, self._drawn)

    def opinion(self, question: Question) -> float | None:
        return next(self._answers, None)


def telling(seconds: float) -> NDArray[np.int16]:
    """Its level rises by one each millisecond, from 10,000: the level is the position."""
    return (10_000 + np.arange(round(seconds * RATE_HZ)) // MS).astype(np.int16)


def positions(heard: NDArray[np.int16]) -> NDArray[np.int64]:
    """The milliseconds of the reply that were heard, in the order in which they were; faded ones left out."""
    values = heard.astype(np.int64)
    steady = (values[4:] >= 10_000) & (values[4:] - values[:-4] >= 0) & (values[4:] - values[:-4] <= 1)
    return values[4:][steady] - 10_000


sounds = st.lists(
    st.tuples(st.floats(0.02, 1.2), st.floats(0.03, 1.4), st.sampled_from([2_000, LOUD, LOUD])), max_size=4
)
answers = st.lists(st.one_of(st.none(), st.floats(0.0, 1.0)), max_size=12)
options = st.sampled_from(
    [
        TurnTaking(),
        TurnTaking.policy("attentive"),
        TurnTaking.policy("determined", rehold_s=0.0),
        TurnTaking(hold_s=0.6, judge_s=0.1, rehold_s=0.0),
    ]
)


def scene(parts: list[tuple[float, float, int]]) -> Scene:
    caller = np.zeros(round(LENGTH_S * RATE_HZ), np.int16)
    at = 0.8
    for gap, seconds, level in parts:
        first = round((at + gap) * RATE_HZ)
        wave = np.where(np.arange(round(seconds * RATE_HZ)) % 100 < 50, level, -level).astype(np.int16)
        kept = caller[first : first + len(wave)]
        kept[:] = wave[: len(kept)]
        at += gap + seconds
    return Scene("a scene", caller, (Reply(0.3, telling(8.0)),))


def run(parts: list[tuple[float, float, int]], judges: list[Draws], taking: TurnTaking) -> Replayed:
    asked = tuple(judge.again() for judge in judges)
    takes = {"quick": 0.02, "slow": 0.35}
    return replay(scene(parts), Setup(taking, judges=asked, takes_s=takes, detector=ByLevel))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(parts=sounds, quick=answers, slow=answers, taking=options)
def test_nothing_of_a_reply_is_lost_but_its_end(
    parts: list[tuple[float, float, int]],
    quick: list[float | None],
    slow: list[float | None],
    taking: TurnTaking,
) -> None:
    judges = [Draws("quick", quick), Draws("slow", slow)]
    made = run(parts, judges, taking)
    at = positions(made.heard)
    assert at[0] <= FADE_MS + 1
    jumps = np.diff(at)
    assert jumps.max(initial=0) <= FADE_MS + 3, "something was skipped"
    holds = [e for e in made.events if isinstance(e, tl.Hold)]
    resumes = [e for e in made.events if isinstance(e, tl.Resume)]
    yields = [e for e in made.events if isinstance(e, tl.Yield)]
    long = sum(
        any(h.at <= r.at - taking.rewind_after_s for h in holds if h.at < r.at and h.heard_ms >= r.heard_ms)
        for r in resumes
    )
    assert np.count_nonzero(jumps < -FADE_MS - 3) <= long, "something was said twice"
    assert len(yields) <= 1
    assert len(holds) - len(resumes) - len(yields) <= 1  # the last may still be on
    if yields:  # and the model is told how much of it was heard
        assert abs(int(at.max()) - yields[0].heard_ms) <= 2 * FADE_MS + 20
    again = run(parts, judges, taking)
    assert json.dumps(again.records()) == json.dumps(made.records())
    assert again.heard.tobytes() == made.heard.tobytes()


def test_the_measure_sees_a_skip_and_a_repeat() -> None:
    whole = telling(1.0)
    skipped = np.concatenate([whole[: 300 * MS], whole[330 * MS :]])
    assert np.diff(positions(skipped)).max() >= 30
    repeated = np.concatenate([whole[: 300 * MS], whole[200 * MS :]])
    assert np.diff(positions(repeated)).min() <= -95
    assert np.diff(positions(whole)).max() == 1
