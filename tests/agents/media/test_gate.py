from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.agents.media.gate import Gate
from antiphon.agents.media.router import Samples

RATE = 1000  # Hz: a sample is a millisecond


class Rig:
    def __init__(self) -> None:
        self.sent: list[int] = []
        self.gate = Gate(rate_hz=RATE, pre_roll_s=0.3, send=self._send)
        self.clock = 0

    def _send(self, samples: Samples) -> None:
        self.sent += samples.tolist()

    def push(self, count: int) -> None:
        """Pushes samples that carry their own position, 20 at a time."""
        end = self.clock + count
        while self.clock < end:
            step = min(20, end - self.clock)
            self.gate.push(np.arange(self.clock, self.clock + step, dtype=np.int16))
            self.clock += step


def test_nothing_reaches_the_model_while_nobody_speaks() -> None:
    rig = Rig()
    rig.push(2000)
    assert rig.sent == []


def test_opening_sends_the_pre_roll_from_before_the_voice_then_live_audio() -> None:
    rig = Rig()
    rig.push(2000)
    rig.gate.open(0.1)  # the voice began 100 ms ago
    rig.push(100)
    assert rig.sent == list(range(1600, 2100))
    assert rig.gate.turn_samples == 500


def test_an_opening_soon_after_a_close_sends_no_sample_twice_and_fills_the_pause() -> None:
    rig = Rig()
    rig.push(1000)
    rig.gate.open(0.0)
    rig.push(200)
    rig.gate.close()
    rig.push(100)
    rig.gate.open(0.05)
    rig.push(20)
    assert rig.sent == list(range(700, 1320))


def test_a_stored_turn_is_sent_only_when_released() -> None:
    rig = Rig()
    rig.push(1000)
    rig.gate.store(0.06)
    rig.push(400)
    assert rig.sent == []
    rig.gate.release()
    rig.push(20)
    assert rig.sent == list(range(640, 1420))


def test_a_discarded_turn_never_arrives_and_is_no_pre_roll_of_the_next() -> None:
    rig = Rig()
    rig.push(1000)
    rig.gate.store(0.0)
    rig.push(200)
    assert rig.gate.discard() == 500
    rig.push(100)
    rig.gate.open(0.05)
    assert rig.sent == list(range(1200, 1300))


def test_what_was_dropped_as_if_unheard_is_pre_roll_again() -> None:
    rig = Rig()
    rig.push(1000)
    rig.gate.store(0.0)
    rig.push(50)
    rig.gate.discard(as_if_unheard=True)
    rig.push(50)
    rig.gate.open(0.0)
    assert rig.sent == list(range(800, 1100))


def test_storing_that_was_closed_goes_on_with_the_pause_left_out() -> None:
    rig = Rig()
    rig.push(1000)
    rig.gate.store(0.0)
    rig.push(100)
    rig.gate.close()
    rig.push(1000)
    rig.gate.store(0.0)
    rig.push(100)
    assert rig.gate.commit() == 800
    assert rig.sent == [*range(700, 1100), *range(1800, 2200)]


def test_another_pre_roll_counts_from_the_next_turn_on() -> None:
    rig = Rig()
    rig.push(1000)
    rig.gate.change(0.1)
    rig.gate.open(0.0)
    assert rig.sent == list(range(900, 1000))


def test_a_commit_sends_what_is_stored_and_ends_the_turn() -> None:
    rig = Rig()
    rig.push(500)
    rig.gate.store(0.0)
    rig.push(100)
    assert rig.gate.commit() == 400
    assert rig.sent == list(range(200, 600))
    rig.push(100)
    assert len(rig.sent) == 400


def test_a_gap_makes_no_pre_roll() -> None:
    rig = Rig()
    rig.push(1000)
    rig.gate.forget()
    rig.push(40)
    rig.gate.open(0.02)
    assert rig.sent == list(range(1000, 1040))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["push", "open", "store", "release", "close", "commit", "discard", "unheard", "forget"]
            ),
            st.integers(0, 900),
        ),
        max_size=40,
    )
)
def test_no_sample_is_ever_sent_twice_or_out_of_order(steps: list[tuple[str, int]]) -> None:
    rig = Rig()
    for step, value in steps:
        match step:
            case "push":
                rig.push(value)
            case "open":
                rig.gate.open(value / 1000)
            case "store":
                rig.gate.store(value / 1000)
            case "unheard":
                rig.gate.discard(as_if_unheard=True)
            case name:
                getattr(rig.gate, name)()
        assert rig.gate.turn_samples >= 0
    assert rig.sent == sorted(set(rig.sent))
