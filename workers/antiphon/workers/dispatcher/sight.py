"""What was seen, put together. Pure.

Three sources: listings of rooms (the truth, at a bounded rate), webhooks (sooner, and may be lost, doubled
or late), worker links. A webhook changes what is known of a room at once, and marks it to be looked at. A
listing replaces what is known, unless a webhook told of something later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from antiphon.workers.dispatcher.calls import Observed, Room, Worker

__all__ = ["Sight"]


class Sight:
    """One dispatcher's.

    Args:
        now: When it began to look, s since the epoch.
        look_every_s: A room in use is looked at at least this often, s.
        look_soon_s: A room in which something is awaited is, s.
    """

    def __init__(self, now: float, *, look_every_s: float = 5.0, look_soon_s: float = 0.5) -> None:
        self._since = now
        self._look_every_s = look_every_s
        self._look_soon_s = look_soon_s
        self._rooms: dict[str, Room] = {}
        self._stale: set[str] = set()
        self._workers: dict[str, Worker] = {}

    def observed(self) -> Observed:
        """All of it."""
        return Observed(dict(self._rooms), dict(self._workers), self._since)

    # Rooms.

    def looked(self, asked: Iterable[str], found: Mapping[str, Room], began_at: float) -> None:
        """A listing came back.

        Args:
            asked: Names that were looked for.
            found: Those that exist. What is not there does not exist.
            began_at: When it was asked for, s: it tells of no later time than that.
        """
        for name in asked:
            known = self._rooms.get(name)
            if known is not None and known.seen_at > began_at:
                self._stale.add(name)  # a webhook told of something later: look again
                continue
            ended = known is not None and known.finished
            seen = found.get(name)
            if seen is None:
                self._rooms[name] = Room(name, began_at, exists=False, finished=ended)
            else:
                self._rooms[name] = replace(seen, seen_at=began_at)
            self._stale.discard(name)

    def joined(self, room: str, identity: str, agent: bool, at: float) -> None:
        """A webhook: somebody came in."""
        known = self._told(room, at)
        if known is not None:
            agents = known.agents | {identity} if agent else known.agents
            people = known.people if agent else known.people + 1
            self._rooms[room] = replace(known, agents=agents, people=people)

    def left(self, room: str, identity: str, agent: bool, at: float) -> None:
        """A webhook: somebody went out."""
        known = self._told(room, at)
        if known is not None:
            agents = known.agents - {identity} if agent else known.agents
            people = known.people if agent else max(known.people - 1, 0)
            self._rooms[room] = replace(known, agents=agents, people=people)

    def finished(self, room: str, at: float) -> None:
        """A webhook: the server ended a room."""
        self._rooms[room] = Room(room, at, exists=False, finished=True)

    def to_look_at(
        self, wanted: Iterable[str], now: float, awaited: frozenset[str] = frozenset()
    ) -> list[str]:
        """Rooms that should be listed: those of whom something was told, those not seen for a while.

        Args:
            wanted: All that matter.
            now: s.
            awaited: Those of them in which something should happen soon.
        """
        return [
            name
            for name in wanted
            if name in self._stale
            or (known := self._rooms.get(name)) is None
            or now - known.seen_at >= (self._look_soon_s if name in awaited else self._look_every_s)
        ]

    def mark(self, room: str) -> None:
        """Something was done in a room: look at it."""
        self._stale.add(room)

    def keep(self, wanted: Iterable[str]) -> None:
        """Forgets the rooms that nobody asks for any more."""
        kept = set(wanted)
        self._rooms = {name: room for name, room in self._rooms.items() if name in kept}
        self._stale &= kept

    def _told(self, room: str, at: float) -> Room | None:
        """What is known of a room of which a webhook tells, if it tells of something new."""
        self._stale.add(room)
        known = self._rooms.get(room)
        if known is None or at < known.seen_at or known.finished:
            return None
        return replace(known, seen_at=at, exists=True)

    # Workers.

    def worker(self, worker: Worker) -> None:
        """A worker told how it stands."""
        known = self._workers.get(worker.id)
        before = known.serving if known is not None else {}
        for identity in worker.serving.keys() ^ before.keys():  # came or went: it should be to be seen
            self._stale.add(worker.serving.get(identity) or before[identity])
        finished = {**known.finished, **worker.finished} if known is not None else worker.finished
        self._workers[worker.id] = replace(worker, finished=finished)

    def alive(self, worker: str, now: float) -> None:
        """A worker was heard."""
        known = self._workers.get(worker)
        if known is not None:
            self._workers[worker] = replace(known, seen_at=max(now, known.seen_at), connected=True)

    def link_closed(self, worker: str, now: float) -> None:
        """A worker's link closed; it may come back."""
        known = self._workers.get(worker)
        if known is not None and known.connected:
            self._workers[worker] = replace(known, connected=False, seen_at=now)

    def died(self, worker: str) -> None:
        """A worker's supervisor saw it die."""
        known = self._workers.get(worker)
        if known is not None:
            self._workers[worker] = replace(known, dead=True, connected=False, serving={})

    def forget(self, identities: Iterable[str]) -> None:
        """Drops agents' endings that were settled."""
        settled = set(identities)
        for name, worker in self._workers.items():
            if settled & worker.finished.keys():
                left = {i: reason for i, reason in worker.finished.items() if i not in settled}
                self._workers[name] = replace(worker, finished=left)

    def forget_workers(self, gone_before: float) -> None:
        """Drops workers whose links closed before a time, s."""
        self._workers = {
            name: worker
            for name, worker in self._workers.items()
            if worker.connected or worker.seen_at >= gone_before
        }
