"""`reconcile`: from rows and sight to actions."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.calls import Call, Ending, Observed, Phase, Room, Worker, identity_of
from antiphon.workers.dispatcher.policy import DispatchPolicy
from antiphon.workers.dispatcher.reconcile import reconcile, state_of
from antiphon.workers.dispatcher.virtual import VirtualRoom, World

POLICY = DispatchPolicy()
NOW = 1000.0


def call(name: str = "c", **changes: object) -> Call:
    made = Call(id=name, agent="a", room=f"room-{name}", created_at=NOW - 10, since=NOW - 10)
    return replace(made, **changes)  # type: ignore[arg-type]


def worker(name: str = "w", **changes: object) -> Worker:
    return replace(Worker(name, "a", 2, NOW, label=name), **changes)  # type: ignore[arg-type]


def room(name: str = "room-c", **changes: object) -> Room:
    return replace(Room(name, NOW, people=1), **changes)  # type: ignore[arg-type]


def see(*rooms: Room, workers: tuple[Worker, ...] = (), since: float = 0.0) -> Observed:
    return Observed({r.name: r for r in rooms}, {w.id: w for w in workers}, since)


def connecting(**changes: object) -> Call:
    found = call(
        phase=Phase.CONNECTING, since=NOW - 0.5, attempt=1, identity=identity_of("c", 1), worker="w", met=True
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def active(**changes: object) -> Call:
    return connecting(**{"phase": Phase.ACTIVE, "since": NOW - 60, **changes})


def test_a_call_without_a_worker_waits_and_nothing_is_done() -> None:
    plan = reconcile([call()], see(), POLICY, NOW)
    assert plan.calls == ()
    assert plan.actions == ()


def test_a_call_goes_to_a_free_worker_and_is_not_active_by_that() -> None:
    plan = reconcile([call()], see(workers=(worker(),)), POLICY, NOW)
    (placed,) = plan.calls
    assert placed.phase is Phase.CONNECTING
    assert placed.identity == "agent-c-1"
    assert plan.actions == (act.Dispatch("c", "room-c", "a", "agent-c-1", 1, "w", "w"),)
    assert plan.again_at is not None
    assert plan.again_at <= NOW + POLICY.connect_s


def test_only_an_agent_in_the_room_makes_it_active() -> None:
    serving = worker(serving={"agent-c-1": "room-c"})
    without = reconcile([connecting()], see(room(), workers=(serving,)), POLICY, NOW)
    assert without.calls == ()
    with_it = reconcile(
        [connecting()], see(room(agents=frozenset({"agent-c-1"})), workers=(serving,)), POLICY, NOW
    )
    assert [c.phase for c in with_it.calls] == [Phase.ACTIVE]


def test_the_queue_goes_by_loss_then_priority_then_age() -> None:
    calls = [
        call("old", created_at=NOW - 20),
        call("urgent", priority=5, created_at=NOW - 1),
        call("lost", phase=Phase.RESTORING, created_at=NOW - 1, attempt=1),
    ]
    for order in permutations(calls):
        left = list(order)
        served = []
        while left:
            plan = reconcile(left, see(workers=(worker(slots=1),)), POLICY, NOW)
            (placed,) = plan.calls
            served.append(placed.id)
            left = [c for c in left if c.id != placed.id]
        assert served == ["lost", "urgent", "old"]


def test_a_full_draining_late_or_dead_worker_gets_no_call() -> None:
    full = worker("full", slots=1, serving={"x": "room-c"})
    rest = (
        worker("draining", draining=True),
        worker("late", behind=True),
        worker("dead", dead=True),
        worker("silent", seen_at=NOW - POLICY.silent_s - 0.1),
        worker("closed", connected=False, seen_at=NOW - POLICY.link_s - 0.1),
        worker("other", agent="b"),
    )
    assert reconcile([call()], see(workers=(full, *rest)), POLICY, NOW).actions == ()


def test_the_calls_of_a_dead_worker_are_restored_elsewhere_and_its_ghosts_removed() -> None:
    ghost = room(agents=frozenset({"agent-c-1"}))
    plan = reconcile([active()], see(ghost, workers=(worker(dead=True), worker("v"))), POLICY, NOW)
    (restored,) = plan.calls
    assert (restored.phase, restored.worker, restored.identity) == (Phase.CONNECTING, "v", "agent-c-2")
    assert restored.restores == 1
    assert act.RemoveParticipant("room-c", "agent-c-1") in plan.actions


def test_a_worker_that_a_new_dispatcher_has_not_heard_yet_is_not_dead() -> None:
    sight = see(room(agents=frozenset({"agent-c-1"})), since=NOW - 1)
    assert reconcile([active()], sight, POLICY, NOW).calls == ()
    later = reconcile([active()], sight, POLICY, NOW + POLICY.silent_s)
    assert [c.phase for c in later.calls] == [Phase.RESTORING]


def test_a_dispatch_that_is_not_to_be_seen_is_sent_again_and_one_that_is_seen_is_not() -> None:
    old = connecting(since=NOW - POLICY.redispatch_s - 0.1)
    again = reconcile([old], see(room(), workers=(worker(),)), POLICY, NOW)
    assert [type(a) for a in again.actions] == [act.Dispatch]
    assert again.calls == ()
    seen = room(dispatches=frozenset({"agent-c-1"}))
    assert reconcile([old], see(seen, workers=(worker(),)), POLICY, NOW).actions == ()


def test_an_attempt_that_comes_to_nothing_is_made_again_later_each_time() -> None:
    waits = []
    for tries in range(4):
        late = connecting(since=NOW - POLICY.connect_s, tries=tries)
        plan = reconcile([late], see(room(), workers=(worker(),)), POLICY, NOW)
        (back,) = plan.calls
        assert back.phase is Phase.QUEUED
        assert act.DeleteDispatch("room-c", "agent-c-1") in plan.actions
        waits.append(back.not_before - NOW)
    assert waits == [0.5, 1.0, 2.0, 4.0]


def test_an_agent_that_comes_late_is_taken_while_it_is_wanted_and_removed_when_it_is_not() -> None:
    late = room(agents=frozenset({"agent-c-1"}))
    waiting = call(attempt=1, identity="agent-c-1", worker="w", tries=1, not_before=NOW + 1)
    (taken,) = reconcile([waiting], see(late, workers=(worker(),)), POLICY, NOW).calls
    assert taken.phase is Phase.ACTIVE
    second = connecting(attempt=2, identity="agent-c-2", ghosts=("agent-c-1",))
    plan = reconcile([second], see(late, workers=(worker(),)), POLICY, NOW)
    assert act.RemoveParticipant("room-c", "agent-c-1") in plan.actions
    assert plan.calls == ()


def test_an_agent_may_be_missing_for_a_moment_and_not_for_longer() -> None:
    sight = see(room(), workers=(worker(serving={"agent-c-1": "room-c"}),))
    (noted,) = reconcile([active()], sight, POLICY, NOW).calls
    assert (noted.phase, noted.missing_since) == (Phase.ACTIVE, NOW)
    later = see(room(seen_at=NOW + 2), workers=(worker(seen_at=NOW + 2),))
    (restored,) = reconcile([noted], later, POLICY, NOW + POLICY.missing_s).calls
    assert restored.restores == 1


def test_an_absence_seen_before_the_agent_came_does_not_count() -> None:
    stale = see(room(seen_at=NOW - 61), workers=(worker(),))
    assert reconcile([active()], stale, POLICY, NOW).calls == ()


@pytest.mark.parametrize(
    ("reason", "phase"),
    [
        ("done", Phase.ENDED),
        ("", Phase.ENDED),
        ("handover", Phase.CONNECTING),
        ("rejected", Phase.RESTORING),
        ("failed", Phase.RESTORING),
    ],
)
def test_what_becomes_of_a_call_whose_agent_ended(reason: str, phase: Phase) -> None:
    ended = worker(finished={"agent-c-1": reason}, draining=True)
    (after,) = reconcile([active()], see(room(), workers=(ended, worker("v"))), POLICY, NOW).calls
    assert after.phase is phase
    if phase is Phase.ENDED:
        assert after.ending == (reason or Ending.DONE)


def test_a_cancelled_call_ends_in_any_phase_and_its_room_with_it() -> None:
    for phase in (Phase.QUEUED, Phase.CONNECTING, Phase.ACTIVE, Phase.RESTORING):
        wanted = active(cancelled=True, own_room=True, phase=phase)
        plan = reconcile([wanted], see(room(), workers=(worker(),)), POLICY, NOW)
        (over,) = plan.calls
        assert (over.phase, over.ending) == (Phase.ENDED, Ending.CANCELLED)
        assert act.DeleteRoom("room-c") in plan.actions


def test_a_call_in_a_room_of_somebody_else_leaves_the_room_when_it_is_cancelled() -> None:
    wanted = active(cancelled=True)
    seen = room(agents=frozenset({"agent-c-1", "someone-elses-agent"}))
    plan = reconcile([wanted], see(seen, workers=(worker(),)), POLICY, NOW)
    assert plan.actions == (act.RemoveParticipant("room-c", "agent-c-1"),)


def test_waiting_ends_at_the_deadline() -> None:
    waiting = call(deadline_at=NOW + 5)
    plan = reconcile([waiting], see(), POLICY, NOW)
    assert plan.again_at == NOW + 5
    (over,) = reconcile([waiting], see(), POLICY, NOW + 5).calls
    assert over.ending == Ending.DEADLINE


def test_a_call_that_everybody_left_is_not_restored_for_ever() -> None:
    alone = call(phase=Phase.RESTORING, met=True, attempt=1)
    (noted,) = reconcile([alone], see(room(people=0)), POLICY, NOW).calls
    assert noted.alone_since == NOW
    sight = see(room(people=0, seen_at=NOW + POLICY.abandon_s))
    (over,) = reconcile([noted], sight, POLICY, NOW + POLICY.abandon_s).calls
    assert over.ending == Ending.ABANDONED


def test_a_room_that_its_server_lost_is_made_again_and_one_that_ended_ends_the_call() -> None:
    (row,) = [active()]
    lost = see(room(exists=False, people=0), workers=(worker(),))
    plan = reconcile([row], lost, POLICY, NOW)
    assert act.MakeRoom("room-c") in plan.actions
    assert [c.phase for c in plan.calls] == [Phase.ACTIVE]
    ended = see(room(exists=False, people=0, finished=True), workers=(worker(),))
    assert [c.ending for c in reconcile([row], ended, POLICY, NOW).calls] == [Ending.ROOM_GONE]


def test_a_call_that_no_worker_can_serve_is_given_up_with_its_reason() -> None:
    (over,) = reconcile([call(tries=POLICY.tries)], see(workers=(worker(),)), POLICY, NOW).calls
    assert over.ending == Ending.FAILED


def test_people_are_told_how_their_call_stands_only_in_rooms_that_were_made_for_it() -> None:
    calls = [
        call("a", own_room=True, created_at=NOW - 3),
        call("b", own_room=True, created_at=NOW - 2),
        call("x", created_at=NOW - 1),
    ]
    rooms = (room("room-a"), room("room-b", state=state_of(Phase.QUEUED, 2)), room("room-x"))
    plan = reconcile(calls, see(*rooms), POLICY, NOW)
    assert plan.actions == (act.TellRoom("room-a", '{"state": "queued", "position": 1}'),)


def test_no_more_calls_are_on_their_way_than_the_server_launches_at_once() -> None:
    calls = [call(str(n)) for n in range(100)]
    workers = tuple(worker(f"w{n}", slots=20) for n in range(10))
    plan = reconcile(calls, see(workers=workers), POLICY, NOW)
    assert len(plan.calls) == POLICY.connecting


def test_calls_spread_over_workers_by_the_share_of_slots_in_use() -> None:
    workers = (
        worker("big", slots=8),
        worker("small", slots=2),
        worker("busy", slots=4, serving={"x": "r", "y": "s"}),
    )
    plan = reconcile([call(str(n)) for n in range(5)], see(workers=workers), POLICY, NOW)
    given = sorted(c.worker for c in plan.calls)
    assert given == ["big", "big", "big", "big", "small"]


FATES = st.lists(st.sampled_from(["done", "done", "lost", "twice", "late"]), min_size=1, max_size=5)


def test_an_agent_at_work_for_a_call_that_nobody_knows_is_put_out() -> None:
    lost = worker(serving={"agent-gone-3": "room-gone", "somebody": "their-room", "agent-of-theirs": "r"})
    plan = reconcile([], see(workers=(lost,)), POLICY, NOW)
    assert plan.actions == (act.RemoveParticipant("room-gone", "agent-gone-3"),)


class Dispatching(RuleBasedStateMachine):
    """Calls, workers that die and come, messages that are lost, doubled and late, dispatchers that die."""

    @initialize(workers=st.integers(2, 4), calls=st.integers(2, 6))
    def begin(self, workers: int, calls: int) -> None:
        self.world = World()
        self.rows: dict[str, Call] = {}
        self.ended: dict[str, str] = {}
        self.late: list[act.Action] = []
        self.look()
        for _ in range(workers):
            self.start_worker(0)
        for number in range(calls):
            self.ask(number % 3, None)

    @rule(priority=st.integers(0, 2), deadline=st.sampled_from([None, 3.0, 40.0]))
    def ask(self, priority: int, deadline: float | None) -> None:
        name = f"c{len(self.rows)}"
        now = self.world.now
        self.world.rooms[f"room-{name}"] = VirtualRoom()
        self.rows[name] = Call(
            id=name, agent="a", room=f"room-{name}", created_at=now, since=now, priority=priority,
            own_room=True, deadline_at=None if deadline is None else now + deadline,
        )  # fmt: skip

    @rule(
        kind=st.sampled_from(
            [
                "start_worker",
                "kill",
                "cut",
                "cut",
                "mend",
                "finish",
                "hand_over",
                "crash",
                "cancel",
                "leave",
                "come",
            ]
        ),
        which=st.integers(0, 9),
    )
    def trouble(self, kind: str, which: int) -> None:
        """One thing goes wrong, or comes right."""
        getattr(self, kind)(which)

    def start_worker(self, which: int) -> None:
        self.world.add_worker(f"w{len(self.world.workers)}")

    def kill(self, which: int) -> None:
        names = sorted(self.world.workers)
        self.world.kill(names[which % len(names)])

    def cut(self, which: int, on: bool = False) -> None:
        worker = self.world.workers[sorted(self.world.workers)[which % len(self.world.workers)]]
        worker.linked = on and worker.alive

    def mend(self, which: int) -> None:
        self.cut(which, on=True)

    def finish(self, which: int, reason: str = "done") -> None:
        serving = [(w.id, i) for w in self.world.workers.values() for i in w.serving]
        if serving:
            self.world.finish(*serving[which % len(serving)], reason)

    def hand_over(self, which: int) -> None:
        self.finish(which, "handover")

    def crash(self, which: int) -> None:
        self.finish(which, "failed")

    def cancel(self, which: int) -> None:
        name = sorted(self.rows)[which % len(self.rows)]
        self.rows[name] = replace(self.rows[name], cancelled=True)

    def leave(self, which: int, there: int = 0) -> None:
        if self.world.rooms:
            self.world.rooms[sorted(self.world.rooms)[which % len(self.world.rooms)]].people = there

    def come(self, which: int) -> None:
        self.leave(which, 1)

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.0, 6.0, 25.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.run_to(self.world.now + seconds)

    def look(self) -> None:
        self.sight = self.see()

    @rule(fates=FATES)
    def step(self, fates: list[str]) -> None:
        """One round of a dispatcher on the last sight, with an unreliable hand."""
        plan = reconcile(self.rows.values(), self.sight, POLICY, self.world.now)
        self.write(plan.calls)
        for number, action in enumerate(plan.actions):
            fate = fates[number % len(fates)]
            if fate in ("done", "twice"):
                self.world.carry_out(action)
            if fate == "twice":
                self.world.carry_out(action)
            if fate == "late":
                self.late.append(action)

    @rule(fates=FATES, seconds=st.sampled_from([0.2, 0.7, 1.5]), rounds=st.integers(3, 12))
    def work(self, fates: list[str], seconds: float, rounds: int) -> None:
        """Several rounds, each on a fresh sight."""
        for number in range(rounds):
            self.look()
            self.step(fates[number % len(fates) :] + fates)
            self.world.run_to(self.world.now + seconds)

    @rule()
    def deliver_late(self) -> None:
        for action in self.late:
            self.world.carry_out(action)
        self.late = []

    def write(self, calls: tuple[Call, ...]) -> None:
        for row in calls:
            self.rows[row.id] = row

    def see(self) -> Observed:
        found = self.world.observe()
        rooms = dict(found.rooms)
        for row in self.rows.values():
            rooms.setdefault(row.room, Room(row.room, self.world.now, exists=False))
        return Observed(rooms, found.workers, found.since)

    @invariant()
    def what_is_over_stays_over(self) -> None:
        for name, ending in getattr(self, "ended", {}).items():
            assert self.rows[name].ending == ending
        for row in getattr(self, "rows", {}).values():
            if row.phase is Phase.ENDED:
                assert row.ending
                self.ended[row.id] = row.ending

    @invariant()
    def a_second_look_at_the_same_changes_nothing(self) -> None:
        if not hasattr(self, "rows"):
            return
        plan = reconcile(self.rows.values(), self.sight, POLICY, self.world.now)
        after = {**self.rows, **{row.id: row for row in plan.calls}}
        assert reconcile(after.values(), self.sight, POLICY, self.world.now).calls == ()

    def teardown(self) -> None:
        """With the faults gone, everything comes right."""
        if not hasattr(self, "world"):
            return
        self.deliver_late()
        for name in list(self.world.workers):
            self.world.workers[name].linked = self.world.workers[name].alive
        self.world.add_worker("last", slots=100)
        for _ in range(225):  # 90 s: longer than the longest back-off, ghost and grace
            self.world.run_to(self.world.now + 0.4)
            self.sight = self.see()
            plan = reconcile(self.rows.values(), self.sight, POLICY, self.world.now)
            self.write(plan.calls)
            for action in plan.actions:
                self.world.carry_out(action)
        for row in self.rows.values():
            assert row.phase in (Phase.ACTIVE, Phase.ENDED), row
            agents = self.world.rooms[row.room].agents if row.room in self.world.rooms else {}
            ours = [identity for identity in agents if row.owns(identity)]
            assert ours == ([row.identity] if row.phase is Phase.ACTIVE else []), row
            if row.phase is Phase.ACTIVE:
                assert self.world.living(row.room) == [row.identity]
        final = reconcile(self.rows.values(), self.see(), POLICY, self.world.now)
        assert final.calls == ()
        assert [a for a in final.actions if not isinstance(a, act.DeleteRoom)] == []


TestDispatching = Dispatching.TestCase
TestDispatching.settings = settings(
    max_examples=50, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
