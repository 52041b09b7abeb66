from __future__ import annotations

import pytest

from antiphon.agents.interruption.onset import OnsetDetector, SpeechEnded, SpeechLikely

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
