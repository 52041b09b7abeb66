"""Who is next, and where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from antiphon.workers.dispatcher.calls import Call, Phase, Worker
from antiphon.workers.dispatcher.placing import place, queue, taken
from antiphon.workers.dispatcher.policy import DispatchPolicy

POLICY = DispatchPolicy(connecting=5)


def call(name: str, agent: str = "a", phase: Phase = Phase.QUEUED, **more: object) -> Call:
    return Call(id=name, agent=agent, room=name, created_at=0.0, since=0.0, phase=phase, **more)  # type: ignore[arg-type]


def worker(name: str, slots: int = 2, agent: str = "a", **more: object) -> Worker:
    return Worker(name, agent, slots, 0.0, **more)  # type: ignore[arg-type]


def test_slots_are_counted_once_whether_given_or_served() -> None:
    calls = [
        call("x", phase=Phase.ACTIVE, identity="i", worker="w"),
        call("y", phase=Phase.CONNECTING, identity="j", worker="w"),
        call("z", phase=Phase.ENDED, identity="k", worker="w"),
    ]
    workers = {"w": worker("w", 9, serving={"i": "x", "ghost": "g"})}
    assert taken(calls, workers) == {"w": 3}


def test_a_flood_for_one_agent_does_not_hold_up_another() -> None:
    calls = [*(call(f"a{n}") for n in range(50)), call("b", agent="b")]
    workers = {w.id: w for w in (worker("w", 99), worker("v", 99, agent="b"))}
    chosen = place(calls, queue(calls), workers, POLICY, 0.0)
    assert [c.id for c, _ in chosen[:2]] == ["a0", "b"]
    assert len(chosen) == POLICY.connecting + 1


def test_a_call_that_must_wait_does_not_hold_up_those_behind_it() -> None:
    calls = [call("later", not_before=10.0), call("now")]
    chosen = place(calls, queue(calls), {"w": worker("w", 1)}, POLICY, 0.0)
    assert [c.id for c, _ in chosen] == ["now"]


@given(
    slots=st.lists(st.integers(1, 4), max_size=5),
    wanted=st.integers(0, 30),
    connecting=st.integers(0, 6),
)
def test_no_worker_is_given_more_than_its_slots_and_none_is_left_idle(
    slots: list[int], wanted: int, connecting: int
) -> None:
    workers = {f"w{n}": worker(f"w{n}", count) for n, count in enumerate(slots)}
    busy = [
        call(f"on{n}", phase=Phase.CONNECTING, identity=f"on{n}", worker="gone") for n in range(connecting)
    ]
    calls = [*busy, *(call(f"c{n:02}") for n in range(wanted))]
    chosen = place(calls, queue(calls), workers, POLICY, 0.0)
    for name, count in ((w.id, w.slots) for w in workers.values()):
        assert sum(w.id == name for _, w in chosen) <= count
    assert len(chosen) == min(wanted, sum(slots), max(POLICY.connecting - connecting, 0))
    assert [c.id for c, _ in chosen] == sorted(c.id for c, _ in chosen)
