"""When packets are played, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.webrtc.jitter import FRAME, MARGIN_S, Conceal, Jitter, Merge, Play, Pull, Recover

TICK_S = 0.020


def payload(index: int) -> bytes:
    return index.to_bytes(4, "big")


def run(
    arrivals: Iterable[tuple[float, int]], seconds: float, base: int = 0
) -> tuple[Jitter, list[tuple[float, Pull]]]:
    """Packets as ``(time, index)``; pulls at a steady 20 ms from when the first is due."""
    jitter, pulls = Jitter(), []
    waiting = sorted(arrivals)
    due: float | None = None
    while due is None or due < seconds:
        while waiting and (due is None or waiting[0][0] <= due):
            at, index = waiting.pop(0)
            jitter.push((base + index * FRAME) % (1 << 32), FRAME, payload(index), at)
            if due is None:
                due = jitter.first_due()
        assert due is not None
        pulls.append((due, jitter.pull(due)))
        due += TICK_S
    return jitter, pulls


def played(pulls: Iterable[tuple[float, Pull]]) -> list[tuple[float, int]]:
    """What was played, and when."""
    made = []
    for at, pull in pulls:
        if isinstance(pull, Play):
            made.append((at, int.from_bytes(pull.payload, "big")))
        elif isinstance(pull, Merge):
            made += [(at, int.from_bytes(part, "big")) for part in (pull.first, pull.second)]
    return made


def stream(
    count: int, lost: Callable[[int], bool] = lambda _: False, jitter_s: float = 0.0
) -> list[tuple[float, int]]:
    rng = random.Random(1)
    return [(k * TICK_S + rng.random() * jitter_s, k) for k in range(count) if not lost(k)]


def delays(made: list[tuple[float, int]]) -> list[float]:
    """How long after it was sent each packet was played, s."""
    return [at - index * TICK_S for at, index in made]


def test_a_steady_stream_is_played_whole_and_soon() -> None:
    jitter, pulls = run(stream(500), 9.9)
    made = played(pulls)
    assert [index for _, index in made] == list(range(len(made)))
    assert max(delays(made)) == pytest.approx(MARGIN_S)
    assert jitter.stats.concealed == 0


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_losses_are_filled_and_leave_no_delay(rate: float) -> None:
    rng = random.Random(7)
    gone = {k for k in range(3000) if k and rng.random() < rate}
    jitter, pulls = run(stream(3000, gone.__contains__), 59.9)
    made = played(pulls)
    assert delays(made)[-1] == pytest.approx(MARGIN_S, abs=0.001)
    assert max(delays(made)) < MARGIN_S + 0.021
    # One tick, one frame's time: as many pieces as were sent, each lost one filled.
    assert jitter.stats.concealed == pytest.approx(len([k for k in gone if k < len(pulls)]), abs=2)
    assert jitter.stats.late == 0
    # With the successor there already, its copy is used.
    assert sum(isinstance(pull, Recover) for _, pull in pulls) > 0.5 * jitter.stats.concealed


def test_a_delay_that_came_is_shed_again() -> None:
    """A wait of 300 ms in the network, then all at once: everything is played, the delay goes."""
    arrivals = [(max(at, 2.3) if 2.0 <= at < 2.3 else at, k) for at, k in stream(1500)]
    jitter, pulls = run(arrivals, 29.9)
    made = played(pulls)
    assert [index for _, index in made] == list(range(len(made)))
    late = [delay for (at, _), delay in zip(made, delays(made), strict=True) if 2.3 < at < 3.0]
    assert max(late) > 0.25
    assert delays(made)[-1] < MARGIN_S + 0.06
    assert jitter.stats.merged > 8


def test_a_jittery_network_gets_more_margin_and_a_calm_one_less() -> None:
    """Late by up to 60 ms for 10 s, then calm."""
    rng = random.Random(3)
    arrivals = [(at + (rng.random() * 0.06 if at < 10 else 0), k) for at, k in stream(2500)]
    _, pulls = run(arrivals, 49.9)
    made = played(pulls)
    rough = [pull for at, pull in pulls if 5 < at < 10]
    assert sum(isinstance(pull, Conceal | Recover) for pull in rough) < 0.05 * len(rough)
    assert delays(made)[-1] < MARGIN_S + 0.03


def test_packets_out_of_order_are_played_in_order() -> None:
    arrivals = stream(100)
    arrivals[50] = (arrivals[51][0] + 0.001, 50)
    _, pulls = run(arrivals, 1.9)
    made = [index for _, index in played(pulls)]
    assert made == sorted(made)
    assert 50 in made


def test_copies_and_what_is_too_late_change_nothing() -> None:
    arrivals = stream(200)
    arrivals += [(at + 0.005, k) for at, k in arrivals[::7]]  # copies
    arrivals.append((arrivals[150][0], 20))
    jitter, pulls = run(arrivals, 3.9)
    made = [index for _, index in played(pulls)]
    assert made == list(range(len(made)))
    assert jitter.stats.concealed == 0
    assert jitter.stats.late == 1


def test_a_sender_that_pauses_is_filled_and_taken_up_at_once() -> None:
    """Both kinds of pause: RTP time goes on, or stands still."""
    for skipped in (100, 0):
        arrivals = [(at, k) for at, k in stream(100)]
        arrivals += [(4.0 + k * TICK_S, 100 + skipped + k) for k in range(100)]
        jitter, pulls = run(arrivals, 5.9)
        made = played(pulls)
        again = next(at for at, index in made if index >= 100)
        assert again - 4.0 <= TICK_S + MARGIN_S
        assert [index for _, index in made if index >= 100][:50] == list(range(100 + skipped, 150 + skipped))
        assert jitter.stats.late == 0


def test_time_wraps_and_another_stream_takes_over() -> None:
    _, pulls = run(stream(200), 3.9, base=(1 << 32) - 50 * FRAME)
    assert [index for _, index in played(pulls)] == list(range(len(played(pulls))))
    jitter = Jitter()
    for k in range(5):
        jitter.push(k * FRAME, FRAME, payload(k), k * TICK_S)
    jitter.pull(0.1)
    jitter.push(3_000_000_000, FRAME, payload(77), 0.2)
    assert jitter.pull(0.22) == Play(payload(77))


def test_a_reader_far_behind_is_told_and_memory_is_bounded() -> None:
    jitter = Jitter()
    for k in range(1000):
        jitter.push(k * FRAME, FRAME, payload(k), k * TICK_S)
    assert jitter.behind(20.0)
    assert jitter.pull(20.0) == Play(payload(750))
    assert not Jitter().behind(20.0)
    assert Jitter().pull(0.0) == Conceal(FRAME)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 250)), max_size=120),
    st.lists(st.integers(1, 60), min_size=1, max_size=200),
)
def test_whatever_comes_each_packet_is_played_at_most_once_and_in_order(
    arrivals: list[tuple[int, int]], gaps: list[int]
) -> None:
    jitter, now, made = Jitter(), 0.0, []
    waiting = sorted(arrivals)
    for gap in gaps:
        now += gap / 1000
        while waiting and waiting[0][0] / 100 <= now:
            at, index = waiting.pop(0)
            jitter.push(index * FRAME, FRAME, payload(index), at / 100)
        pull = jitter.pull(now)
        if isinstance(pull, Conceal | Recover):
            assert 0 < pull.samples <= 6 * FRAME
        made += [index for _, index in played([(now, pull)])]
    assert made == sorted(set(made))
