from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from antiphon.plugins.local.protocol.inbox import (
    Inbox,
    InputBuffer,
    SpeechStarted,
    SpeechStopped,
    Turn,
    TurnDetector,
)
from antiphon.plugins.local.protocol.outputs import Listen, Outbox, Refusal, Send

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


class Rig:
    def __init__(self) -> None:
        counter = itertools.count(1)
        self.outbox = Outbox(lambda kind: f"{kind}_{next(counter)}")
        self.inbox = Inbox(self.outbox, lambda kind: f"{kind}_{next(counter)}")
        self.end_ms = 0

    def hear(self, ms: int, speech: float) -> list[SpeechStarted | Turn]:
        """Appends audio, and gives its probability window by window; what came of it."""
        found = []
        for _ in range(ms // 32):
            self.inbox.append(audio(32))
            self.end_ms += 32
            found.append(self.inbox.speech(speech, self.end_ms))
        return [one for one in found if one is not None]

    def told(self) -> list[Any]:
        return [sent.event for sent in self.outbox.drain() if isinstance(sent, Send)]


def test_a_turn_has_one_id_from_its_first_word_to_its_audio() -> None:
    rig = Rig()
    rig.inbox.detect(VAD)
    assert rig.hear(3200, 0.0) == []
    (started,) = rig.hear(960, 0.9)
    (turn,) = rig.hear(960, 0.0)
    assert isinstance(started, SpeechStarted)
    assert isinstance(turn, Turn)
    first, last = rig.told()
    assert first["item_id"] == last["item_id"] == turn.item_id
    assert len(turn.audio) == 24 * (last["audio_end_ms"] - first["audio_start_ms"])


def test_what_is_appended_is_looked_through_only_while_turns_are_detected() -> None:
    rig = Rig()
    rig.inbox.append(audio(100))
    assert rig.outbox.drain() == ()
    rig.inbox.detect(VAD)
    rig.inbox.append(audio(50))
    (listen,) = rig.outbox.drain()
    assert isinstance(listen, Listen)
    assert (listen.start_ms, len(listen.audio)) == (100, 24 * 50)
    rig.inbox.detect(None)
    assert rig.inbox.detection is None
    assert rig.hear(960, 0.9) == []


def test_silence_is_not_kept_and_what_may_be_the_first_word_is() -> None:
    rig = Rig()
    rig.inbox.detect(VAD)
    rig.hear(32_000, 0.0)
    assert len(rig.inbox.commit().audio) == 24 * 1300  # a second, and the padding


@pytest.mark.parametrize("act", ["commit", "clear"])
def test_a_commit_or_a_clear_amid_speech_ends_it(act: str) -> None:
    rig = Rig()
    rig.inbox.detect(VAD)
    rig.hear(640, 0.9)
    speaking = rig.told()[0]["item_id"]
    if act == "commit":
        assert rig.inbox.commit().item_id == speaking
    else:
        rig.inbox.clear()
        rig.outbox.drain()
    (again,) = rig.hear(640, 0.9)
    assert isinstance(again, SpeechStarted)
    assert rig.told()[0]["item_id"] != speaking


def test_the_same_settings_again_do_not_interrupt_speech() -> None:
    rig = Rig()
    rig.inbox.detect(VAD)
    assert len(rig.hear(640, 0.9)) == 1
    rig.inbox.detect(dict(VAD))
    assert rig.hear(640, 0.9) == []
    rig.inbox.detect({**VAD, "threshold": 0.6})
    assert len(rig.hear(640, 0.9)) == 1


def test_when_nobody_speaks_what_is_there_is_a_turn() -> None:
    rig = Rig()
    rig.inbox.append(audio(40))
    turn = rig.inbox.time_out()
    assert len(turn.audio) == 24 * 40
    (told,) = rig.told()
    assert (told["audio_start_ms"], told["audio_end_ms"], told["item_id"]) == (0, 40, turn.item_id)
