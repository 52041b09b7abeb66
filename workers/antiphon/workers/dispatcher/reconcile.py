"""From what is wanted and what is seen to what is to be done. Pure and level-triggered.

`reconcile` needs no history: run it on the latest rows and the latest sight, write the rows it returns,
then carry out its actions, and do so again whenever something may have changed or `Plan.again_at` has
come. An action that was lost is asked for again as long as its effect is not seen; one that is sent twice
changes nothing (`actions.py`). So any message may be lost, doubled or late.

Rules:
- A row is written before its action is sent. A dispatcher that dies between the two leaves an attempt
  without a dispatch, which the next one sees and sends.
- An absence counts only in a sight that is younger than what it would contradict.
- Only an agent in the room makes a call active. At most one identity is current; every other agent of
  the call is put out of the room.
- A worker that is dead takes its calls with it, though their ghosts are still to be seen.
- An agent that a worker serves for a call that is over or unknown is put out of its room, however late
  the dispatch that started it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.calls import (
    Call,
    Ending,
    Observed,
    Phase,
    Room,
    Worker,
    call_of,
    identity_of,
)
from antiphon.workers.dispatcher.placing import place, queue
from antiphon.workers.dispatcher.policy import DispatchPolicy

__all__ = ["Plan", "is_dead", "reconcile", "state_of"]

_GHOSTS = 8  # identities remembered per call; chosen: a ghost is gone after 20 s
FINISHED_AGAIN: Final[Mapping[str, bool]] = {
    "handover": True,
    "removed": True,
    "rejected": False,
    "failed": False,
}
"""Reasons of a finished agent after which the call goes on, and whether at once or as after a failure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done."""

    calls: tuple[Call, ...]
    """Rows that changed, to be written first."""
    actions: tuple[act.Action, ...]
    """What to do then, in this order."""
    again_at: float | None
    """When time alone will change something, s."""


def is_dead(worker: Worker, policy: DispatchPolicy, now: float) -> bool:
    """Whether a worker's calls are lost."""
    allowed = policy.silent_s if worker.connected else policy.link_s
    return worker.dead or now - worker.seen_at > allowed


def state_of(phase: Phase, position: int = 0) -> str:
    """What a room's metadata says of its call; JSON."""
    return _STATES[phase] if not position else json.dumps({"state": phase.value, "position": position})


_STATES: Final[Mapping[Phase, str]] = {phase: json.dumps({"state": phase.value}) for phase in Phase}


def reconcile(calls: Iterable[Call], observed: Observed, policy: DispatchPolicy, now: float) -> Plan:
    """Decides what to do.

    Args:
        calls: Every row of the workers' agents that is not over, and those that ended within
            `DispatchPolicy.cleanup_s`; read after the sight was taken.
        observed: What was seen.
        policy: The numbers.
        now: s since the epoch.
    """
    given = list(calls)
    sight = _Sight(observed, policy, now)
    settled = list(map(sight.settle, given))
    waiting = queue(settled)
    placed: dict[str, Call] = {}
    for call, worker in place(settled, waiting, sight.alive, policy, now):
        placed[call.id] = sight.connect(call, worker)
    after = [placed.get(call.id, call) for call in settled] if placed else settled
    sight.stray(after)
    _tell(after, [call for call in waiting if call.id not in placed], sight)
    for call in waiting:
        if call.id not in placed and call.not_before > now:
            sight.wake(call.not_before)
    changed = tuple(new for old, new in zip(given, after, strict=True) if new is not old and new != old)
    return Plan(changed, tuple(dict.fromkeys(sight.actions)), sight.again_at)


class _Sight:
    """One look at everything: indexes of what is seen, and what comes of it."""

    def __init__(self, observed: Observed, policy: DispatchPolicy, now: float) -> None:
        self.rooms = observed.rooms
        self.policy = policy
        self.now = now
        self.actions: list[act.Action] = []
        self.again_at: float | None = None
        self.alive: dict[str, Worker] = {}
        self._known = observed.workers
        self._since = observed.since
        self._serving: dict[str, str] = {}
        self._finished: dict[str, str] = {}
        for worker in observed.workers.values():
            self._finished.update(worker.finished)
            if not is_dead(worker, policy, now):
                self.alive[worker.id] = worker
                for identity in worker.serving:
                    self._serving[identity] = worker.id
                self.wake(worker.seen_at + (policy.silent_s if worker.connected else policy.link_s))

    def wake(self, at: float) -> None:
        """Something changes by time alone."""
        if at > self.now and (self.again_at is None or at < self.again_at):
            self.again_at = at

    def stray(self, calls: list[Call]) -> None:
        """Agents at work for calls that are not to be found any more."""
        over = Phase.ENDED
        current = {call.identity for call in calls if call.phase is not over}
        left = [
            (identity, room)
            for worker in self._known.values()
            for identity, room in worker.serving.items()
            if identity not in current
        ]
        if left:
            known = {call.id for call in calls if call.phase is not over or not self._cold(call)}
            for identity, room in left:
                call = call_of(identity)
                if call is not None and call not in known:
                    self.actions.append(act.RemoveParticipant(room, identity))

    def settle(self, call: Call) -> Call:
        """What becomes of a call by what is seen, before anybody is placed; every rule that follows."""
        phase = None
        while call.phase is not phase:  # at most once a phase: none leads back
            phase = call.phase
            call = self._settle(call)
        return call

    def _settle(self, call: Call) -> Call:
        room = self.rooms.get(call.room)
        if call.phase is Phase.ENDED:
            self._tidy(call, room)
            return call
        if call.cancelled:
            return self._end(call, Ending.CANCELLED, room)
        if room is not None:
            if room.finished and room.seen_at > call.since:
                return self._end(call, Ending.ROOM_GONE, room)
            if not (room.people and call.met and call.alone_since is None):
                call = self._count_people(call, room)
        if call.phase is Phase.ACTIVE:
            return self.serves(call, room)
        return self.connects(call, room) if call.phase is Phase.CONNECTING else self.waits(call, room)

    def connect(self, call: Call, worker: Worker) -> Call:
        """Gives a call to a worker."""
        attempt = call.attempt + 1
        identity = identity_of(call.id, attempt)
        ghosts = (*call.ghosts, call.identity)[-_GHOSTS:] if call.identity else call.ghosts
        made = replace(
            call, phase=Phase.CONNECTING, since=self.now, attempt=attempt, identity=identity,
            worker=worker.id, ghosts=tuple(dict.fromkeys(ghosts)), missing_since=None,
        )  # fmt: skip
        self._dispatch(made)
        self.wake(self.now + self.policy.connect_s)
        return made

    # One function a phase.

    def waits(self, call: Call, room: Room | None) -> Call:
        """QUEUED and RESTORING."""
        policy, now = self.policy, self.now
        if call.phase is Phase.QUEUED and call.deadline_at is not None:
            if now >= call.deadline_at:
                return self._end(call, Ending.DEADLINE, room)
            self.wake(call.deadline_at)
        if call.tries >= policy.tries:
            return self._end(call, Ending.FAILED, room)
        if room is None:
            return call
        self._exorcise(call, room)
        if call.identity in room.agents and call.identity not in call.ghosts and self._lives(call):
            return replace(call, phase=Phase.ACTIVE, since=now, tries=0, missing_since=None)  # it came late
        if call.alone_since is not None:
            if now - call.alone_since >= policy.abandon_s:
                return self._end(call, Ending.ABANDONED, room)
            self.wake(call.alone_since + policy.abandon_s)
        return call

    def connects(self, call: Call, room: Room | None) -> Call:
        """CONNECTING."""
        if room is not None:
            self._exorcise(call, room)
        again = self._finish(call, room)
        if again is not None:
            return again
        if not self._lives(call):
            return self._lose(call, room)
        if room is not None and call.identity in room.agents:
            worker = self._serving.get(call.identity, call.worker)
            return replace(
                call, phase=Phase.ACTIVE, since=self.now, tries=0, worker=worker, missing_since=None
            )
        if self.now - call.since >= self.policy.connect_s:
            self.actions.append(act.DeleteDispatch(call.room, call.identity))
            return self._retry(call)
        self.wake(call.since + self.policy.connect_s)
        due = call.since + self.policy.redispatch_s
        if room is None or call.identity not in room.dispatches:
            if room is not None and room.seen_at >= due:
                self._dispatch(call)
            self.wake(due)
        return call

    def serves(self, call: Call, room: Room | None) -> Call:
        """ACTIVE."""
        again = self._finish(call, room)
        if again is not None:
            return again
        if not self._lives(call):
            return self._lose(call, room)
        if room is None or room.seen_at <= call.since:
            return call
        if call.identity in room.agents:
            if call.ghosts or len(room.agents) > 1:
                self._exorcise(call, room)
            worker = self._serving.get(call.identity, call.worker)
            if call.missing_since is not None or worker != call.worker:
                call = replace(call, missing_since=None, worker=worker)
            return call
        if not room.exists:
            self.actions.append(act.MakeRoom(call.room))
        if call.missing_since is None:
            call = replace(call, missing_since=self.now)
        since = self.now if call.missing_since is None else call.missing_since
        allowed = self.policy.missing_s if room.exists else self.policy.room_s
        if self.now - since >= allowed:
            return self._lose(call, room) if room.exists else self._end(call, Ending.ROOM_GONE, room)
        self.wake(since + allowed)
        return call

    # What they share.

    def _lives(self, call: Call) -> bool:
        """Whether the attempt's worker may still be at work."""
        name = self._serving.get(call.identity, call.worker)
        if name in self.alive:
            return True
        if name in self._known:
            return False
        heard_by = max(self._since, call.since) + self.policy.silent_s  # nobody of that name so far
        self.wake(heard_by)
        return self.now < heard_by

    def _finish(self, call: Call, room: Room | None) -> Call | None:
        """What becomes of a call whose agent ended by itself."""
        reason = self._finished.get(call.identity)
        if reason is None:
            return None
        if reason not in FINISHED_AGAIN:
            return self._end(call, reason or Ending.DONE, room)
        return self._lose(call, room) if FINISHED_AGAIN[reason] else self._retry(call)

    def _lose(self, call: Call, room: Room | None) -> Call:
        """Its agent is gone for good; the next attempt is made at once."""
        if room is not None and call.identity in room.agents:
            self.actions.append(act.RemoveParticipant(call.room, call.identity))
        was_active = call.phase is Phase.ACTIVE
        return replace(
            call,
            phase=Phase.RESTORING if was_active or call.restores else Phase.QUEUED,
            since=self.now,
            not_before=self.now,
            restores=call.restores + was_active,
            ghosts=(*call.ghosts, call.identity)[-_GHOSTS:],
            missing_since=None,
        )

    def _retry(self, call: Call) -> Call:
        """The attempt came to nothing; another after a while, the longer the more failed."""
        lost = self._lose(call, None)
        wait = min(self.policy.back_off_s * 2.0**call.tries, self.policy.back_off_most_s)
        ghosts = call.ghosts if self._finished.get(call.identity) is None else lost.ghosts
        return replace(lost, tries=call.tries + 1, not_before=self.now + wait, ghosts=ghosts)

    def _end(self, call: Call, ending: str, room: Room | None) -> Call:
        over = replace(call, phase=Phase.ENDED, since=self.now, ending=str(ending), missing_since=None)
        if call.phase is Phase.CONNECTING:
            self.actions.append(act.DeleteDispatch(call.room, call.identity))
        self._tidy(over, room)
        return over

    def _tidy(self, call: Call, room: Room | None) -> None:
        """The room of a call that is over."""
        if room is None or not room.exists or self._cold(call):
            return
        unused = not call.met and call.ending != Ending.DONE
        if call.own_room and (call.cancelled or unused):
            self.actions.append(act.DeleteRoom(call.room))
            return
        for identity in sorted(room.agents):
            if call.owns(identity):
                self.actions.append(act.RemoveParticipant(call.room, identity))

    def _cold(self, call: Call) -> bool:
        """Whether a call that is over is no longer looked after by its row."""
        return self.now - call.since > self.policy.cleanup_s

    def _exorcise(self, call: Call, room: Room) -> None:
        """Puts agents of attempts that are over out of the room."""
        for identity in sorted(room.agents):
            over = identity != call.identity or identity in call.ghosts
            if over and call.owns(identity):
                self.actions.append(act.RemoveParticipant(call.room, identity))

    def _dispatch(self, call: Call) -> None:
        worker = self._known.get(call.worker)
        label = worker.label if worker is not None else ""
        self.actions.append(
            act.Dispatch(call.id, call.room, call.agent, call.identity, call.attempt, call.worker, label)
        )

    def _count_people(self, call: Call, room: Room) -> Call:
        if room.people:
            if not call.met or call.alone_since is not None:
                return replace(call, met=True, alone_since=None)
        elif call.met and call.alone_since is None:
            return replace(call, alone_since=self.now)
        return call


def _tell(calls: list[Call], waiting: list[Call], sight: _Sight) -> None:
    """Tells the people in rooms of ours how their call stands."""
    positions: dict[str, int] = {}
    counts: dict[str, int] = {}
    for call in waiting:
        counts[call.agent] = positions[call.id] = counts.get(call.agent, 0) + 1
    rooms, active, active_state = sight.rooms, Phase.ACTIVE, _STATES[Phase.ACTIVE]
    for call in calls:
        if not call.own_room or call.phase is Phase.ENDED:
            continue
        room = rooms.get(call.room)
        if room is not None and room.exists:
            position = positions.get(call.id, 0)
            wanted = active_state if call.phase is active else state_of(call.phase, position)
            if room.state != wanted:
                sight.actions.append(act.TellRoom(call.room, wanted))
