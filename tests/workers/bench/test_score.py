from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.errors import MisuseError
from antiphon.plugins.local.testing import chirp_reply, tone
from antiphon.workers.bench.score import Ear, rise_s

RATE = 24_000
START = 100.0
REPLY = chirp_reply(8.0)


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), dtype=np.int16)


def part(begin: float, end: float) -> NDArray[np.int16]:
    return REPLY[round(begin * RATE) : round(end * RATE)]


def ear(*parts: NDArray[np.int16]) -> Ear:
    return Ear(np.concatenate(parts), RATE, START)


def test_voice_is_found_and_its_end_dated() -> None:
    heard = ear(silence(1.0), part(0, 2), silence(1.0))
    assert heard.first_voice(START) == pytest.approx(START + 1.0, abs=0.011)
    assert heard.first_voice(START + 3.2) is None
    assert heard.gone(START + 2.0) == pytest.approx(START + 3.0, abs=0.011)


def test_a_short_gap_is_not_the_end() -> None:
    heard = ear(part(0, 1), silence(0.2), part(1, 2), silence(1.0))
    assert heard.gone(START + 0.5) == pytest.approx(START + 2.2, abs=0.011)
    assert ear(part(0, 2)).gone(START + 0.5) is None  # still speaking


@pytest.mark.parametrize(("again", "lost"), [(2.0, 0), (1.97, -30), (2.1, 100)])
def test_a_gap_says_what_was_lost_or_repeated(again: float, lost: float) -> None:
    gap = ear(part(0, 2), silence(0.6), part(again, 5)).gap(START + 1.0, START + 3.0)
    assert gap is not None
    assert gap.began_at == pytest.approx(START + 2.0, abs=0.011)
    assert gap.seconds == pytest.approx(0.6, abs=0.021)
    assert gap.lost_ms == pytest.approx(lost, abs=15)


def test_no_gap_and_an_endless_one() -> None:
    assert ear(part(0, 4)).gap(START + 1, START + 3) is None
    gap = ear(part(0, 2), silence(2)).gap(START + 1, START + 3)
    assert gap is not None
    assert gap.seconds is None
    assert gap.lost_ms is None


def test_the_longest_silence_between_two_moments() -> None:
    heard = ear(part(0, 1), silence(0.05), part(1, 2), silence(0.2), part(2, 3))
    assert heard.longest_silence(START + 0.5, START + 1.5) == pytest.approx(0.05, abs=0.011)
    assert heard.longest_silence(START, START + 3) == pytest.approx(0.2, abs=0.011)


def test_a_stall_is_silence_or_a_reply_that_stands_still() -> None:
    tone_at_2_s = tone(0.2, 1300.0)  # the reply's pitch at 2 s, as a receiver that conceals goes on with it
    heard = ear(part(0, 2), tone_at_2_s, part(2, 6))
    assert heard.longest_silence(START + 1, START + 5) == 0.0
    assert heard.longest_stall(START + 1, START + 5) == pytest.approx(0.2, abs=0.012)
    # Where the reply has skipped ahead before, silence takes it only back to its schedule.
    heard = ear(part(0, 2), silence(0.2), part(2.2, 6))
    assert heard.longest_stall(START + 1, START + 5) == pytest.approx(0.2, abs=0.012)
    assert ear(part(0, 6)).longest_stall(START + 1, START + 5) == pytest.approx(0.0, abs=0.01)
    assert ear(silence(1), part(0, 5)).longest_stall(START + 1.1, START + 5) is None
    assert ear(part(0, 6)).longest_stall(START + 0.2, START + 5) is None  # not recorded from before


@pytest.mark.parametrize(("middle", "again", "skipped"), [(0.0, 2.0, 0), (0.0, 2.1, 100), (0.1, 2.0, -100)])
def test_a_reply_that_kept_talking_may_have_skipped(middle: float, again: float, skipped: float) -> None:
    heard = ear(part(0, 2), tone(middle, 1300.0), part(again, 6))
    assert heard.skipped_ms(START + 1.5, START + 2.7) == pytest.approx(skipped, abs=10)
    assert ear(part(0, 2), silence(2)).skipped_ms(START + 1.5, START + 2.7) is None


def test_a_clips_rise_is_what_the_ear_finds_late() -> None:
    quiet, loud = (np.full(RATE, 32768 * 10 ** (dbfs / 20), dtype=np.int16) for dbfs in (-40, -20))
    clip = np.concatenate([silence(0.5), quiet[: round(0.05 * RATE)], loud])
    # A frame counts from its beginning, 5 ms before the sound that it is loud for, in the mean.
    assert rise_s(clip, RATE) == pytest.approx(0.05 - 0.005, abs=0.003)
    with pytest.raises(MisuseError, match="quiet"):
        rise_s(quiet, RATE)
    with pytest.raises(MisuseError, match="quiet"):
        rise_s(silence(1.0), RATE)


def test_slots_on_schedule() -> None:
    good, total = ear(part(0, 4)).on_schedule(START, START + 4)
    assert total == 200
    assert good >= 196
    good, _ = ear(part(0, 2), silence(1.0), part(2, 3)).on_schedule(START, START + 4)
    assert 85 <= good <= 110  # what came late after the gap is off schedule
    assert ear(silence(4)).on_schedule(START, START + 4) == (0, 200)


def test_positions_at_the_edges() -> None:
    heard = ear(part(0, 2), silence(0.5), part(3, 5))
    assert heard.position_at_end(START + 2.0) == pytest.approx(2.0, abs=0.012)
    assert heard.position_at_start(START + 2.5) == pytest.approx(3.0, abs=0.012)
    assert heard.position_at_end(START + 0.1) is None  # too near the beginning to be read
