from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.agents.interruption.onset import OnsetDetector, SpeechEnded, SpeechLikely
from antiphon.agents.options import TurnTaking

W = 0.032


def run(probabilities: list[float]) -> list[SpeechLikely | SpeechEnded]:
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.064, speech_gap_s=0.192)
    found = [detector.frame((i + 1) * W, p) for i, p in enumerate(probabilities)]
    return [event for event in found if event is not None]


def test_two_voiced_windows_are_speech_that_began_with_the_first() -> None:
    (onset,) = run([0.1] * 3 + [0.9, 0.9])
    assert onset == SpeechLikely(pytest.approx(5 * W), pytest.approx(3 * W))


def test_a_click_is_none() -> None:
    assert run([0.9, 0.1] * 10) == []


def test_between_the_thresholds_speech_goes_on_but_does_not_begin() -> None:
    assert run([0.4] * 20) == []
    assert [type(event) for event in run([0.9, 0.9] + [0.4] * 20)] == [SpeechLikely]


def test_speech_ends_after_the_gap_at_its_last_voice() -> None:
    ended = run([0.9] * 10 + [0.1] * 10)[1]
    assert isinstance(ended, SpeechEnded)
    assert ended.ended_at == pytest.approx(10 * W)
    assert ended.voiced_s == pytest.approx(10 * W)
    assert ended.now == pytest.approx(10 * W + 0.192)


def test_a_shorter_gap_is_part_of_it() -> None:
    assert [type(e) for e in run([0.9] * 5 + [0.1] * 4 + [0.9] * 5)] == [SpeechLikely]


def test_losing_the_audio_ends_it_at_once() -> None:
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.064, speech_gap_s=0.192)
    detector.frame(W, 0.9)
    assert detector.lose(2 * W) is None
    detector.frame(3 * W, 0.9)
    detector.frame(4 * W, 0.9)
    assert detector.lose(5 * W) == SpeechEnded(5 * W, 4 * W, pytest.approx(2 * W))
    assert not detector.speaking


def test_a_probability_that_is_no_number_is_no_voice() -> None:
    assert run([float("nan")] * 10) == []


def run_levels(windows: list[tuple[float, float]], **more: float) -> list[SpeechLikely | SpeechEnded]:
    """Windows of (probability, level) after a second of a quiet room."""
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.032, speech_gap_s=0.192, **more)
    room = [(0.02, -70.0)] * 30
    found = [detector.frame((i + 1) * W, p, level) for i, (p, level) in enumerate(room + windows)]
    return [event for event in found if event is not None]


def test_a_likely_window_that_stands_out_of_the_noise_begins_speech() -> None:
    (onset,) = run_levels([(0.32, -40.0), (0.6, -30.0)])
    assert onset == SpeechLikely(pytest.approx(31 * W), pytest.approx(30 * W))
    assert run_levels([(0.32, -60.0)] * 5) == []


def test_several_windows_that_might_be_voice_begin_it_too() -> None:
    (onset,) = run_levels([(0.22, -20.0)] * 3)
    assert isinstance(onset, SpeechLikely)
    assert onset.now == pytest.approx(33 * W)
    assert run_levels([(0.12, -20.0)] * 20) == []


@pytest.mark.parametrize("level", [-90.0, float("-inf")])
def test_an_opening_stands_out_of_digital_silence(level: float) -> None:
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.032, speech_gap_s=0.192)
    for index in range(10):
        assert detector.frame(index * W, 0.0, level) is None
    assert isinstance(detector.frame(10 * W, 0.3, -40.0), SpeechLikely)


def test_what_is_quiet_in_a_quiet_room_does_not_stand_out() -> None:
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.032, speech_gap_s=0.192)
    found = [detector.frame(i * W, 0.3, -90.0 if i < 20 else -58.0) for i in range(40)]
    assert not any(found)


def test_noise_that_goes_on_becomes_the_room() -> None:
    assert run_levels([(0.08, -40.0)] * 400 + [(0.4, -35.0)] * 5) == []


def test_an_unsure_opening_is_kept_alive_until_the_voice_is_sure() -> None:
    unsure = [(0.3, -20.0)] + [(0.12, -20.0)] * 12
    kinds = [type(event) for event in run_levels([*unsure, (0.9, -20.0)])]
    assert kinds == [SpeechLikely]


def test_an_unsure_opening_that_never_gets_sure_ends() -> None:
    unsure = [(0.3, -20.0)] + [(0.12, -20.0)] * 40
    begun, ended = run_levels(unsure)
    assert isinstance(ended, SpeechEnded)
    assert ended.voiced_s < TurnTaking().yield_after_s - W  # alone it is no turn
    assert ended.now - begun.now < 0.34 + 0.192 + 2 * W


def run_pitched(windows: list[tuple[float, float]], **more: float) -> list[SpeechLikely | SpeechEnded]:
    """Windows of (probability, voicing), loud, after a second of a quiet room."""
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.032, speech_gap_s=0.192, rising=0.5, **more)
    room = [(0.02, 0.0, -70.0)] * 30
    loud = [(p, voicing, -30.0) for p, voicing in windows]
    found = [detector.frame((i + 1) * W, p, dbfs, v) for i, (p, v, dbfs) in enumerate(room + loud)]
    return [event for event in found if event is not None]


def test_two_soft_windows_with_a_moving_pitch_begin_speech_with_the_first() -> None:
    (onset,) = run_pitched([(0.15, 0.0), (0.12, 0.9)])
    assert onset == SpeechLikely(pytest.approx(32 * W), pytest.approx(30 * W))
    assert run_pitched([(0.15, 0.7)] * 5) == []
    assert run_pitched([(0.08, 0.9)] * 5) == []
    assert run_pitched([(0.08, 0.0), (0.3, 0.9)]) == []
    assert run_pitched([(0.3, 0.9)] * 5, pitched=0.5) == []  # switched off


def test_a_pitch_that_does_not_stand_out_begins_nothing() -> None:
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.032, speech_gap_s=0.192, rising=0.5)
    assert not any(detector.frame(i * W, 0.3, -40.0, 0.9) for i in range(40))
    assert not any(detector.frame((40 + i) * W, 0.3, None, 0.9) for i in range(40))


def test_sure_speech_ends_as_it_does_without_levels() -> None:
    windows = [(0.9, -20.0)] * 10 + [(0.2, -20.0)] * 10
    ended = run_levels(windows)[1]
    assert isinstance(ended, SpeechEnded)
    assert ended.ended_at == pytest.approx(40 * W)
    assert ended.now == pytest.approx(40 * W + 0.192)


def test_with_the_rise_switched_off_levels_change_nothing() -> None:
    assert run_levels([(0.45, -10.0)] * 20, rising=0.5) == []


def test_a_level_that_is_no_number_tells_nothing() -> None:
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.032, speech_gap_s=0.192)
    assert not any(detector.frame(i * W, 0.45, float("nan")) for i in range(20))


@given(
    st.lists(st.tuples(st.floats(0, 1) | st.just(float("nan")), st.floats(-120, 0) | st.none()), max_size=300)
)
def test_begin_and_end_take_turns_and_times_make_sense(windows: list[tuple[float, float | None]]) -> None:
    detector = OnsetDetector(enter=0.5, exit=0.35, onset_s=0.032, speech_gap_s=0.192)
    speaking = False
    for index, (probability, level) in enumerate(windows):
        now = (index + 1) * W
        event = detector.frame(now, probability, level)
        if isinstance(event, SpeechLikely):
            assert not speaking
            assert event.began_at <= now
            speaking = True
        elif isinstance(event, SpeechEnded):
            assert speaking
            assert event.ended_at <= now
            assert 0 < event.voiced_s <= now
            speaking = False
        assert detector.speaking == speaking
