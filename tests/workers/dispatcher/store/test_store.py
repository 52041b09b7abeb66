"""The store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.workers.dispatcher.calls import Call, Phase
from antiphon.workers.dispatcher.store import NewCall, Store, StoredWorker, StoreError
from antiphon.workers.dispatcher.store.store import BODY_LIMIT, CHECKPOINT_LIMIT

NOW = 1_790_000_000.25


def new(name: str = "c1", **more: object) -> NewCall:
    return NewCall(id=name, agent="a", room=f"room-{name}", **more)  # type: ignore[arg-type]


async def leased(store: Store, holder: str = "d1", now: float = NOW) -> int:
    epoch = await store.lease("a", holder, now + 5, now)
    assert epoch is not None
    return epoch


async def test_a_call_comes_back_as_it_was_asked_for(store: Store) -> None:
    asked = new(priority=3, deadline_at=NOW + 60, own_room=True, body='{"name": "Ada"}')
    call, is_new = await store.add(asked, NOW)
    assert is_new
    assert call == await store.get("c1")
    assert (call.phase, call.priority, call.created_at, call.deadline_at) == (Phase.QUEUED, 3, NOW, NOW + 60)
    assert await store.body("c1") == '{"name": "Ada"}'
    assert await store.get("nobody") is None


async def test_the_same_key_is_the_same_call_also_for_two_who_ask_at_once(store: Store) -> None:
    asked = [new(f"c{n}", idempotency_key="order-7") for n in range(8)]
    taken = await asyncio.gather(*(store.add(one, NOW) for one in asked))
    assert sum(is_new for _, is_new in taken) == 1
    assert len({call.id for call, _ in taken}) == 1
    assert len(await store.list()) == 1


async def test_calls_without_a_key_are_calls_of_their_own(store: Store) -> None:
    for name in ("c1", "c2"):
        _, is_new = await store.add(new(name), NOW)
        assert is_new


async def test_what_the_reconciler_decided_is_kept_in_every_field(store: Store) -> None:
    call, _ = await store.add(new(), NOW)
    decided = replace(
        call, phase=Phase.ACTIVE, since=NOW + 1, attempt=2, identity="agent-c1-2", worker="w", tries=1,
        not_before=NOW + 2, ghosts=("agent-c1-1", 'odd "name"'), restores=1, met=True, alone_since=NOW + 3,
        missing_since=NOW + 4, ending="",
    )  # fmt: skip
    assert await store.write("a", "d1", await leased(store), [decided], NOW)
    assert await store.get("c1") == decided


async def test_a_cancel_is_not_lost_by_a_write_that_did_not_know_of_it(store: Store) -> None:
    call, _ = await store.add(new(), NOW)
    epoch = await leased(store)
    assert await store.cancel("c1", NOW)
    assert await store.write("a", "d1", epoch, [replace(call, phase=Phase.CONNECTING)], NOW)
    found = await store.get("c1")
    assert found is not None
    assert (found.cancelled, found.phase) == (True, Phase.CONNECTING)


async def test_cancelling_is_harmless_twice_and_false_where_there_is_nothing_to_end(store: Store) -> None:
    call, _ = await store.add(new(), NOW)
    assert await store.cancel("c1", NOW)
    assert await store.cancel("c1", NOW)
    assert not await store.cancel("c2", NOW)
    over = replace(call, phase=Phase.ENDED, ending="done")
    assert await store.write("a", "d1", await leased(store), [over], NOW)
    assert not await store.cancel("c1", NOW)
    assert [event.kind for event in await store.story("c1")] == ["asked", "cancel", "ended"]


async def test_one_dispatcher_at_a_time_has_the_lease_and_the_late_write_of_another_is_refused(
    store: Store,
) -> None:
    call, _ = await store.add(new(), NOW)
    first = await store.lease("a", "d1", NOW + 5, NOW)
    assert first == 1
    assert await store.lease("a", "d1", NOW + 6, NOW + 1) == 1  # kept
    assert await store.lease("a", "d2", NOW + 9, NOW + 4) is None
    assert await store.lease("a", "d2", NOW + 12, NOW + 7) == 2
    late = replace(call, phase=Phase.CONNECTING)
    assert not await store.write("a", "d1", 1, [late], NOW + 7)
    assert await store.get("c1") == call
    assert not await store.write("a", "d1", 1, [], NOW + 7)  # nor may it act
    assert await store.write("a", "d2", 2, [late], NOW + 7)


async def test_of_many_who_want_a_lease_one_gets_it(store: Store) -> None:
    got = await asyncio.gather(*(store.lease("a", f"d{n}", NOW + 5, NOW) for n in range(8)))
    assert sum(epoch is not None for epoch in got) == 1


async def test_a_lease_that_was_given_up_can_be_had_at_once(store: Store) -> None:
    await leased(store)
    await store.release("d1")
    assert await store.lease("a", "d2", NOW + 5, NOW) == 2


async def test_a_write_is_all_or_nothing(store: Store) -> None:
    call, _ = await store.add(new(), NOW)
    other = replace(call, id="c2", worker="x" * 10)
    await store.add(new("c2"), NOW)
    broken = replace(other, worker=None)  # type: ignore[arg-type]
    epoch = await leased(store)
    with pytest.raises(StoreError) as caught:
        await store.write("a", "d1", epoch, [replace(call, phase=Phase.ACTIVE), broken], NOW)
    assert not caught.value.retryable
    assert await store.get("c1") == call


async def test_calls_that_are_due_are_those_not_over_and_those_over_for_a_short_while(store: Store) -> None:
    epoch = await leased(store)
    rows = []
    for number, (phase, since) in enumerate(
        [(Phase.QUEUED, 0), (Phase.ACTIVE, 0), (Phase.ENDED, 50), (Phase.ENDED, 200)]
    ):
        call, _ = await store.add(new(f"c{number}"), NOW)
        rows.append(replace(call, phase=phase, since=NOW + since, ending="x"))
    await store.write("a", "d1", epoch, rows, NOW)
    due = await store.due("a", NOW + 100)
    assert sorted(call.id for call in due) == ["c0", "c1", "c3"]
    assert await store.due("other", 0.0) == []
    assert await store.agents() == {"a"}


async def test_a_list_goes_page_by_page_from_the_newest(store: Store) -> None:
    for number in range(5):
        await store.add(new(f"c{number}"), NOW + number // 2)
    first = await store.list(limit=3)
    rest = await store.list(limit=3, before=(first[-1].created_at, first[-1].id))
    assert [call.id for call in (*first, *rest)] == ["c4", "c3", "c2", "c1", "c0"]
    assert await store.list(phases=[Phase.ACTIVE]) == []
    assert await store.list(agent="b") == []


async def test_a_call_that_somebody_else_placed_is_taken_in_as_it_stands(store: Store) -> None:
    theirs = Call(
        id="c9", agent="a", room="r", created_at=NOW, since=NOW, phase=Phase.ACTIVE, identity="their-agent",
        worker="w", attempt=1,
    )  # fmt: skip
    assert await store.adopt(theirs, "{}", NOW) == theirs
    assert await store.adopt(replace(theirs, worker="v"), "{}", NOW) == theirs


async def test_the_latest_checkpoint_wins_in_whatever_order_they_come(store: Store) -> None:
    await store.add(new(), NOW)
    assert await store.checkpoint("c1", 2, '{"n": 2}', NOW)
    assert not await store.checkpoint("c1", 1, '{"n": 1}', NOW)
    assert await store.last_checkpoint("c1") == (2, '{"n": 2}')
    assert not await store.checkpoint("nobody", 1, "{}", NOW)
    assert await store.last_checkpoint("nobody") is None


async def test_bodies_and_checkpoints_over_their_limits_are_refused_with_their_size(store: Store) -> None:
    with pytest.raises(ConfigError, match=f"{BODY_LIMIT + 1} bytes"):
        await store.add(new(body="x" * (BODY_LIMIT + 1)), NOW)
    await store.add(new(), NOW)
    with pytest.raises(ConfigError, match=f"{CHECKPOINT_LIMIT + 2} bytes"):
        await store.checkpoint("c1", 1, "é" * (CHECKPOINT_LIMIT // 2 + 1), NOW)


async def test_a_worker_is_asked_to_drain_also_after_it_came_back(store: Store) -> None:
    worker = StoredWorker("w", "a", "host", "label", 20, NOW, False)
    assert not await store.see(worker)
    assert await store.drain("w")
    assert not await store.drain("nobody")
    assert await store.see(replace(worker, seen_at=NOW + 1))
    assert await store.workers(NOW) == [replace(worker, seen_at=NOW + 1, drain=True)]
    await store.forget_workers(NOW + 2)
    assert await store.workers() == []


async def test_calls_that_are_long_over_go_with_their_story(store: Store) -> None:
    call, _ = await store.add(new(), NOW)
    await store.checkpoint("c1", 1, "{}", NOW)
    await store.write("a", "d1", await leased(store), [replace(call, phase=Phase.ENDED)], NOW)
    assert await store.forget(NOW) == 0
    assert await store.forget(NOW + 1) == 1
    assert await store.story("c1") == []
    assert await store.last_checkpoint("c1") is None


async def test_what_is_written_outlives_the_process(url: str) -> None:
    async with await Store.open(url) as first:
        await first.add(new(), NOW)
    async with await Store.open(url) as second:
        assert await second.get("c1") is not None


async def test_two_dispatchers_may_open_an_empty_database_at_once(url: str) -> None:
    opened = await asyncio.gather(*(Store.open(url) for _ in range(3)))
    for store in opened:
        assert await store.list() == []
        await store.aclose()


@pytest.mark.parametrize("address", ["mysql://u:secret@h/d", "nonsense", ""])
async def test_an_address_of_another_kind_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///path or postgresql://") as caught:
        await Store.open(address)
    assert "secret" not in str(caught.value)


async def test_a_database_that_is_away_is_said_to_be_away() -> None:
    with pytest.raises(StoreError, match="database") as caught:
        await Store.open("postgresql://nobody:secret@127.0.0.1:9/calls")
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
