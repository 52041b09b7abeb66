from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.interruption.evidence import AgentStand, Evidence, EvidenceTracker
from antiphon.agents.interruption.onset import OnsetDetector

W = 0.032
Window = NDArray[np.int16]


def silence() -> Window:
    return np.zeros(512, dtype=np.int16)


def noise(level_db: float, seed: int = 0) -> Window:
    sound = np.random.default_rng(seed).standard_normal(512) * 10 ** (level_db / 20) * 32768
    return np.clip(sound, -32768, 32767).astype(np.int16)


def tone(hz: float, windows: int) -> list[Window]:
    phase = 2 * np.pi * hz * np.arange(512 * windows) / 16_000
    sound = 4000 * sum(np.sin(k * phase) / k for k in range(1, 6))
    return list(np.asarray(sound).astype(np.int16).reshape(-1, 512))


def level(samples: Window) -> float:
    power = float(np.mean(samples.astype(np.float64) ** 2))
    return 10 * math.log10(power / 32768**2) if power else -math.inf


class Heard:
    """A tracker beside the detector that it looks at, driven as a call drives them."""

    def __init__(self, agent: object = None, *, onset_s: float = 0.032, rising: float = 0.3) -> None:
        self.onset = OnsetDetector(enter=0.5, exit=0.35, onset_s=onset_s, speech_gap_s=0.192, rising=rising)
        self.tracker = EvidenceTracker(self.onset, agent)  # type: ignore[arg-type]
        self.now = 0.0

    def feed(self, *row: tuple[Window, float], echo: float = 0.0) -> Evidence:
        for samples, speech in row:
            self.now += W
            loud = level(samples)
            self.tracker.window(self.now, samples, speech, loud, echo=echo)
            is_echo = echo >= 0.5
            self.onset.frame(self.now, 0.0 if is_echo else speech, None if is_echo else loud)
        return self.tracker.evidence(self.now)


def test_before_any_speech_there_is_nothing_to_tell() -> None:
    assert Heard().feed(*[(silence(), 0.1)] * 5) == Evidence()


def test_a_speech_is_counted_and_timed() -> None:
    found = Heard().feed(*[(silence(), 0.0)] * 10, *[(noise(-20), 0.95)] * 10)
    assert (found.speech, found.on, found.starts) == (1, True, 1)
    assert found.began_at == pytest.approx(10 * W)
    assert found.age_s == pytest.approx(10 * W)
    assert found.voiced_s == pytest.approx(10 * W)
    assert found.quiet_s == 0.0
    assert found.since_last_s == math.inf


def test_it_holds_the_window_that_is_being_decided_about() -> None:
    heard = Heard()
    heard.feed(*[(noise(-20), 0.95)] * 3)
    heard.now += W
    heard.tracker.window(heard.now, noise(-20), 0.95, -20.0)
    heard.onset.frame(heard.now, 0.95)
    # The controller acts now, before any further window.
    assert heard.tracker.evidence(heard.now).voiced_s == pytest.approx(4 * W)


def test_a_pause_is_no_voice() -> None:
    found = Heard().feed(*[(noise(-20), 0.9)] * 5, *[(silence(), 0.0)] * 3)
    assert found.on
    assert found.voiced_s == pytest.approx(5 * W)
    assert found.quiet_s == pytest.approx(3 * W)
    assert found.level_db == pytest.approx(-20, abs=1)


def test_what_has_ended_stays_until_something_begins() -> None:
    found = Heard().feed(*[(noise(-20), 0.9)] * 5, *[(silence(), 0.0)] * 20)
    assert not found.on
    assert found.age_s == pytest.approx(5 * W)
    assert found.quiet_s == pytest.approx(20 * W)


def test_a_second_start_within_two_seconds_is_a_repeat() -> None:
    heard = Heard()
    word = [(noise(-20), 0.9)] * 8
    found = heard.feed(*word, *[(silence(), 0.0)] * 10, *word)
    assert (found.speech, found.starts) == (2, 2)
    assert found.since_last_s == pytest.approx(10 * W)
    assert heard.feed(*[(silence(), 0.0)] * 100, *word).starts == 1


def test_voice_that_is_no_speech_yet_changes_nothing() -> None:
    heard = Heard(onset_s=0.064)
    before = heard.feed(*[(noise(-20), 0.9)] * 6, *[(silence(), 0.0)] * 10)
    after = heard.feed((noise(-5), 0.9), (silence(), 0.0), (silence(), 0.0))
    assert (after.speech, after.level_db) == (before.speech, before.level_db)


def test_level_stands_against_the_noise_that_was_there_before() -> None:
    found = Heard().feed(
        *[(noise(-50, i), 0.02) for i in range(60)], *[(noise(-25, i), 0.9) for i in range(20)]
    )
    assert found.noise_db == pytest.approx(-50, abs=1.5)
    assert found.snr_db == pytest.approx(25, abs=2)


def test_the_noise_floor_follows_the_room_but_hardly_a_voice() -> None:
    heard = Heard()
    heard.feed(*[(noise(-60, i), 0.0) for i in range(30)], *[(noise(-20, i), 0.9) for i in range(60)])
    assert heard.tracker.noise_db < -55
    heard.feed(*[(noise(-35, i), 0.0) for i in range(200)])
    assert heard.tracker.noise_db == pytest.approx(-35, abs=2)


def test_echo_is_averaged_over_voice() -> None:
    heard = Heard()
    for i in range(4):
        found = heard.feed((noise(-20, i), 0.9), echo=0.15 * i)
    assert found.echo == pytest.approx(0.225)


def test_how_it_sounds() -> None:
    hum = Heard().feed(*[(noise(-60, i), 0.0) for i in range(10)], *[(w, 0.9) for w in tone(200, 20)])
    hiss = Heard().feed(
        *[(noise(-60, i), 0.0) for i in range(10)], *[(noise(-20, i), 0.9) for i in range(20)]
    )
    assert hum.pitch_hz == pytest.approx(200, rel=0.05)
    assert abs(hum.pitch_slope_st_s) < 1
    assert hum.pitched > 0.9 > hiss.pitched
    assert hum.steady_s > 0.4 > hiss.steady_s
    assert hum.flatness < 0.1 < hiss.flatness <= 1
    assert hum.centroid_hz < 1500 < hiss.centroid_hz


def test_the_quiet_after_it_is_no_part_of_its_sound() -> None:
    hum = [(w, 0.9) for w in tone(200, 12)]
    heard = Heard()
    short = heard.feed(*[(silence(), 0.0)] * 10, *hum)
    later = heard.feed(*[(silence(), 0.0)] * 5)
    assert later.pitched == pytest.approx(short.pitched, abs=0.05)


def test_the_agents_stand_is_taken_where_voice_begins() -> None:
    asked: list[float] = []

    def stand(at: float) -> AgentStand:
        asked.append(at)
        return AgentStand(level_db=-20.0, quiet_s=0.1, left_s=1.5)

    found = Heard(stand).feed(*[(silence(), 0.0)] * 4, *[(noise(-20), 0.9)] * 6)
    assert found.agent == AgentStand(-20.0, 0.1, 1.5)
    assert asked == [pytest.approx(4 * W)]


def test_losing_the_audio_ends_it() -> None:
    heard = Heard()
    heard.feed(*[(noise(-20), 0.9)] * 5)
    heard.tracker.lose()
    heard.onset.lose(heard.now)
    found = heard.tracker.evidence(heard.now + 1)
    assert not found.on
    assert found.voiced_s == pytest.approx(5 * W)
    assert found.quiet_s == pytest.approx(1.0)


def test_a_speech_that_is_cut_and_goes_on_is_another() -> None:
    heard = Heard()
    assert heard.feed(*[(noise(-20), 0.9)] * 5).speech == 1
    heard.onset.lose(heard.now)  # the application committed the turn
    found = heard.feed(*[(noise(-20), 0.9)] * 3)
    assert (found.speech, found.starts) == (2, 2)
    assert found.voiced_s == pytest.approx(3 * W)


def test_asking_changes_nothing() -> None:
    often, once = Heard(), Heard()
    for i in range(40):
        window = noise(-20 - i % 5, i), 0.5 + 0.05 * (i % 10)
        often.feed(window)
        one = often.tracker.evidence(often.now)
        once.now += W
        once.tracker.window(once.now, *window, level(window[0]))
        once.onset.frame(once.now, window[1], level(window[0]))
    assert one == once.tracker.evidence(once.now)


def test_probabilities_that_are_no_number_are_no_voice() -> None:
    assert Heard().feed(*[(noise(-20), float("nan"))] * 10).speech == 0
    heard = Heard()
    found = heard.feed(*[(noise(-20), 0.9)] * 5, (noise(-20), float("nan")), *[(noise(-20), 0.9)] * 2)
    assert found.speech_mean == pytest.approx(0.9)


def test_a_long_speech_keeps_two_seconds_of_sound() -> None:
    heard = Heard()
    found = heard.feed(*[(noise(-20, i), 0.9) for i in range(120)], *[(w, 0.9) for w in tone(150, 70)])
    assert found.voiced_s == pytest.approx(190 * W)
    assert found.pitch_hz == pytest.approx(150, rel=0.05)


def test_a_soft_opening_that_stands_out_is_found_as_the_controller_finds_it() -> None:
    room = [(noise(-65, i), 0.02) for i in range(40)]
    opening = [(noise(-35, i), 0.4) for i in range(4)]
    assert Heard().feed(*room, *opening).speech == 1
    echoing = Heard()
    echoing.feed(*room)
    assert echoing.feed(*opening, echo=0.9).speech == 0
