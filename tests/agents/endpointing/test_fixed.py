from __future__ import annotations

import pytest

from antiphon.agents.endpointing import FixedSilence


def test_a_turn_is_over_after_the_silence_since_its_last_voice() -> None:
    asked = FixedSilence(0.48)
    assert asked.deadline() is None
    asked.speech_began(1.0)
    assert asked.deadline() is None
    asked.speech_ended(2.2, 2.0)
    assert asked.deadline() == pytest.approx(2.48)
    asked.estimated(2.3, 0.99)
    assert asked.deadline() == pytest.approx(2.48)


def test_speech_that_goes_on_puts_it_off_and_a_new_turn_starts_afresh() -> None:
    asked = FixedSilence(0.48)
    asked.speech_began(1.0)
    asked.speech_ended(2.2, 2.0)
    asked.speech_began(2.3)
    assert asked.deadline() is None
    asked.speech_ended(3.2, 3.0)
    asked.forget()
    assert asked.deadline() is None
