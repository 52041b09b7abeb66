"""A world of rooms and workers in virtual time, for tests of the dispatcher and its simulation.

It behaves as livekit-server 1.13.5 was seen to: a dispatch is dropped when its worker has no slot or is
gone; a dead worker's participants stay as ghosts for 20 s; the second participant of an identity replaces
the first; a dispatch may be launched twice. Workers are as ours: they join with the identity they are
asked for and report what they serve and what finished.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from antiphon.agents.errors import MisuseError
from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.calls import Observed, Room, Worker

__all__ = ["VirtualRoom", "VirtualWorker", "World"]

JOIN_S = 0.4  # dispatch to agent in room; measured, see docs/figures.md
GHOST_S = 20.0  # ICE 10 s and 5 s, cleanup 5 s: livekit-server 1.13.5


@dataclass(slots=True)
class VirtualRoom:
    """A room of the world."""

    agents: dict[str, str] = field(default_factory=dict)
    """Identity to worker; ghosts too."""
    people: int = 1
    dispatches: set[str] = field(default_factory=set)
    state: str = ""
    most: int = 0
    """Most living agents it had at once."""


@dataclass(slots=True)
class VirtualWorker:
    """A worker of the world."""

    id: str
    agent: str = "a"
    slots: int = 2
    alive: bool = True
    linked: bool = True
    """Whether the dispatcher hears it."""
    draining: bool = False
    seen_at: float = 0.0
    serving: dict[str, str] = field(default_factory=dict)
    """Identity to room."""
    finished: dict[str, str] = field(default_factory=dict)


class World:
    """Rooms, workers and a clock."""

    def __init__(self, join_s: float = JOIN_S) -> None:
        self.now = 1000.0
        """s."""
        self.rooms: dict[str, VirtualRoom] = {}
        self.workers: dict[str, VirtualWorker] = {}
        self.done: Counter[str] = Counter()
        """Actions carried out, by class."""
        self._join_s = join_s
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Arranges for something to happen."""
        heapq.heappush(self._later, (when, next(self._count), do))

    def run_to(self, when: float) -> None:
        """Moves the clock, and lets happen what is due."""
        while self._later and self._later[0][0] <= when:
            at, _, do = heapq.heappop(self._later)
            self.now = max(self.now, at)
            do()
        self.now = max(self.now, when)
        for worker in self.workers.values():
            if worker.alive and worker.linked:
                worker.seen_at = self.now

    # What happens to it.

    def add_worker(self, name: str, slots: int = 2, agent: str = "a") -> VirtualWorker:
        """Starts a worker."""
        worker = VirtualWorker(name, agent, slots, seen_at=self.now)
        self.workers[name] = worker
        return worker

    def kill(self, name: str) -> None:
        """Ends a worker as kill -9 does: its participants stay as ghosts."""
        worker = self.workers[name]
        if not worker.alive:
            return
        worker.alive = worker.linked = False
        for identity, room in worker.serving.items():
            self._haunt(room, identity, name)
        worker.serving = {}

    def finish(self, name: str, identity: str, reason: str = "done") -> None:
        """Lets an agent end by itself."""
        worker = self.workers[name]
        room = worker.serving.pop(identity, None)
        if room is not None and worker.alive:
            worker.finished[identity] = reason
            self.rooms[room].agents.pop(identity, None)

    # What a dispatcher does to it.

    def carry_out(self, action: act.Action) -> None:
        """Does what is asked for."""
        self.done[type(action).__name__] += 1
        match action:
            case act.Dispatch():
                room = self.rooms.setdefault(action.room, VirtualRoom(people=0))
                room.dispatches.add(action.identity)
                self.at(self.now + self._join_s, lambda: self._join(action))
            case act.MakeRoom():
                self.rooms.setdefault(action.room, VirtualRoom(people=0))
            case act.DeleteDispatch():
                if action.room in self.rooms:
                    self.rooms[action.room].dispatches.discard(action.identity)
            case act.RemoveParticipant():
                self._remove(action.room, action.identity)
            case act.DeleteRoom():
                for identity in list(self.rooms[action.room].agents) if action.room in self.rooms else ():
                    self._remove(action.room, identity)
                self.rooms.pop(action.room, None)
            case act.TellRoom():
                if action.room in self.rooms:
                    self.rooms[action.room].state = action.state
            case _:
                raise MisuseError("an action that the world does not know", hint=repr(action))

    def observe(self, since: float = 0.0) -> Observed:
        """What is to be seen now. Rooms that do not exist are missing: add those you looked for."""
        rooms = {
            name: Room(
                name, self.now, True, False, frozenset(room.agents), room.people,
                frozenset(room.dispatches), room.state,
            )
            for name, room in self.rooms.items()
        }  # fmt: skip
        workers = {
            w.id: Worker(
                w.id, w.agent, w.slots, w.seen_at, label=w.id, connected=w.linked,
                draining=w.draining, serving=dict(w.serving), finished=dict(w.finished),
            )
            for w in self.workers.values()
        }  # fmt: skip
        return Observed(rooms, workers, since)

    def living(self, room: str) -> list[str]:
        """The agents in a room whose workers live."""
        found = self.rooms[room].agents if room in self.rooms else {}
        return sorted(i for i, w in found.items() if self.workers[w].alive and i in self.workers[w].serving)

    def _join(self, action: act.Dispatch) -> None:
        room, worker = self.rooms.get(action.room), self.workers.get(action.worker)
        if room is None or worker is None or not worker.alive or action.identity not in room.dispatches:
            return
        if action.identity in worker.finished or (
            action.identity not in worker.serving and len(worker.serving) >= worker.slots
        ):
            return
        worker.serving[action.identity] = action.room
        room.agents[action.identity] = worker.id
        room.most = max(room.most, len(self.living(action.room)))

    def _remove(self, name: str, identity: str) -> None:
        room = self.rooms.get(name)
        worker_id = room.agents.pop(identity, None) if room is not None else None
        worker = self.workers.get(worker_id) if worker_id is not None else None
        if worker is not None and worker.serving.pop(identity, None) is not None:
            worker.finished[identity] = "removed"

    def _haunt(self, room: str, identity: str, worker: str) -> None:
        def vanish() -> None:
            found = self.rooms.get(room)
            if found is not None and found.agents.get(identity) == worker:
                del found.agents[identity]

        self.at(self.now + GHOST_S, vanish)
