"""What each frame holds, by a clock that is a number."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.workers.caller.outgoing import FRAME_SAMPLES, MIC_RATE_HZ, Outgoing, Played, Samples

NOW = 1000.0


def clip(count: int, level: int = 9000) -> Samples:
    return np.full(count, level, dtype=np.int16)


def run(outgoing: Outgoing, frames: int, now: float = NOW) -> Samples:
    """Takes frames as a loop that is always in time does."""
    taken = []
    for _ in range(frames):
        now += outgoing.wait_s(now)
        taken.append(outgoing.frame(now))
    return np.concatenate(taken)


async def test_silence_flows_when_nothing_plays() -> None:
    outgoing = Outgoing()
    assert outgoing.wait_s(NOW) == 0.0
    assert not outgoing.frame(NOW).any()
    assert outgoing.wait_s(NOW) == pytest.approx(0.01)
    assert outgoing.wait_s(NOW + 0.004) == pytest.approx(0.006)
    assert outgoing.wait_s(NOW + 0.012) == 0.0
    assert outgoing.sent.ends_at == pytest.approx(NOW + 0.01)


async def test_clips_follow_each_other_without_a_gap_and_are_dated() -> None:
    outgoing = Outgoing()
    quiet = np.zeros(600, np.int16)
    first = outgoing.play(np.concatenate([quiet, clip(300), quiet]))
    second = outgoing.play(clip(700, 8000))
    made = run(outgoing, 6)
    assert np.flatnonzero(made == 9000)[[0, -1]].tolist() == [600, 899]
    assert np.flatnonzero(made == 8000)[[0, -1]].tolist() == [1500, 2199]
    assert np.count_nonzero(made) == 1000

    def at(*samples: int) -> Played:
        return Played(*(pytest.approx(NOW + sample / MIC_RATE_HZ) for sample in samples))  # type: ignore[arg-type]

    assert first.result() == at(0, 1500, 600, 899)
    assert second.result() == at(1500, 2200, 1500, 2199)
    sent = outgoing.sent.render(NOW, NOW + 0.06)
    assert np.array_equal(sent, made)


@pytest.mark.parametrize(("at_s", "first"), [(0.03, 3), (0.034, 3), (0.036, 4), (-5.0, 0)])
async def test_a_clip_begins_with_the_frame_nearest_to_its_time(at_s: float, first: int) -> None:
    outgoing = Outgoing()
    playing = outgoing.play(clip(480), NOW + at_s)
    made = run(outgoing, 6)
    assert np.flatnonzero(made)[[0, -1]].tolist() == [first * 480, first * 480 + 479]
    assert playing.result().began_at == pytest.approx(NOW + first * 0.01)


async def test_a_clip_that_is_due_later_keeps_its_place_in_the_row() -> None:
    outgoing = Outgoing()
    outgoing.play(clip(480), NOW + 0.02)
    outgoing.play(clip(480, 5))
    made = run(outgoing, 5)
    assert made[::480].tolist() == [0, 0, 9000, 5, 0]


async def test_a_frame_taken_a_little_late_delays_nothing() -> None:
    outgoing = Outgoing()
    playing = outgoing.play(clip(960))
    outgoing.frame(NOW)
    outgoing.frame(NOW + 0.029)  # 19 ms late
    assert outgoing.wait_s(NOW + 0.029) == 0.0
    assert outgoing.late_frames == 0
    assert playing.result().ended_at == pytest.approx(NOW + 0.02)


async def test_from_20_ms_on_the_row_begins_anew_and_the_lateness_is_told() -> None:
    outgoing = Outgoing()
    playing = outgoing.play(clip(480), NOW + 0.01)
    outgoing.frame(NOW)
    outgoing.frame(NOW + 0.1)
    assert outgoing.late_frames == 1
    assert playing.result().began_at == pytest.approx(NOW + 0.1)
    assert outgoing.wait_s(NOW + 0.1) == pytest.approx(0.01)


@given(st.lists(st.integers(0, 2000), max_size=6))
def test_no_sample_is_lost_or_doubled(lengths: list[int]) -> None:
    async def play() -> None:
        outgoing = Outgoing()
        clips = [clip(length, number + 1) for number, length in enumerate(lengths)]
        playing = [outgoing.play(each) for each in clips]
        made = run(outgoing, sum(lengths) // FRAME_SAMPLES + 1)
        assert np.array_equal(made[: sum(lengths)], np.concatenate([clip(0), *clips]))
        assert not made[sum(lengths) :].any()
        assert all(each.done() for each in playing)

    asyncio.run(play())


async def test_live_audio_that_waits_too_long_is_left_out() -> None:
    outgoing = Outgoing()
    for number in range(100):
        outgoing.feed(clip(480, number + 1))
    made = run(outgoing, 30)[::480]
    assert made[:21].tolist() == list(range(1, 22))
    assert not made[21:].any()
    outgoing.feed(clip(480, 7))
    assert run(outgoing, 1, NOW + 0.3).tolist() == [7] * 480


async def test_closing_cancels_what_is_not_over() -> None:
    outgoing = Outgoing()
    over, begun, waiting = (outgoing.play(clip(count)) for count in (480, 960, 480))
    outgoing.feed(clip(480))
    run(outgoing, 2)
    outgoing.close()
    assert (over.cancelled(), begun.cancelled(), waiting.cancelled()) == (False, True, True)
    assert not outgoing.frame(NOW + 0.02).any()


async def test_a_clip_nobody_waits_for_any_more_is_played_all_the_same() -> None:
    outgoing = Outgoing()
    outgoing.play(clip(480)).cancel()
    assert run(outgoing, 2)[::480].tolist() == [9000, 0]
