"""What was seen, from listings, webhooks and links."""

from __future__ import annotations

from antiphon.workers.dispatcher.calls import Room, Worker
from antiphon.workers.dispatcher.sight import Sight

AGENT = "agent-c-1"


def sight() -> Sight:
    made = Sight(100.0, look_every_s=5.0)
    made.looked(["r"], {"r": Room("r", 100.0, people=1)}, 100.0)
    return made


def test_a_room_that_a_listing_does_not_find_does_not_exist() -> None:
    it = sight()
    it.looked(["r", "s"], {}, 101.0)
    assert not it.observed().rooms["r"].exists
    assert not it.observed().rooms["s"].finished


def test_a_webhook_counts_at_once_and_asks_for_a_look() -> None:
    it = sight()
    it.joined("r", AGENT, True, 101.0)
    assert it.observed().rooms["r"].agents == {AGENT}
    assert it.to_look_at(["r"], 101.0) == ["r"]
    it.left("r", "caller", False, 102.0)
    assert it.observed().rooms["r"].people == 0


def test_a_listing_does_not_undo_what_a_webhook_told_after_it_was_asked_for() -> None:
    it = sight()
    it.joined("r", AGENT, True, 102.0)
    it.looked(["r"], {"r": Room("r", 0.0, people=1)}, 101.0)
    assert it.observed().rooms["r"].agents == {AGENT}
    assert it.to_look_at(["r"], 102.0) == ["r"]
    it.looked(["r"], {"r": Room("r", 0.0, people=1, agents=frozenset({AGENT}))}, 103.0)
    assert it.to_look_at(["r"], 103.0) == []


def test_a_webhook_that_comes_late_changes_nothing_but_asks_for_a_look() -> None:
    it = sight()
    it.left("r", "caller", False, 99.0)
    assert it.observed().rooms["r"].people == 1
    assert it.to_look_at(["r"], 100.0) == ["r"]


def test_a_doubled_webhook_is_put_right_by_the_look_that_it_asks_for() -> None:
    it = sight()
    for _ in range(2):
        it.joined("r", "second", False, 101.0)
    it.looked(["r"], {"r": Room("r", 0.0, people=2)}, 102.0)
    assert it.observed().rooms["r"].people == 2


def test_a_room_that_the_server_ended_stays_ended_while_it_is_not_there() -> None:
    it = sight()
    it.finished("r", 101.0)
    it.joined("r", "late", False, 102.0)
    it.looked(["r"], {}, 103.0)
    assert it.observed().rooms["r"].finished
    it.looked(["r"], {"r": Room("r", 0.0)}, 104.0)
    assert not it.observed().rooms["r"].finished


def test_rooms_are_looked_at_when_new_told_of_acted_on_or_long_unseen() -> None:
    it = sight()
    assert it.to_look_at(["r", "new"], 101.0) == ["new"]
    it.mark("r")
    assert it.to_look_at(["r"], 101.0) == ["r"]
    it.looked(["r"], {"r": Room("r", 0.0)}, 101.0)
    assert it.to_look_at(["r"], 105.9) == []
    assert it.to_look_at(["r"], 106.0) == ["r"]
    assert it.to_look_at(["r"], 101.5, frozenset(["r"])) == ["r"]
    it.keep([])
    assert it.observed().rooms == {}


def test_a_worker_is_known_until_it_is_long_gone_with_what_it_finished() -> None:
    it = sight()
    it.worker(Worker("w", "a", 2, 100.0, serving={AGENT: "r"}, finished={"agent-b-1": "done"}))
    it.worker(Worker("w", "a", 2, 101.0, finished={AGENT: "done"}))
    assert it.observed().workers["w"].finished == {"agent-b-1": "done", AGENT: "done"}
    it.forget(["agent-b-1"])
    assert it.observed().workers["w"].finished == {AGENT: "done"}
    it.link_closed("w", 102.0)
    it.alive("w", 103.0)
    assert it.observed().workers["w"].connected
    it.link_closed("w", 104.0)
    it.forget_workers(104.0)
    assert set(it.observed().workers) == {"w"}
    it.forget_workers(105.0)
    assert it.observed().workers == {}


def test_the_room_of_an_agent_that_a_worker_began_or_ended_is_looked_at() -> None:
    it = sight()
    it.worker(Worker("w", "a", 2, 100.0, serving={AGENT: "r"}))
    assert it.to_look_at(["r"], 100.0) == ["r"]
    it.looked(["r"], {"r": Room("r", 0.0)}, 100.0)
    it.worker(Worker("w", "a", 2, 100.0, serving={AGENT: "r"}))
    assert it.to_look_at(["r"], 100.0) == []
    it.worker(Worker("w", "a", 2, 100.0))
    assert it.to_look_at(["r"], 100.0) == ["r"]


def test_a_worker_that_died_serves_nobody() -> None:
    it = sight()
    it.worker(Worker("w", "a", 2, 100.0, serving={AGENT: "r"}))
    it.died("w")
    it.died("nobody")
    worker = it.observed().workers["w"]
    assert (worker.dead, worker.connected, dict(worker.serving)) == (True, False, {})
