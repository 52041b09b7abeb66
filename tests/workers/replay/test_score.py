from __future__ import annotations

import numpy as np
import pytest

from antiphon.agents import timeline as tl
from antiphon.workers.replay.corpus import Clip
from antiphon.workers.replay.engine import Replayed
from antiphon.workers.replay.mix import Case
from antiphon.workers.replay.scene import Scene
from antiphon.workers.replay.score import Outcome, judge, silences

HOLD, RESUME, YIELD = (
    lambda at: tl.Hold(at, 0),
    lambda at: tl.Resume(at, 0, "backchannel"),
    lambda at: tl.Yield(at, 0, "turn"),
)


def outcome(label: str, *events: tl.Event, resumes_s: float | None = None, recipe: str = "usual") -> Outcome:
    """A clip from 2.0 to 3.0 s."""
    clip = Clip(2, "a.flac", label, "en", "", "", "s", "CC0", "score", 0.0, None, "")  # type: ignore[arg-type]
    scene = Scene("a", np.zeros(10, np.int16))
    case = Case(clip, recipe, scene, 2.0, 2.05, 3.0, resumes_s)
    none = np.zeros(0)
    return judge(case, Replayed(scene, events, none, none, scene.caller, scene.caller))


def test_silences_are_held_stretches() -> None:
    found = silences([HOLD(1.0), RESUME(1.5), HOLD(2.0), YIELD(2.4), YIELD(5.0), HOLD(6.0)])
    assert [(s.began_s, s.ended_s, s.yielded_s) for s in found] == [
        (1.0, 1.5, None),
        (2.0, None, 2.4),
        (5.0, None, 5.0),
        (6.0, None, None),
    ]


def test_a_kept_reply() -> None:
    made = outcome("backchannel")
    assert (made.kind, made.right, made.gap_s, made.holds) == ("kept", True, 0.0, 0)
    assert not outcome("interruption").right


def test_a_gap_is_the_longest_silence() -> None:
    made = outcome("noise", HOLD(2.1), RESUME(2.4), HOLD(2.6), RESUME(3.2))
    assert (made.kind, made.right, made.holds) == ("resumed", True, 2)
    assert made.gap_s == pytest.approx(0.6)
    assert not outcome("echo", HOLD(2.1), RESUME(2.4)).right


def test_a_lower_voice_is_no_silence() -> None:
    ducked = tl.Hold(2.1, 0, ducked=True)
    assert silences([ducked, RESUME(2.4)]) == []
    made = outcome("backchannel", ducked, RESUME(2.4))
    assert (made.kind, made.right, made.gap_s) == ("ducked", True, 0.0)
    assert not outcome("echo", ducked, RESUME(2.4)).right
    assert outcome("interruption", ducked, HOLD(2.3), YIELD(2.6)).silent_s == pytest.approx(0.3)
    assert outcome("interruption", ducked, YIELD(2.6)).silent_s == pytest.approx(0.6)


def test_the_voice_is_gone_at_the_first_long_silence() -> None:
    made = outcome("interruption", HOLD(2.1), RESUME(2.2), HOLD(2.3), YIELD(2.7))
    assert (made.kind, made.right) == ("yielded", True)
    assert made.silent_s == pytest.approx(0.3)  # 100 ms were none
    assert made.voice_silent_s == pytest.approx(0.25)
    assert outcome("command", HOLD(2.1), RESUME(2.5), HOLD(2.6), YIELD(2.7)).silent_s == pytest.approx(0.1)
    assert outcome("interruption", HOLD(2.1), YIELD(2.4), recipe="as recorded").silent_s is None
    assert not outcome("backchannel", HOLD(2.1), YIELD(2.7)).right


@pytest.mark.parametrize("label", ["interruption", "backchannel", "noise"])
def test_what_happens_before_the_clip_is_right_for_no_label(label: str) -> None:
    made = outcome(label, HOLD(1.2), YIELD(1.7))
    assert (made.kind, made.right) == ("early", False)


def test_a_complete_turn_is_committed_after_its_end() -> None:
    made = outcome("complete", tl.Commit(3.5, 2.95, 1.0))
    assert (made.kind, made.right) == ("committed", True)
    assert made.committed_s == pytest.approx(0.5)
    assert outcome("complete", tl.Commit(2.9, 2.4, 1.0), tl.Commit(3.5, 2.95, 1.0)).kind == "cut off"
    assert outcome("complete").kind == "not committed"


def test_a_commit_in_a_pause_cuts_off() -> None:
    assert outcome("incomplete", tl.Commit(3.5, 2.95, 1.0), resumes_s=3.7).kind == "cut off"
    assert outcome("incomplete", tl.Commit(3.8, 2.95, 1.0), resumes_s=3.7).right
