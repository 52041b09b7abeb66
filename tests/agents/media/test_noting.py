from __future__ import annotations

import json
import math

import numpy as np
import pytest

from antiphon.agents import timeline as tl
from antiphon.agents.interruption.evidence import AgentStand, Evidence
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.media.noting import LATEST_S, EvidenceNotes, event_of

W = 0.032


def heard(windows: int) -> tuple[EvidenceNotes, list[tl.Event], float]:
    onset = OnsetDetector(enter=0.5, exit=0.35, onset_s=W, speech_gap_s=0.192)
    noted: list[tl.Event] = []
    notes = EvidenceNotes(onset, lambda at: AgentStand(-20.0, 0.04), noted.append)
    sound = np.random.default_rng(1).integers(-3000, 3000, 512).astype(np.int16)
    for number in range(windows):
        notes.window((number + 1) * W, sound, 0.9, 0.1, None)
        onset.frame((number + 1) * W, 0.9)
    return notes, noted, windows * W


def test_a_decision_notes_what_it_was_about() -> None:
    notes, noted, now = heard(8)
    notes.decided(now)
    (event,) = noted
    assert isinstance(event, tl.Evidence)
    assert event.at == now
    assert event.voiced_s == pytest.approx(8 * W)
    assert event.echo == pytest.approx(0.1)
    assert event.agent_quiet_s == pytest.approx(0.04)
    assert event.agent_left_s is None


def test_one_that_nobodys_voice_was_the_reason_for_notes_nothing() -> None:
    notes, noted, _ = heard(0)
    notes.decided(1.0)
    notes, noted, now = heard(8)
    notes.decided(now + LATEST_S + 0.1)
    assert noted == []


def test_the_event_is_json_whatever_is_not_known() -> None:
    event = event_of(Evidence(speech=1, snr_db=12.3456789), 2.0)
    record = tl.to_record(event)
    assert record["type"] == "evidence"
    assert record["snr_db"] == 12.345679
    text = json.dumps(record, allow_nan=False)
    assert tl.from_record(json.loads(text)) == tl.from_record(record)
    assert math.isinf(Evidence().agent.left_s)
    assert event.agent_left_s is None
