"""`Dispatcher`: looks, reconciles, writes, acts; again whenever something may have changed.

A shell around `reconcile`: one task runs `turn` after `turn`. A turn takes the lease of each agent's queue
that it can have, looks at the rooms of its calls that should be looked at, reads the rows, decides, writes
the rows and begins the actions. Whatever fails in a turn is logged, counted and tried again: the state of
things is in the store and on the server, never here, so that a dispatcher may be killed at any point.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from antiphon.agents.errors import AntiphonError
from antiphon.agents.logs import get_logger
from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.calls import Call, Observed, Phase, Room
from antiphon.workers.dispatcher.policy import DispatchPolicy
from antiphon.workers.dispatcher.reconcile import Plan, reconcile
from antiphon.workers.dispatcher.sight import Sight
from antiphon.workers.dispatcher.store import Store
from antiphon.workers.dispatcher.throttle import Throttle

__all__ = ["Dispatcher", "Server"]

log = get_logger(__name__)

LEASE_S: Final = 5.0  # how long a queue is without a dispatcher when one dies, s; chosen
_KEEP_S: Final = LEASE_S / 3  # how often a lease is kept
_IDLE_S: Final = 1.0  # longest time between two turns: what the store was asked for by others
_REMEMBER_S: Final = 60.0  # how long what is over is remembered: efforts, workers that are gone; chosen


class Server(Protocol):
    """What a dispatcher needs of the rooms' server; `LiveKitServer` is one."""

    async def look(self, names: Iterable[str]) -> Mapping[str, Room]:
        """Those of some rooms that exist."""

    async def carry_out(self, action: act.Action) -> None:
        """Does what is asked for, or raises an `AntiphonError`."""


class Dispatcher:
    """One of those that look after the calls of a store.

    Args:
        store: Where the calls are.
        server: Where their rooms are.
        policy: The numbers.
        name: Its own in each life; made when not given.
        clock: s since the epoch.
        settled: Told which agents' endings are written down, by worker.
    """

    def __init__(
        self,
        store: Store,
        server: Server,
        policy: DispatchPolicy | None = None,
        *,
        name: str = "",
        clock: Callable[[], float] = time.time,
        settled: Callable[[str, list[str]], None] | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self.sight = Sight(clock())
        """What was seen; links and webhooks write to it, and `kick`."""
        self.counts: Counter[str] = Counter()
        """Turns, actions by class, failures."""
        self._store = store
        self._server = server
        self._policy = policy or DispatchPolicy()
        self._name = name or f"dispatcher-{secrets.token_hex(8)}"
        self._clock = clock
        self._settled = settled
        self._throttle = throttle or Throttle()
        self._leases: dict[str, tuple[int, float]] = {}  # agent: epoch, when it is to be kept
        self._kicked = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()

    def kick(self) -> None:
        """Something may have changed: look sooner."""
        self._kicked.set()

    async def run(self) -> None:
        """Works until it is cancelled; then gives its leases up and ends what it began."""
        try:
            while True:
                self._kicked.clear()
                turn = asyncio.ensure_future(self._try_turn())
                try:
                    wait = await asyncio.shield(turn)
                except asyncio.CancelledError:
                    await turn  # a transaction that is cut off in its middle may keep its lock
                    raise
                try:
                    await asyncio.wait_for(self._kicked.wait(), wait)
                except TimeoutError:
                    continue
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Ends what was begun, and lets another dispatcher have the queues at once."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
        try:
            await self._store.release(self._name)
        except AntiphonError as error:
            log.warning("leases could not be given up; they end by themselves", error=str(error))

    async def _try_turn(self) -> float:
        try:
            return await self.turn()
        except AntiphonError as error:
            self.counts["failed turns"] += 1
            log.warning("a turn failed", error=str(error), retryable=error.retryable)
            return _IDLE_S

    async def turn(self) -> float:
        """One look at everything, and what comes of it.

        Returns:
            How long to wait for the next, unless kicked, s.

        Raises:
            AntiphonError: The store or the server is away. Nothing is half done.
        """
        self.counts["turns"] += 1
        wait = _IDLE_S
        names = await self._store.agents() | {w.agent for w in self.sight.observed().workers.values()}
        mine = {agent: epoch for agent in sorted(names) if (epoch := await self._lease(agent)) is not None}
        calls: list[Call] = []
        for agent in mine:
            calls += await self._store.due(agent, self._clock() - self._policy.cleanup_s)
        awaited = frozenset(call.room for call in calls if call.phase is Phase.CONNECTING)
        await self._look({call.room for call in calls}, awaited)
        for agent, epoch in mine.items():
            wait = min(wait, await self._serve(agent, epoch))
        before = self._clock() - _REMEMBER_S
        self._throttle.forget(before)
        self.sight.forget_workers(before)
        return wait

    async def _lease(self, agent: str) -> int | None:
        now = self._clock()
        held = self._leases.get(agent)
        if held is not None and now < held[1]:
            return held[0]
        epoch = await self._store.lease(agent, self._name, now + LEASE_S, now)
        if epoch is None:
            self._leases.pop(agent, None)
        else:
            self._leases[agent] = (epoch, now + _KEEP_S)
        return epoch

    async def _look(self, rooms: set[str], awaited: frozenset[str]) -> None:
        began_at = self._clock()
        self.sight.keep(rooms)
        asked = self.sight.to_look_at(rooms, began_at, awaited)
        if asked:
            self.sight.looked(asked, await self._server.look(asked), began_at)
            self.counts["rooms looked at"] += len(asked)

    async def _serve(self, agent: str, epoch: int) -> float:
        """An agent's calls. Returns how long nothing more is to be done, s."""
        observed = self._observed(agent)
        calls = await self._store.due(agent, self._clock() - self._policy.cleanup_s)
        now = self._clock()
        plan = reconcile(calls, observed, self._policy, now)
        idle = not (plan.calls or plan.actions)
        if not (idle or await self._store.write(agent, self._name, epoch, plan.calls, now)):
            self._leases.pop(agent, None)
            log.warning("another dispatcher has the queue", agent=agent)
            return _IDLE_S
        self._settle(calls, plan, observed)
        for action in self._throttle.admit(plan.actions, now):
            self._begin(action)
        return self._wait(plan, now)

    def _observed(self, agent: str) -> Observed:
        seen = self.sight.observed()
        return replace(seen, workers={name: w for name, w in seen.workers.items() if w.agent == agent})

    def _settle(self, calls: Iterable[Call], plan: Plan, observed: Observed) -> None:
        """Endings that nothing waits for any more need not be told again."""
        after = {call.id: call for call in calls} | {call.id: call for call in plan.calls}
        open_ = {call.identity for call in after.values() if call.phase in (Phase.CONNECTING, Phase.ACTIVE)}
        for worker in observed.workers.values():
            done = [identity for identity in worker.finished if identity not in open_]
            if done:
                self.sight.forget(done)
                if self._settled is not None:
                    self._settled(worker.id, done)

    def _wait(self, plan: Plan, now: float) -> float:
        times = [now + _IDLE_S]
        if plan.again_at is not None:
            times.append(plan.again_at)
        waiting = self._throttle.wake_at(plan.actions, now)
        if waiting is not None:
            times.append(waiting)
        return max(min(times) - now, 0.01)

    def _begin(self, action: act.Action) -> None:
        task = asyncio.get_running_loop().create_task(self._do(action), name=f"antiphon-{action.key}")
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _do(self, action: act.Action) -> None:
        kind = type(action).__name__
        try:
            full = action
            if isinstance(action, act.Dispatch):
                full = replace(action, body=await self._store.body(action.call))
            await self._server.carry_out(full)
        except AntiphonError as error:
            self.counts[f"failed {kind}"] += 1
            self._throttle.failed(action, self._clock(), random.random())
            log.warning("an action failed", action=kind, key=action.key, error=str(error))
        else:
            self.counts[kind] += 1
            self._throttle.succeeded(action, self._clock())
            self.sight.mark(action.room)
            self.kick()
