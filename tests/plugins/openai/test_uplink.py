"""Voice and events on their way to the model, by numbers for time."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.plugins.openai.uplink import (
    CLEAR_EVERY_S,
    FENCE_S,
    FRAME,
    FRAME_S,
    KEEP_AFTER_S,
    KEEP_BEFORE_S,
    RATE_HZ,
    SERVER_KEEP_AFTER_S,
    Samples,
    Uplink,
)

CLEAR = "clear!"


def voice(seconds: float) -> Samples:
    """Loud, and no two frames alike."""
    count = round(seconds * RATE_HZ)
    return (8000 * np.sin(2 * np.pi * 300 * np.arange(count) / RATE_HZ)).astype(np.int16)


def quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.int16)


class Clock:
    """Ticks an uplink, and keeps what left and when."""

    def __init__(self, up: Uplink) -> None:
        self.up = up
        self.now = 0.0
        self.frames: list[Samples] = []
        self.events: list[tuple[str, float]] = []

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            self.now += FRAME_S
            tick = self.up.tick(self.now)
            assert tick.frame.shape == (FRAME,)
            self.frames.append(tick.frame)
            self.events += [(text, self.now) for text in tick.events]

    def event(self, text: str, kind: str = "other") -> None:
        self.events += [(out, self.now) for out in self.up.event(text, kind, self.now)]  # type: ignore[arg-type]

    def sent(self) -> Samples:
        """Every sample that was not silence."""
        sound = np.concatenate(self.frames)
        return sound[sound != 0]

    def texts(self) -> list[str]:
        return [text for text, _ in self.events]


@pytest.fixture
def clock() -> Clock:
    return Clock(Uplink(clear=CLEAR, server_turns=True))


def test_an_event_with_no_audio_before_it_leaves_at_once(clock: Clock) -> None:
    clock.event("session.update")
    assert clock.events == [("session.update", 0.0)]


def test_silence_goes_out_when_there_is_nothing_to_say(clock: Clock) -> None:
    clock.run(0.1)
    assert len(clock.frames) == 5
    assert not np.concatenate(clock.frames).any()


def test_all_samples_of_a_voice_leave_in_order(clock: Clock) -> None:
    said = voice(0.5)
    for start in range(0, len(said), 333):
        clock.up.audio(said[start : start + 333])
    clock.run(0.6)
    assert np.array_equal(clock.sent(), said[said != 0])


def test_a_commit_leaves_a_flight_time_after_the_last_of_the_voice(clock: Clock) -> None:
    clock.up.audio(voice(0.3))
    clock.event("commit", "commit")
    clock.event("create")
    assert clock.events == []
    clock.run(1.0)
    assert clock.texts() == ["commit", "create"]
    last = max(i for i, frame in enumerate(clock.frames) if frame.any()) * FRAME_S + FRAME_S
    assert 0.06 <= clock.events[0][1] - last < 0.06 + 2 * FRAME_S


def test_a_part_of_a_frame_is_sent_before_the_commit(clock: Clock) -> None:
    said = voice(0.21)[: 10 * FRAME + 100]
    clock.up.audio(said)
    clock.event("commit", "commit")
    clock.run(1.0)
    assert np.array_equal(clock.sent(), said[said != 0])
    assert clock.texts() == ["commit"]


def test_the_quiet_at_a_turns_end_pays_for_the_pre_rolls_burst() -> None:
    clock = Clock(Uplink(clear=CLEAR))
    clock.run(1.0)
    # The gate: half a second of pre-roll at once, then live audio, then half a second of quiet.
    clock.up.audio(np.concatenate([quiet(0.3), voice(0.2)]))
    for _ in range(50):
        clock.up.audio(voice(FRAME_S))
        clock.run(FRAME_S)
    for _ in range(25):
        clock.up.audio(quiet(FRAME_S))
        clock.run(FRAME_S)
    said = clock.now
    clock.event("commit", "commit")
    clock.run(1.0)
    clock.up.answered("clear")
    assert clock.texts()[-1] == "commit"
    assert clock.events[-1][1] - said <= 2 * FRAME_S
    assert len(clock.sent()) == len(np.flatnonzero(voice(0.2))) + 50 * len(np.flatnonzero(voice(FRAME_S)))


def test_quiet_next_to_a_voice_stays() -> None:
    clock = Clock(Uplink(clear=CLEAR))
    clock.run(0.5)
    clock.up.audio(np.concatenate([quiet(1.0), voice(0.2), quiet(1.0), voice(0.2)]))
    first = len(clock.frames)
    clock.run(2.0)
    loud = [i for i, frame in enumerate(clock.frames) if frame.any()]
    gaps = np.diff(loud)
    assert loud[0] - first >= round(KEEP_BEFORE_S / FRAME_S)
    assert max(gaps) - 1 == round((KEEP_BEFORE_S + KEEP_AFTER_S) / FRAME_S)


def test_nothing_is_left_out_while_the_track_keeps_up(clock: Clock) -> None:
    for _ in range(100):
        clock.up.audio(quiet(FRAME_S))
        clock.run(FRAME_S)
    assert clock.up.skipped == 0


def test_a_noisy_background_counts_as_quiet() -> None:
    clock = Clock(Uplink(clear=CLEAR))
    rng = np.random.default_rng(7)
    hum = (rng.normal(0, 120, RATE_HZ)).astype(np.int16)  # about -48 dBFS
    clock.up.audio(np.concatenate([hum, voice(0.2), hum]))
    clock.event("commit", "commit")
    clock.run(0.8)
    assert clock.texts() == ["commit"], "two seconds of hum would have taken as long"


def test_the_servers_buffer_is_cleared_while_nobody_speaks() -> None:
    clock = Clock(Uplink(clear=CLEAR))
    for _ in range(3):
        clock.run(CLEAR_EVERY_S + 0.1)
        clock.up.answered("clear")
    assert clock.texts() == [CLEAR] * 3


def test_a_server_that_takes_the_turns_is_never_cleared(clock: Clock) -> None:
    clock.run(3 * CLEAR_EVERY_S)
    assert clock.texts() == []
    clock.up.server_turns = False
    clock.run(CLEAR_EVERY_S)
    assert clock.texts() == [CLEAR]


def test_a_server_that_takes_the_turns_keeps_their_pauses(clock: Clock) -> None:
    clock.up.audio(np.concatenate([voice(0.2), quiet(2.0), voice(0.2)]))
    clock.run(2.5)
    loud = [i for i, frame in enumerate(clock.frames) if frame.any()]
    assert (max(np.diff(loud)) - 1) * FRAME_S >= SERVER_KEEP_AFTER_S


def test_a_turn_is_never_cleared() -> None:
    clock = Clock(Uplink(clear=CLEAR))
    clock.up.audio(voice(0.2))
    clock.run(10.0)
    assert clock.texts() == []
    clock.event("commit", "commit")
    clock.up.answered("commit")
    clock.run(CLEAR_EVERY_S + 0.1)
    assert clock.texts() == ["commit", CLEAR]


def test_a_voice_waits_for_a_clear_under_way() -> None:
    clock = Clock(Uplink(clear=CLEAR))
    clock.run(CLEAR_EVERY_S)
    assert clock.texts() == [CLEAR]
    said = voice(0.2)
    clock.up.audio(said)
    clock.run(0.2)
    assert not len(clock.sent())
    clock.up.answered("clear")
    clock.run(0.3)
    assert np.array_equal(clock.sent(), said[said != 0])


def test_a_server_that_never_answers_costs_one_wait(clock: Clock) -> None:
    clock.event("commit", "commit")
    clock.run(0.2)
    clock.up.audio(voice(0.1))
    clock.run(FENCE_S + 0.2)
    assert len(clock.sent())
    clock.event("commit", "commit")
    before = len(clock.sent())
    clock.run(0.2)
    clock.up.audio(voice(0.1))
    clock.run(0.2)
    assert len(clock.sent()) > before


def test_a_clear_of_the_session_drops_what_has_not_left(clock: Clock) -> None:
    clock.up.audio(voice(0.5))
    clock.run(0.1)
    clock.event("clear", "clear")
    clock.run(1.0)
    assert len(clock.sent()) <= 5 * FRAME
    assert clock.texts() == ["clear"]


def test_a_clear_keeps_a_turn_that_was_committed_before_it(clock: Clock) -> None:
    said = voice(0.5)
    clock.up.audio(said)
    clock.event("commit", "commit")
    clock.event("clear", "clear")
    clock.up.answered("commit")
    clock.run(1.0)
    assert np.array_equal(clock.sent(), said[said != 0])
    assert clock.texts() == ["commit", "clear"]


def test_a_short_turn_is_filled_up_to_what_a_commit_needs(clock: Clock) -> None:
    clock.run(0.5)
    clock.event("clear", "clear")
    clock.up.answered("clear")
    clock.event("commit", "commit")
    at = clock.now
    clock.run(0.5)
    assert clock.texts() == ["clear", "commit"]
    assert clock.events[1][1] - at >= 0.1
