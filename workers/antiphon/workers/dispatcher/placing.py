"""Who is next, and on which worker. Pure.

Order: calls that lost their agent before new ones (a person sits in silence), then by priority, then by
age. Agents' queues are independent, and each may have only so many calls on their way, so that a flood
of calls for one agent does not hold up another's. A call goes to the worker with the smallest share of
its slots taken.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from antiphon.workers.dispatcher.calls import Call, Phase, Worker
from antiphon.workers.dispatcher.policy import DispatchPolicy

__all__ = ["place", "queue", "taken"]


def queue(calls: Iterable[Call]) -> list[Call]:
    """Those that wait, first to be served first."""
    waiting = [c for c in calls if c.phase is Phase.QUEUED or c.phase is Phase.RESTORING]
    waiting.sort(key=lambda c: (c.phase is not Phase.RESTORING, -c.priority, c.created_at, c.id))
    return waiting


def taken(calls: Iterable[Call], workers: Mapping[str, Worker]) -> dict[str, int]:
    """Slots in use of each worker: what it says it serves, and what was given to it and is not there yet."""
    identities: dict[str, set[str]] = {name: set(worker.serving) for name, worker in workers.items()}
    for call in calls:
        if call.placed and call.worker in identities:
            identities[call.worker].add(call.identity)
    return {name: len(found) for name, found in identities.items()}


def place(
    calls: Sequence[Call],
    waiting: Sequence[Call],
    workers: Mapping[str, Worker],
    policy: DispatchPolicy,
    now: float,
) -> list[tuple[Call, Worker]]:
    """Which calls go where now.

    Args:
        calls: All of them, for the slots they take.
        waiting: As `queue` gives them.
        workers: Those who may be given calls: alive.
        policy: How many may be on their way.
        now: s.

    Returns:
        Calls and their workers, the agents' in turns.
    """
    if not waiting:
        return []
    used = taken(calls, workers)
    free: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for worker in workers.values():
        if used[worker.id] < worker.slots and not (worker.draining or worker.behind):
            heapq.heappush(free[worker.agent], (used[worker.id] / worker.slots, used[worker.id], worker.id))
    room: dict[str, int] = defaultdict(lambda: policy.connecting)
    for call in calls:
        if call.phase is Phase.CONNECTING:
            room[call.agent] -= 1
    chosen: dict[str, list[tuple[Call, Worker]]] = defaultdict(list)
    for call in waiting:
        if call.not_before > now or room[call.agent] <= 0 or not free[call.agent]:
            continue
        _, count, name = heapq.heappop(free[call.agent])
        worker = workers[name]
        chosen[call.agent].append((call, worker))
        room[call.agent] -= 1
        if count + 1 < worker.slots:
            heapq.heappush(free[call.agent], ((count + 1) / worker.slots, count + 1, name))
    return [pair for pairs in zip_longest(*chosen.values()) for pair in pairs if pair is not None]
