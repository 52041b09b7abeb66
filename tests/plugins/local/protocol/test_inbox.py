from __future__ import annotations

import numpy as np
import pytest

from antiphon.plugins.local.protocol.inbox import InputBuffer, SpeechStarted, SpeechStopped, TurnDetector
from antiphon.plugins.local.protocol.outputs import Refusal

VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}


def audio(ms: int, value: int = 1) -> np.ndarray:
    return np.full(24 * ms, value, dtype=np.int16)


def test_positions_count_from_the_sessions_beginning() -> None:
    buffer = InputBuffer()
    buffer.append(audio(500))
    assert buffer.end_ms == 500
    assert len(buffer.take()) == 24 * 500
    buffer.append(audio(200, 2))
    assert buffer.end_ms == 700
    buffer.keep_from(600)
    assert buffer.duration_ms == 100
    assert set(buffer.take().tolist()) == {2}


def test_too_little_is_refused_and_stays() -> None:
    buffer = InputBuffer()
    buffer.append(audio(99))
    with pytest.raises(Refusal, match="100ms"):
        buffer.take()
    assert buffer.duration_ms == 99


def test_a_session_nobody_commits_stays_bounded() -> None:
    buffer = InputBuffer()
    for _ in range(70):
        buffer.append(audio(10_000))
    assert buffer.duration_ms <= 610_000


def test_speech_starts_with_its_padding_and_stops_after_the_silence() -> None:
    detector = TurnDetector(VAD)
    found = [(ms, detector.window(0.9 if 1000 < ms <= 2000 else 0.0, ms)) for ms in range(32, 4000, 32)]
    events = [(ms, event) for ms, event in found if event is not None]
    assert [type(event) for _, event in events] == [SpeechStarted, SpeechStopped]
    start = events[0][1]
    assert isinstance(start, SpeechStarted)
    assert start.start_ms == pytest.approx(700, abs=40)
    assert events[1][0] == pytest.approx(2500, abs=40)


@pytest.mark.parametrize(("eagerness", "silence"), [("low", 1200), ("auto", 800), ("high", 400)])
def test_eagerness_is_a_silence(eagerness: str, silence: int) -> None:
    detector = TurnDetector({"type": "semantic_vad", "eagerness": eagerness})
    stopped = next(
        ms
        for ms in range(32, 9000, 32)
        if isinstance(detector.window(0.9 if ms <= 1000 else 0.0, ms), SpeechStopped)
    )
    assert stopped - 1000 == pytest.approx(silence, abs=64)


def test_what_lies_behind_a_position_stays() -> None:
    buffer = InputBuffer()
    for value in range(1, 6):
        buffer.append(audio(100, value))
    assert sorted(set(buffer.take(250).tolist())) == [1, 2, 3]
    assert buffer.duration_ms == 250
    buffer.keep_from(350)
    assert buffer.take().tolist() == [4] * 1200 + [5] * 2400
    buffer.keep_from(10_000)
    assert buffer.duration_ms == 0
