"""The dispatcher's turns, over a real store and the virtual world."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.workers.dispatcher.calls import Ending, Phase
from antiphon.workers.dispatcher.policy import DispatchPolicy
from antiphon.workers.dispatcher.server import ServerError
from antiphon.workers.dispatcher.service import Dispatcher
from antiphon.workers.dispatcher.store import NewCall, Store, StoreError
from antiphon.workers.dispatcher.throttle import Throttle
from antiphon.workers.dispatcher.virtual import VirtualRoom, World
from antiphon.workers.dispatcher.virtual_server import VirtualServer


class Site:
    """A world, its store, and whoever dispatches in it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.world = World()
        self.server = VirtualServer(self.world)
        self.told: list[tuple[str, list[str]]] = []

    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.store,
            self.server,
            DispatchPolicy(),
            clock=lambda: self.world.now,
            settled=lambda worker, identities: self.told.append((worker, identities)),
            throttle=Throttle(rate=1000.0, burst=1000),
        )

    async def ask(self, name: str, **more: Any) -> None:
        self.world.rooms[f"room-{name}"] = VirtualRoom()
        call = NewCall(id=name, agent="a", room=f"room-{name}", own_room=True, **more)
        await self.store.add(call, self.world.now)

    async def work(self, dispatcher: Dispatcher, seconds: float, step: float = 0.2) -> None:
        """Lets a dispatcher work for a while."""
        until = self.world.now + seconds
        while self.world.now < until:
            self.world.run_to(self.world.now + step)
            self.server.link(dispatcher.sight)
            await dispatcher.turn()
            await asyncio.gather(*dispatcher._at_work)

    async def phases(self) -> dict[str, Phase]:
        return {call.id: call.phase for call in await self.store.list(limit=1000)}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with await Store.open(f"sqlite:///{tmp_path / 'calls.db'}") as store:
        yield Site(store)


async def test_a_call_is_queued_placed_and_active_and_its_room_is_told(site: Site) -> None:
    await site.ask("c1")
    dispatcher = site.dispatcher()
    await site.work(dispatcher, 1.0)
    assert await site.phases() == {"c1": Phase.QUEUED}
    assert site.world.rooms["room-c1"].state == '{"state": "queued", "position": 1}'
    site.world.add_worker("w")
    await site.work(dispatcher, 2.0)
    assert await site.phases() == {"c1": Phase.ACTIVE}
    assert site.world.rooms["room-c1"].state == '{"state": "active"}'
    assert [event.kind for event in await site.store.story("c1")] == ["asked", "connecting", "active"]
    await dispatcher.aclose()


async def test_two_hundred_calls_over_twenty_slots_are_served_in_order_none_dropped_none_doubled(
    site: Site,
) -> None:
    for number in range(200):
        await site.ask(f"c{number:03}", priority=number % 3)
    for number in range(4):
        site.world.add_worker(f"w{number}", slots=5)
    dispatcher = site.dispatcher()
    served: list[str] = []
    while len(served) < 200:
        await site.work(dispatcher, 1.0)
        now_served = [(w.id, i) for w in site.world.workers.values() for i in w.serving]
        assert len(now_served) <= 20
        served += sorted(identity.split("-")[1] for _, identity in now_served)
        for worker, identity in now_served:
            site.world.finish(worker, identity)
    assert len(set(served)) == len(served)
    by_order = sorted(served, key=lambda name: (-(int(name[1:]) % 3), name))
    for start in range(0, 200, 20):  # within a round they come in together
        assert sorted(served[start : start + 20]) == sorted(by_order[start : start + 20])
    await site.work(dispatcher, 1.0)
    assert set((await site.phases()).values()) == {Phase.ENDED}
    await dispatcher.aclose()


async def test_a_worker_is_told_which_endings_are_written_down(site: Site) -> None:
    await site.ask("c1")
    site.world.add_worker("w")
    dispatcher = site.dispatcher()
    await site.work(dispatcher, 2.0)
    site.world.finish("w", "agent-c1-1", "the person said goodbye")
    await site.work(dispatcher, 1.0)
    assert ("w", ["agent-c1-1"]) in site.told
    call = await site.store.get("c1")
    assert call is not None
    assert call.ending == "the person said goodbye"
    await dispatcher.aclose()


async def test_a_server_that_is_away_delays_and_loses_nothing(site: Site) -> None:
    await site.ask("c1")
    site.world.add_worker("w")
    dispatcher = site.dispatcher()
    site.server.away = ServerError("rooms could not be listed", "1 rooms", "")
    for _ in range(3):
        site.world.run_to(site.world.now + 1)
        assert await dispatcher._try_turn() > 0
    assert dispatcher.counts["failed turns"] == 3
    site.server.away = None
    await site.work(dispatcher, 3.0)
    assert await site.phases() == {"c1": Phase.ACTIVE}
    await dispatcher.aclose()


async def test_a_dispatcher_that_lost_its_queue_in_mid_turn_does_nothing(site: Site) -> None:
    await site.ask("c1")
    site.world.add_worker("w")
    dispatcher = site.dispatcher()
    await site.work(dispatcher, 2.0)
    site.world.rooms["room-c1"].agents["agent-c1-0"] = "w"  # a ghost, to be put out
    dispatcher.sight.mark("room-c1")
    later = site.world.now + 60
    assert await site.store.lease("a", "another", later + 60, later) == 2
    done = dispatcher.counts["RemoveParticipant"]
    await dispatcher.turn()
    await asyncio.gather(*dispatcher._at_work)
    assert dispatcher.counts["RemoveParticipant"] == done
    assert "agent-c1-0" in site.world.rooms["room-c1"].agents
    await dispatcher.aclose()


async def test_a_store_that_is_away_for_a_moment_delays_a_dispatch_for_no_longer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(call: str) -> str:
        raise StoreError("the dispatcher's database: gone", retryable=True)

    await site.ask("c1")
    site.world.add_worker("w")
    dispatcher = site.dispatcher()
    with monkeypatch.context() as gone:
        gone.setattr(site.store, "body", away)
        await site.work(dispatcher, 0.4)
    assert dispatcher.counts["failed Dispatch"] >= 1
    await site.work(dispatcher, 3.0)
    assert await site.phases() == {"c1": Phase.ACTIVE}
    await dispatcher.aclose()


async def test_what_is_long_over_is_not_remembered(site: Site) -> None:
    await site.ask("c1")
    site.world.add_worker("w")
    dispatcher = site.dispatcher()
    await site.work(dispatcher, 2.0)
    site.world.kill("w")
    site.world.add_worker("v")
    await site.work(dispatcher, 80.0, step=2.0)
    assert set(dispatcher.sight.observed().workers) == {"v"}
    assert dispatcher._throttle._efforts == {}
    await dispatcher.aclose()


async def test_one_of_two_dispatchers_works_and_the_other_takes_over(site: Site) -> None:
    await site.ask("c1")
    site.world.add_worker("w")
    first, second = site.dispatcher(), site.dispatcher()
    await site.work(first, 1.0)
    await site.work(second, 1.0)
    assert second.counts["Dispatch"] == 0
    site.world.kill("w")
    site.world.add_worker("v")
    await site.work(second, 8.0)  # the first is dead; its lease runs out
    assert site.world.living("room-c1") == ["agent-c1-2"]
    await first.aclose()
    await second.aclose()


async def test_a_dispatcher_that_ends_lets_another_work_at_once(site: Site) -> None:
    await site.ask("c1")
    site.world.add_worker("w")
    first = site.dispatcher()
    await site.work(first, 0.2)
    await first.aclose()
    second = site.dispatcher()
    await site.work(second, 2.0)
    assert await site.phases() == {"c1": Phase.ACTIVE}
    await second.aclose()


async def test_a_call_that_is_cancelled_ends_with_its_room(site: Site) -> None:
    await site.ask("c1")
    site.world.add_worker("w")
    dispatcher = site.dispatcher()
    await site.work(dispatcher, 2.0)
    await site.store.cancel("c1", site.world.now)
    await site.work(dispatcher, 1.0)
    call = await site.store.get("c1")
    assert call is not None
    assert call.ending == Ending.CANCELLED
    assert "room-c1" not in site.world.rooms
    await dispatcher.aclose()


async def test_it_runs_by_itself_and_a_kick_makes_it_look_sooner(site: Site) -> None:
    dispatcher = site.dispatcher()
    running = asyncio.create_task(dispatcher.run())
    while dispatcher.counts["turns"] < 3:
        dispatcher.kick()
        await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()


class Killed(BaseException):
    """The process is gone."""


class Mortal:
    """Passes calls on to a store or a server, until the one at which its process is killed."""

    def __init__(self, inner: object, life: Countdown) -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def call(*given: Any, **named: Any) -> Any:
            self._life.step()
            result = await method(*given, **named)
            self._life.step()
            return result

        return call


class Countdown:
    """How many calls a dispatcher has left, counting before and after each."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Killed


@pytest.mark.parametrize("seed", range(12))
async def test_a_dispatcher_killed_before_or_after_anything_it_does_loses_and_doubles_nothing(
    site: Site, seed: int
) -> None:
    chance = random.Random(seed)
    for number in range(3):
        site.world.add_worker(f"w{number}", slots=2)
    for number in range(5):
        await site.ask(f"c{number}")
    for life in range(6):
        countdown = Countdown(chance.randint(1, 60))
        dispatcher = site.dispatcher()
        dispatcher._store = Mortal(site.store, countdown)  # type: ignore[assignment]
        dispatcher._server = Mortal(site.server, countdown)
        try:
            while True:
                site.world.run_to(site.world.now + chance.choice([0.1, 0.6, 2.0]))
                site.server.link(dispatcher.sight)
                await dispatcher.turn()
                for task in list(dispatcher._at_work):
                    await task
        except Killed:
            await asyncio.gather(*dispatcher._at_work, return_exceptions=True)
        site.world.run_to(site.world.now + chance.choice([0.1, 5.5]))
        if life == 3:
            site.world.kill("w0")
            site.world.add_worker("w3", slots=2)
    last = site.dispatcher()
    await site.work(last, 25.0, step=0.5)
    assert await site.phases() == dict.fromkeys([f"c{n}" for n in range(5)], Phase.ACTIVE)
    for number in range(5):
        room = site.world.rooms[f"room-c{number}"]
        call = await site.store.get(f"c{number}")
        assert call is not None
        assert list(room.agents) == [call.identity] == site.world.living(f"room-c{number}")
    await last.aclose()
