"""The virtual world behaves as the server that it stands for."""

from __future__ import annotations

from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.virtual import GHOST_S, JOIN_S, VirtualRoom, World


def dispatch(identity: str = "agent-c-1", worker: str = "w") -> act.Dispatch:
    return act.Dispatch("c", "r", "a", identity, 1, worker, worker)


def world(slots: int = 1) -> World:
    made = World()
    made.add_worker("w", slots)
    made.rooms["r"] = VirtualRoom()
    return made


def test_a_dispatch_takes_a_while_and_then_there_is_an_agent() -> None:
    it = world()
    it.carry_out(dispatch())
    assert it.living("r") == []
    it.run_to(it.now + JOIN_S)
    assert it.living("r") == ["agent-c-1"]


def test_a_dispatch_to_a_full_or_dead_worker_is_dropped() -> None:
    it = world()
    it.carry_out(dispatch())
    it.run_to(it.now + JOIN_S)
    it.carry_out(dispatch("agent-d-1"))
    it.run_to(it.now + 60)
    assert it.living("r") == ["agent-c-1"]
    it.kill("w")
    it.carry_out(dispatch("agent-d-2"))
    it.run_to(it.now + 60)
    assert it.living("r") == []


def test_a_dispatch_that_is_sent_twice_leaves_one_agent() -> None:
    it = world(2)
    it.carry_out(dispatch())
    it.carry_out(dispatch())
    it.run_to(it.now + 1)
    assert it.living("r") == ["agent-c-1"]
    assert it.workers["w"].serving == {"agent-c-1": "r"}


def test_a_dead_worker_leaves_a_ghost_that_goes_after_a_while() -> None:
    it = world()
    it.carry_out(dispatch())
    it.run_to(it.now + 1)
    it.kill("w")
    it.run_to(it.now + GHOST_S - 1)
    assert it.observe().rooms["r"].agents == {"agent-c-1"}
    assert it.living("r") == []
    it.run_to(it.now + 1)
    assert it.observe().rooms["r"].agents == frozenset()


def test_an_agent_that_is_put_out_says_so() -> None:
    it = world()
    it.carry_out(dispatch())
    it.run_to(it.now + 1)
    it.carry_out(act.RemoveParticipant("r", "agent-c-1"))
    assert it.observe().workers["w"].finished == {"agent-c-1": "removed"}
    assert it.done["RemoveParticipant"] == 1
