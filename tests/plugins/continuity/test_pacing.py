from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from antiphon.plugins.continuity.pacing import Pace, PacedText


def test_words_wait_for_their_sound() -> None:
    text = PacedText(Pace(16, 1))
    assert text.text("one two three four five six") == ""
    assert text.sound(0.5) == "one two "
    assert text.sound(0.5) == "three "
    assert text.rest() == "four five six"
    assert text.passed == "one two three four five six"


def test_the_rate_is_learnt_from_whole_replies() -> None:
    pace = Pace()
    assert pace.rate == 16
    for _ in range(6):
        text = PacedText(pace)
        text.text("x" * 80)
        text.sound(10.0)
        text.rest()
    assert pace.rate == pytest.approx(8, rel=0.05)
    pace.learn(500, 0.2)  # too short to say
    assert pace.rate == pytest.approx(8, rel=0.05)


@given(st.lists(st.one_of(st.text(" ab", max_size=8), st.floats(0.0, 2.0))))
def test_nothing_is_lost_and_the_order_is_kept(steps: list[str | float]) -> None:
    text, out = PacedText(Pace()), ""
    for step in steps:
        out += text.text(step) if isinstance(step, str) else text.sound(step)
        assert len(out) <= 16 * text.audio_s + 1e-6
    assert out + text.rest() == "".join(step for step in steps if isinstance(step, str))
