from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.interruption.evidence import AgentStand, Evidence, EvidenceTracker

W = 0.032
Window = NDArray[np.int16]


def silence() -> Window:
    return np.zeros(512, dtype=np.int16)


def noise(level_db: float, seed: int = 0) -> Window:
    sound = np.random.default_rng(seed).standard_normal(512) * 10 ** (level_db / 20) * 32768
    return np.clip(sound, -32768, 32767).astype(np.int16)


def feed(tracker: EvidenceTracker, row: list[tuple[Window, float]], start: float = 0.0) -> float:
    now = start
    for samples, speech in row:
        now += W
        tracker.window(now, samples, speech)
    return now


def test_before_any_speech_there_is_nothing_to_tell() -> None:
    tracker = EvidenceTracker()
    now = feed(tracker, [(silence(), 0.1)] * 5)
    assert tracker.evidence(now) == Evidence()


def test_a_speech_is_counted_and_timed() -> None:
    tracker = EvidenceTracker()
    now = feed(tracker, [(silence(), 0.0)] * 10 + [(noise(-20), 0.95)] * 10)
    found = tracker.evidence(now)
    assert (found.speech, found.on, found.starts) == (1, True, 1)
    assert found.began_at == pytest.approx(10 * W)
    assert found.age_s == pytest.approx(10 * W)
    assert found.voiced_s == pytest.approx(10 * W)
    assert found.quiet_s == 0.0
    assert found.since_last_s == math.inf


def test_a_pause_is_no_voice() -> None:
    tracker = EvidenceTracker()
    now = feed(tracker, [(noise(-20), 0.9)] * 5 + [(silence(), 0.0)] * 3)
    found = tracker.evidence(now)
    assert found.on
    assert found.voiced_s == pytest.approx(5 * W)
    assert found.quiet_s == pytest.approx(3 * W)
    assert found.level_db == pytest.approx(-20, abs=1)


def test_what_has_ended_stays_until_something_begins() -> None:
    tracker = EvidenceTracker()
    now = feed(tracker, [(noise(-20), 0.9)] * 5 + [(silence(), 0.0)] * 20)
    found = tracker.evidence(now)
    assert not found.on
    assert found.age_s == pytest.approx(5 * W)
    assert found.quiet_s == pytest.approx(20 * W)


def test_a_second_start_within_two_seconds_is_a_repeat() -> None:
    tracker = EvidenceTracker()
    word = [(noise(-20), 0.9)] * 8
    now = feed(tracker, word + [(silence(), 0.0)] * 10 + word)
    found = tracker.evidence(now)
    assert (found.speech, found.starts) == (2, 2)
    assert found.since_last_s == pytest.approx(10 * W)
    later = feed(tracker, [(silence(), 0.0)] * 100 + word, now)
    assert tracker.evidence(later).starts == 1


def test_voice_that_is_no_speech_yet_changes_nothing() -> None:
    tracker = EvidenceTracker(onset_s=0.064)
    now = feed(tracker, [(noise(-20), 0.9)] * 6 + [(silence(), 0.0)] * 10)
    before = tracker.evidence(now)
    click = feed(tracker, [(noise(-5), 0.9), (silence(), 0.0), (silence(), 0.0)], now)
    after = tracker.evidence(click)
    assert (after.speech, after.level_db) == (before.speech, before.level_db)


def test_level_stands_against_the_noise_that_was_there_before() -> None:
    tracker = EvidenceTracker()
    now = feed(
        tracker, [(noise(-50, i), 0.02) for i in range(60)] + [(noise(-25, i), 0.9) for i in range(20)]
    )
    found = tracker.evidence(now)
    assert found.noise_db == pytest.approx(-50, abs=1.5)
    assert found.snr_db == pytest.approx(25, abs=2)


def test_the_noise_floor_follows_the_room_but_hardly_a_voice() -> None:
    tracker = EvidenceTracker()
    now = feed(tracker, [(noise(-60, i), 0.0) for i in range(30)] + [(noise(-20, i), 0.9) for i in range(60)])
    assert tracker.noise_db < -55
    feed(tracker, [(noise(-35, i), 0.0) for i in range(200)], now)
    assert tracker.noise_db == pytest.approx(-35, abs=2)


def test_echo_is_averaged_over_voice() -> None:
    tracker = EvidenceTracker()
    for i in range(4):
        tracker.window(i * W, noise(-20, i), 0.9, echo=0.25 * i, above_echo_db=2.0 * i)
    found = tracker.evidence(4 * W)
    assert found.echo == pytest.approx(0.375)
    assert found.above_echo_db == pytest.approx(3.0)
    assert Evidence().above_echo_db == math.inf


def test_the_agents_stand_is_taken_where_voice_begins() -> None:
    asked: list[float] = []

    def stand(at: float) -> AgentStand:
        asked.append(at)
        return AgentStand(level_db=-20.0, quiet_s=0.1, left_s=1.5)

    tracker = EvidenceTracker(agent=stand)
    now = feed(tracker, [(silence(), 0.0)] * 4 + [(noise(-20), 0.9)] * 6)
    assert tracker.evidence(now).agent == AgentStand(-20.0, 0.1, 1.5)
    assert asked == [pytest.approx(4 * W)]


def test_losing_the_audio_ends_it() -> None:
    tracker = EvidenceTracker()
    now = feed(tracker, [(noise(-20), 0.9)] * 5)
    tracker.lose(now)
    found = tracker.evidence(now + 1)
    assert not found.on
    assert found.voiced_s == pytest.approx(5 * W)


def test_asking_changes_nothing() -> None:
    row = [(noise(-20 - i % 5, i), 0.5 + 0.05 * (i % 10)) for i in range(40)]
    often, once = EvidenceTracker(), EvidenceTracker()
    now = 0.0
    for samples, speech in row:
        now += W
        often.window(now, samples, speech)
        often.evidence(now)
        once.window(now, samples, speech)
    one, other = often.evidence(now), once.evidence(now)
    assert one.speech == other.speech == 1
    assert one.syllables == other.syllables
    assert one.flatness == pytest.approx(other.flatness)
    assert one.pitch_hz == pytest.approx(other.pitch_hz)


def test_probabilities_that_are_no_number_are_no_voice() -> None:
    tracker = EvidenceTracker()
    now = feed(tracker, [(noise(-20), float("nan"))] * 10)
    assert tracker.evidence(now).speech == 0


def test_a_soft_opening_that_stands_out_is_found_as_the_controller_finds_it() -> None:
    room = [(noise(-65, i), 0.02) for i in range(40)]
    opening = [(noise(-35, i), 0.4) for i in range(4)]
    tracker = EvidenceTracker()
    assert tracker.evidence(feed(tracker, room + opening)).speech == 1
    echoing = EvidenceTracker()
    now = feed(echoing, room)
    for samples, speech in opening:
        now += W
        echoing.window(now, samples, speech, echo=0.9)
    assert echoing.evidence(now).speech == 0
