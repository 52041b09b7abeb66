from __future__ import annotations

import math

from antiphon.plugins.continuity.speech import STALE_S, Speech, level_dbfs
from tests.plugins.continuity.rig import silence, voice


def made(most_s: float = 60.0) -> Speech:
    return Speech(most_s, 0.1, -50.0)


def seconds(frames: list) -> float:  # type: ignore[type-arg]
    return round(sum(frame.duration for frame in frames), 2)


def test_levels() -> None:
    assert level_dbfs(silence(0.02)[0]) == -math.inf
    assert -20 < level_dbfs(voice(0.02)[0]) < -17


def test_speech_is_replayed_from_shortly_before_the_voice() -> None:
    speech = made()
    for frame in [*silence(5.0), *voice(0.5), *silence(0.2)]:
        speech.push(frame)
    assert speech.voiced
    assert seconds(speech.uncommitted()) == 0.8
    speech.clear()
    assert not speech.voiced
    assert speech.uncommitted() == []


def test_silence_alone_is_not_kept_and_voice_long_ago_is_stale() -> None:
    speech = made()
    for frame in silence(30.0):
        assert not speech.push(frame)
    assert seconds(speech.uncommitted()) == 0.0
    for frame in [*voice(0.5), *silence(STALE_S + 0.1)]:
        speech.push(frame)
    assert speech.uncommitted() == []


def test_a_turn_is_kept_until_it_is_answered() -> None:
    speech = made()
    for n in (1, 2):
        for frame in voice(0.5):
            speech.push(frame)
        turn = speech.commit()
        assert turn is not None
        assert turn.number == n
    assert speech.became("item_a") is speech.turns[0]
    assert speech.became("item_b") is speech.turns[1]
    assert speech.became("item_c") is None
    speech.written("item_b")
    assert [turn.written for turn in speech.turns] == [False, True]
    assert speech.answered(1)
    assert not speech.answered(1)
    assert seconds(speech.sound_of("item_a") or []) == 0.5  # its words are not known
    assert [turn.number for turn in speech.turns] == [2]
    assert speech.answered(2)
    assert speech.sound_of("item_b") is None
    speech.written("item_a")
    assert speech.sound_of("item_a") is None
    assert speech.number == 2


def test_a_turn_too_short_to_be_committed_is_none() -> None:
    speech = made()
    for frame in voice(0.08):
        speech.push(frame)
    assert speech.commit() is None
    assert speech.number == 0


def test_only_so_much_is_kept_the_newest() -> None:
    speech = made(most_s=2.0)
    for frame in voice(5.0):
        speech.push(frame)
    assert 1.95 < seconds(speech.uncommitted()) <= 2.0
    for _ in range(3):
        for frame in voice(1.5):
            speech.push(frame)
        speech.commit()
    assert [turn.number for turn in speech.turns] == [3]
