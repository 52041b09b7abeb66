"""What a window tells before the controller has it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from antiphon.agents import timeline as tl
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.media.echo import EchoEstimator, EchoReference
from antiphon.agents.media.inquiries import Inquiries
from antiphon.agents.media.looking import Looking
from antiphon.agents.media.noting import EvidenceNotes
from antiphon.agents.options import TurnTaking

SOFT = TurnTaking(onset_rising=0.3)
SURE = TurnTaking(onset_rising=0.5, onset_pitched=0.5)
WINDOW = np.full(512, 3277, dtype=np.int16)  # -20 dBFS


def looking(options: TurnTaking) -> Looking:
    reference = EchoReference(24_000)
    echo = EchoEstimator(reference)
    noted: list[tl.Event] = []
    evidence = EvidenceNotes(OnsetDetector.of(options), reference.stand, noted.append)
    return Looking(options, echo, Inquiries(None, echo, ""), evidence)


def test_the_level_is_measured_only_where_soft_openings_are_wanted() -> None:
    assert looking(SURE).window(1.0, WINDOW, 0.9).level_dbfs is None
    assert looking(SOFT).window(1.0, WINDOW, 0.9).level_dbfs == pytest.approx(-20.0, abs=0.1)


def test_other_numbers_count_from_the_next_window() -> None:
    one = looking(SURE)
    one.change(SOFT)
    assert one.window(1.0, WINDOW, 0.9).level_dbfs is not None


def test_only_a_window_that_sounds_like_a_voice_is_when_one_was_heard() -> None:
    one = looking(SURE)
    one.window(1.0, WINDOW, 0.4)
    assert one.voice_at == -math.inf
    one.window(2.0, WINDOW, 0.6)
    one.window(3.0, WINDOW, 0.1)
    assert one.voice_at == 2.0
    one.lose()
    assert one.voice_at == 2.0


def test_the_controller_gets_the_probability_and_time_as_they_are() -> None:
    frame = looking(SURE).window(4.5, WINDOW, 0.7)
    assert (frame.now, frame.speech, frame.echo) == (4.5, 0.7, 0.0)
