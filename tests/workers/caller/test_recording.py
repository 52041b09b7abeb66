from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.workers.caller.recording import (
    Mix,
    Recording,
    dbfs_onset,
    level_dbfs,
    silent_after,
    voice_spans,
)

RATE = 24_000
FRAME = 240


def frame(number: int) -> np.ndarray:
    return np.full(FRAME, number + 1, dtype=np.int16)


@given(st.lists(st.floats(0, 0.08), min_size=20, max_size=60))
def test_late_delivery_moves_nothing(delays: list[float]) -> None:
    recording = Recording(RATE)
    recording.add(frame(0), 100.0)
    for number, delay in enumerate(delays, 1):
        recording.add(frame(number), 100.0 + number * 0.01 + delay)
    made = recording.render(100.0, 100.0 + 0.01 * (len(delays) + 1))
    assert np.array_equal(made, np.concatenate([frame(n) for n in range(len(delays) + 1)]))


def test_a_backlog_that_comes_at_once_does_not_delay_what_follows() -> None:
    recording = Recording(RATE)
    for number in range(60):  # 0.6 s of frames, all delivered now
        recording.add(frame(number), 100.0)
    for number in range(60, 100):
        recording.add(frame(number), 100.0 + (number - 59) * 0.01)
    made = recording.render(100.3, 100.31)
    assert set(made.tolist()) == {90}


def test_a_real_gap_shows_as_silence() -> None:
    recording = Recording(RATE)
    recording.add(frame(0), 5.0)
    recording.add(frame(1), 6.0)
    made = recording.render(4.99, 6.02)
    assert len(made) == round(1.03 * RATE)
    assert np.count_nonzero(made) == 2 * FRAME
    assert made[round(1.015 * RATE)] == 2
    assert recording.began_at == 5.0
    assert recording.ends_at == pytest.approx(6.01)


def test_a_mix_is_the_sum_of_its_tracks_cut_at_full_scale() -> None:
    mix = Mix(RATE)
    assert (len(mix), mix.began_at, mix.ends_at) == (0, 0.0, 0.0)
    assert not mix.render(0.0, 0.01).any()
    first, second = mix.track(), mix.track()
    first.add(np.full(FRAME, 30_000, np.int16), 5.0)
    second.add(np.full(FRAME, 10_000, np.int16), 5.005)
    whole = Mix(RATE, mix)
    made = whole.render(5.0, 5.015)
    assert (made[0], made[FRAME // 2], made[-1]) == (30_000, 32_767, 10_000)
    assert (whole.began_at, whole.ends_at) == (5.0, pytest.approx(5.015))
    assert len(whole) == 2


def test_levels_onsets_and_spans() -> None:
    tone = (16_384 * np.sin(np.arange(RATE) * 0.2)).astype(np.int16)
    assert level_dbfs(tone) == pytest.approx(-9, abs=0.2)
    assert level_dbfs(np.zeros(10, np.int16)) == -120
    sound = np.concatenate([np.zeros(RATE), tone, np.zeros(RATE // 10), tone, np.zeros(RATE)]).astype(
        np.int16
    )
    onset = dbfs_onset(sound)
    assert onset is not None
    assert onset[0] == pytest.approx(RATE, abs=5)
    assert onset[1] == pytest.approx(3.1 * RATE, abs=40)
    assert dbfs_onset(np.zeros(10, np.int16)) is None
    ((begin, end),) = voice_spans(sound, RATE)  # the short gap is closed
    assert (begin, end) == (pytest.approx(1.0, abs=0.02), pytest.approx(3.1, abs=0.02))
    assert len(voice_spans(sound, RATE, gap_s=0.05)) == 2
    assert voice_spans(sound[:10], RATE) == []


@pytest.mark.parametrize(
    ("spans", "silent"),
    [
        ([(1.0, 3.0), (4.0, 6.0)], 0.5),  # it fell silent
        ([(1.0, 2.4), (4.0, 6.0)], None),  # it was silent already
        ([(1.0, 6.9)], None),  # it talks on
        ([(3.0, 6.0)], None),  # it began later
        ([], None),
    ],
)
def test_silence_after_a_moment_is_that_of_the_voice_there_was(
    spans: list[tuple[float, float]], silent: float | None
) -> None:
    assert silent_after(spans, 2.5, 7.0) == silent
