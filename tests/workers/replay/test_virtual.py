from __future__ import annotations

import numpy as np

from antiphon.workers.replay.virtual import EPOCH_S, VirtualLoop, VirtualMedia, VirtualSource


def test_what_is_due_happens_in_order_when_it_is_due() -> None:
    loop = VirtualLoop()
    seen: list[tuple[str, float]] = []

    def note(name: str) -> None:
        seen.append((name, round(loop.time() - EPOCH_S, 6)))

    loop.call_at(EPOCH_S + 0.3, note, "late")
    loop.call_at(EPOCH_S + 0.1, note, "first")
    loop.call_at(EPOCH_S + 0.1, note, "second")
    loop.call_later(0.2, note, "never").cancel()
    loop.advance_to(EPOCH_S + 0.2)
    assert seen == [("first", 0.1), ("second", 0.1)]
    assert loop.time() == EPOCH_S + 0.2
    loop.advance_to(EPOCH_S + 1.0)
    assert seen[2:] == [("late", 0.3)]


def test_what_is_asked_for_on_the_way_happens_on_the_way() -> None:
    loop = VirtualLoop()
    seen: list[float] = []

    def again() -> None:
        seen.append(loop.time() - EPOCH_S)
        if len(seen) < 3:
            loop.call_later(0.25, again)

    loop.call_soon_threadsafe(again)
    loop.advance_to(EPOCH_S + 1.0)
    assert seen == [0.0, 0.25, 0.5]


def test_time_does_not_step_back() -> None:
    loop = VirtualLoop()
    loop.advance_to(EPOCH_S + 1.0)
    seen: list[float] = []
    loop.call_at(EPOCH_S, lambda: seen.append(loop.time()))
    loop.advance_to(EPOCH_S + 0.5)
    assert loop.time() == EPOCH_S + 1.0
    assert seen == [EPOCH_S + 1.0]


def test_the_media_runs_what_it_is_given_at_once() -> None:
    seen: list[object] = []
    VirtualMedia().call(seen.append, "it")
    assert seen == ["it"]


def test_the_ear_hears_what_was_queued_until_it_was_dropped() -> None:
    source = VirtualSource(1000, 2.0)
    source.push(np.full(500, 7, np.int16), EPOCH_S + 0.1)
    assert source.queued_s(EPOCH_S + 0.2) == 0.4
    source.push(np.full(100, 8, np.int16), EPOCH_S + 0.2)
    source.clear(EPOCH_S + 0.3)
    assert source.queued_s(EPOCH_S + 0.3) == 0.0
    source.push(np.full(100, 9, np.int16), EPOCH_S + 0.35)
    heard = source.heard(0, 500)
    assert np.flatnonzero(heard == 7).tolist() == list(range(100, 300))
    assert not (heard == 8).any()
    assert np.flatnonzero(heard == 9).tolist() == list(range(350, 450))


def test_before_the_beginning_the_ear_heard_nothing() -> None:
    source = VirtualSource(1000, 1.0)
    source.push(np.full(10, 7, np.int16), EPOCH_S)
    assert source.heard(-5, 5).tolist() == [0] * 5 + [7] * 5
    assert source.heard(-9, -5).tolist() == [0] * 4
