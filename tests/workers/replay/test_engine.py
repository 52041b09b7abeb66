"""The parts of a call in virtual time, with a detector that takes what is loud for speech."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.options import TurnTaking
from antiphon.workers.replay import RATE_HZ, Echo, Reply, Scene, Setup, replay
from antiphon.workers.replay.sound import read_mono

DATA = Path(__file__).parents[2] / "data"


class Loud:
    def window(self, samples: NDArray[np.int16]) -> float:
        return 0.95 if np.abs(samples).max() > 600 else 0.01

    def reset(self) -> None: ...


SETUP = Setup(detector=Loud)


def noise(seconds: float, level: int) -> np.ndarray:
    dice = np.random.default_rng(3)
    return (dice.uniform(-level, level, round(seconds * RATE_HZ))).astype(np.int16)


def scene(*parts: tuple[float, float], length_s: float = 8.0, echo: Echo | None = None) -> Scene:
    """A reply of 20 s from 0.5 s on, and a person who speaks from and for so many seconds."""
    caller = np.zeros(round(length_s * RATE_HZ), np.int16)
    for at, seconds in parts:
        first = round(at * RATE_HZ)
        caller[first : first + round(seconds * RATE_HZ)] = noise(seconds, 6000)
    return Scene("a scene", caller, (Reply(0.5, noise(20.0, 5000)),), echo)


def of(events: tuple[tl.Event, ...], *kinds: type) -> list[tl.Event]:
    return [event for event in events if isinstance(event, kinds)]


def test_long_speech_over_the_agent_takes_the_floor() -> None:
    made = replay(scene((2.0, 1.5)), SETUP)
    hold, ended = of(made.events, tl.Hold, tl.Yield)
    assert isinstance(hold, tl.Hold)
    assert isinstance(ended, tl.Yield)
    assert 2.0 < hold.at < 2.1
    assert 2.3 < ended.at < 2.6
    assert ended.heard_ms == pytest.approx((hold.at - 0.5) * 1000, abs=30)
    assert not made.heard[round((hold.at + 0.01) * RATE_HZ) :].any()
    (commit,) = of(made.events, tl.Commit)
    assert commit.at == pytest.approx(3.5 + TurnTaking().silence_s, abs=0.06)


def test_a_short_sound_is_held_for_and_the_reply_goes_on_at_the_sample() -> None:
    alone = replay(scene(), SETUP)
    made = replay(scene((2.0, 0.2)), SETUP)
    hold, resume = of(made.events, tl.Hold, tl.Resume)
    assert 0.2 < resume.at - hold.at < 0.6
    assert of(made.events, tl.Yield, tl.Commit) == []
    # After the fade, what was held for is all that it is behind by.
    late = round((resume.at - hold.at) * RATE_HZ)
    at = round((resume.at + 0.5) * RATE_HZ)
    assert (
        np.abs(made.heard[at : at + 2000].astype(int) - alone.heard[at - late : at - late + 2000]).max() == 0
    )


def test_the_same_input_gives_the_same_timeline_bit_for_bit() -> None:
    made = [replay(scene((2.0, 0.3), (4.0, 1.0), echo=Echo(-30.0)), SETUP) for _ in range(2)]
    first, second = (json.dumps(one.records()) for one in made)
    assert first == second
    assert made[0].heard.tobytes() == made[1].heard.tobytes()
    assert made[0].microphone.tobytes() == made[1].microphone.tobytes()


def test_it_is_the_same_with_the_real_detector() -> None:
    speech = read_mono(DATA / "en_ast_hang_on_a_second.flac")
    caller = np.concatenate([np.zeros(2 * RATE_HZ, np.int16), speech, np.zeros(2 * RATE_HZ, np.int16)])
    made = [replay(Scene("s", caller, (Reply(0.5, noise(20.0, 5000)),)), Setup()) for _ in range(2)]
    assert json.dumps(made[0].records()) == json.dumps(made[1].records())
    assert of(made[0].events, tl.Yield)
    again = replay(made[0].scene, Setup(), speech=made[0].speech.tolist())
    assert again.records() == made[0].records()


def test_it_is_many_times_faster_than_real_time() -> None:
    began = time.monotonic()
    made = replay(scene((2.0, 0.3), length_s=20.0), SETUP)
    assert made.scene.length_s / (time.monotonic() - began) > 5  # about 200 here


def test_an_echo_is_in_the_microphone_and_ends_with_the_voice() -> None:
    made = replay(scene((4.0, 1.0), echo=Echo(-20.0)), replace(SETUP, detector=Deaf))
    before, after = made.microphone[RATE_HZ : 2 * RATE_HZ], made.heard[RATE_HZ : 2 * RATE_HZ]
    level = 20 * np.log10(before.astype(float).std() / after.astype(float).std())
    assert level == pytest.approx(-20.0, abs=1.5)
    assert not made.microphone[: round(0.6 * RATE_HZ)].any()  # it takes 120 ms to get there


class Deaf(Loud):
    def window(self, samples: NDArray[np.int16]) -> float:
        return 0.0


def test_replies_follow_each_other_as_they_came() -> None:
    caller = np.zeros(6 * RATE_HZ, np.int16)
    made = replay(Scene("s", caller, (Reply(0.5, noise(1.0, 5000)), Reply(3.0, noise(1.0, 5000)))), SETUP)
    started = of(made.events, tl.PlayoutStarted)
    assert [round(event.at, 2) for event in started] == [0.5, 3.0]
    assert [round(event.at, 1) for event in of(made.events, tl.PlayoutEnded)] == [1.5, 4.0]


def test_options_decide() -> None:
    patient = replace(SETUP, options=TurnTaking(yield_after_s=1.8))
    assert of(replay(scene((2.0, 1.5)), patient).events, tl.Yield) == []
    assert of(replay(scene((2.0, 1.5)), SETUP).events, tl.Yield) != []


def test_every_window_is_kept() -> None:
    made = replay(scene((2.0, 0.5)), SETUP)
    assert len(made.speech) == len(made.window_at_s) == int(8.0 / 0.032)
    assert np.all(np.diff(made.window_at_s) > 0)
    assert len(made.heard) == len(made.microphone) == len(made.scene.caller)


def test_the_evidence_of_a_speech_is_kept_where_it_is_wanted_and_changes_nothing() -> None:
    plain, watched = replay(scene((2.0, 0.5)), SETUP), replay(scene((2.0, 0.5)), SETUP, evidence=True)
    assert plain.evidence == ()
    assert plain.records() == watched.records()
    at, last = watched.evidence[-1]
    assert 2.4 < at < 2.8
    assert last.on
    assert last.voiced_s == pytest.approx(0.5, abs=0.07)
    (noted,) = of(plain.events, tl.Evidence)
    (decided,) = of(plain.events, tl.Yield, tl.Resume)
    assert noted.at == decided.at
