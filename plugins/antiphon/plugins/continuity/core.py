"""When a session is handed over, what happens when one fails: the decisions, without I/O.

Drive it so: `handle` each fact, carry out the actions in order, send `DeadlineReached` at `deadline()`.

- At any time at most one line is *active* and at most one is *coming*: being opened, or open and waiting.
- A coming line takes over at a quiet moment: no reply owed or in flight, nobody speaking, no transcript
  awaited. Seconds before the cap it takes over in any case; replies in flight then finish on the old line,
  which *drains*.
- When the active line fails, the coming one takes over at once, or as soon as it is open.
- A failed endpoint is tried again after a back-off, others without one. Which comes first: `RECOVERIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from antiphon.plugins.continuity import facts as f
from antiphon.plugins.continuity.endpoints import Endpoints, Gate, Refusals
from antiphon.plugins.continuity.failures import Failure, Kind
from antiphon.plugins.continuity.floor import Floor
from antiphon.plugins.continuity.options import Continuity
from antiphon.plugins.continuity.terms import Terms

__all__ = ["Core"]

_COMPACT_EVERY_S = 60.0  # s; at most one compaction in this time; chosen


@dataclass(slots=True)
class _Reply:
    line: int | None
    moved_at: float
    tries: int = 0
    ask_at: float | None = None


@dataclass(slots=True)
class _Outage:
    since: float
    cause: Failure | None
    endpoint: int | None


class Core:
    """The decisions of one call.

    Args:
        names: Of the endpoints, in order of preference; by them their breakers are found.
        options: The numbers.
        gate: The breakers.
        random: 0 to 1, for the jitter.
        refusals: Shared by the calls of a model.
    """

    def __init__(
        self,
        names: Sequence[str],
        options: Continuity,
        gate: Gate,
        random: Callable[[], float],
        refusals: Refusals | None = None,
    ) -> None:
        self._options = options
        self._endpoints = Endpoints(names, options, gate, random, {} if refusals is None else refusals)
        self._lines: dict[int, Terms] = {}
        self._numbers = 0
        self._active: int | None = None
        self._coming: int | None = None
        self._replies: dict[str, _Reply] = {}
        self._floor = Floor(options)
        self._outage: _Outage | None = None
        self._wanted: f.Reason | None = None
        """Why a line is to come, while the active one is well."""
        self._return_at = math.inf
        self._compacted_at = -math.inf
        self._now = 0.0
        self._out: list[f.Action] = []
        self.over = False
        """Whether it gave up."""

    @property
    def active(self) -> int | None:
        """The line that hears the person."""
        return self._active

    @property
    def coming(self) -> int | None:
        """The line that will."""
        return self._coming

    def handle(self, fact: f.Fact) -> tuple[f.Action, ...]:
        """What is to be done about a fact; in order. A step back in time counts as none."""
        self._now = max(self._now, fact.now)
        if self.over:
            return ()
        _HANDLERS[type(fact)](self, fact)
        self._settle()
        out, self._out = tuple(self._out), []
        return out

    def deadline(self) -> float | None:
        """When to send `DeadlineReached`, s; None when nothing is due."""
        if self.over:
            return None
        due = [at for at in self._deadlines() if at != math.inf]
        return min(due, default=None)

    # Facts.

    def _started(self, _: f.Started) -> None:
        self._outage = _Outage(self._now, None, None)

    def _tick(self, _: f.DeadlineReached) -> None:
        pass  # what is due is found by `_settle`, as after any fact

    def _line_opened(self, fact: f.LineOpened) -> None:
        line = self._lines.get(fact.line)
        if line is None:
            return
        if not line.ready:
            self._endpoints.opened(line.endpoint)
        line.ready, line.outdated = True, False

    def _line_outdated(self, fact: f.LineOutdated) -> None:
        if (line := self._lines.get(fact.line)) is not None and fact.line == self._coming:
            line.outdated = True

    def _line_failed(self, fact: f.LineFailed) -> None:
        if fact.line in self._lines:
            self._leave(fact.line, fact.failure)

    def _limit_known(self, fact: f.LimitKnown) -> None:
        if (line := self._lines.get(fact.line)) is not None:
            line.limit(self._now, fact.remaining_s)

    def _context_grew(self, fact: f.ContextGrew) -> None:
        options = self._options
        many = options.compact_at_items is not None and fact.items >= options.compact_at_items
        long = options.compact_at_tokens is not None and fact.tokens >= options.compact_at_tokens
        if (many or long) and self._now - self._compacted_at >= _COMPACT_EVERY_S:
            self._want(f.Reason.COMPACTION)

    def _requested(self, _: f.HandoffRequested) -> None:
        self._want(f.Reason.REQUESTED)

    def _voice(self, _: f.VoiceHeard) -> None:
        self._floor.voice_at = self._now

    def _committed(self, fact: f.Committed) -> None:
        self._floor.committed(self._now, transcript_due=fact.transcript_due)

    def _transcribed(self, _: f.Transcribed) -> None:
        self._floor.transcript_from = None

    def _cleared(self, _: f.Cleared) -> None:
        self._floor.voice_at = None

    def _reply_asked(self, fact: f.ReplyAsked) -> None:
        self._floor.committed_at = None
        tries = self._replies[fact.reply].tries if fact.reply in self._replies else 0
        self._replies[fact.reply] = _Reply(fact.line, self._now, tries)

    def _reply_progressed(self, fact: f.ReplyProgressed) -> None:
        if (reply := self._replies.get(fact.reply)) is not None:
            reply.moved_at = self._now

    def _reply_failed(self, fact: f.ReplyFailed) -> None:
        reply = self._replies.get(fact.reply)
        if reply is None:
            return
        if fact.failure.kind is Kind.REFUSED or fact.failure.recovery.leaves:
            if reply.line is not None and reply.line in self._lines:
                self._leave(reply.line, fact.failure)
            return
        reply.tries += 1
        if reply.tries <= self._options.retries:
            reply.ask_at = self._now + self._endpoints.backoff_s(reply.tries)
            reply.line = None
        elif len(self._endpoints) > 1 and reply.line in self._lines and reply.line is not None:
            reply.tries = 0
            reason = f"{fact.failure.reason}, {self._options.retries:g} times again"
            self._leave(reply.line, Failure(Kind.STALLED, reason, fact.failure.code))
        else:
            del self._replies[fact.reply]
            self._out.append(f.FailReply(fact.reply, fact.failure))

    def _reply_over(self, fact: f.ReplyOver) -> None:
        self._replies.pop(fact.reply, None)

    # Decisions, after each fact.

    def _settle(self) -> None:
        self._ask_again()
        self._find_stalls()
        self._end_drained()
        if self._active is None:
            self._recover()
        else:
            self._hand_over()

    def _ask_again(self) -> None:
        for name, reply in self._replies.items():
            if reply.ask_at is not None and self._now >= reply.ask_at and self._active is not None:
                reply.ask_at, reply.moved_at = None, self._now
                self._out.append(f.Ask(name))

    def _find_stalls(self) -> None:
        for reply in list(self._replies.values()):
            number = reply.line
            if number is None or number not in self._lines:
                continue
            still = self._now - reply.moved_at
            if still >= self._options.stall_s:
                self._leave(number, Failure(Kind.STALLED, f"nothing of a reply came in {still:.1f} s"))

    def _end_drained(self) -> None:
        serving = {reply.line for reply in self._replies.values()} | {self._active, self._coming}
        for number in [n for n in self._lines if n not in serving]:
            del self._lines[number]
            self._out.append(f.CloseLine(number))

    def _recover(self) -> None:
        """There is no active line."""
        outage = self._outage
        assert outage is not None
        coming = self._lines.get(self._coming) if self._coming is not None else None
        if coming is not None and coming.ready:
            self._take_over(forced=False)
            return
        refused = self._endpoints.all_refused(self._now)
        if refused is not None:
            cause = outage.cause
            self._give_up(cause if cause is not None and cause.kind is Kind.REFUSED else refused)
        elif self._now >= outage.since + self._options.give_up_s:
            cause = outage.cause or Failure(Kind.UNREACHABLE, "no session opened")
            self._give_up(Failure(cause.kind, f"{cause.reason}; none for {self._options.give_up_s:g} s"))
        elif coming is None:
            reason = f.Reason.FIRST if outage.endpoint is None else f.Reason.FAILURE
            self._open(reason, self._endpoints.preference(outage.endpoint, outage.cause))
        elif self._now >= coming.begun_at + self._options.open_s and self._coming is not None:
            self._leave(self._coming, self._too_slow())
            self._recover()

    def _hand_over(self) -> None:
        """The active line is well."""
        assert self._active is not None
        active = self._lines[self._active]
        reason = self._wanted or self._due(active)
        if self._coming is None:
            if reason is not None:
                most = active.endpoint if reason is f.Reason.PREFERRED else len(self._endpoints)
                self._open(reason, range(most))
            return
        coming = self._lines[self._coming]
        if not coming.ready:
            if self._now >= coming.begun_at + self._options.open_s:
                self._leave(self._coming, self._too_slow())
        elif self._now >= active.forced_at(self._options):
            self._take_over(forced=not self._quiet())
        elif self._quiet():
            if coming.outdated:
                coming.ready, coming.begun_at = False, self._now
                self._out.append(f.SyncLine(self._coming))
            else:
                self._take_over(forced=False)

    def _take_over(self, *, forced: bool) -> None:
        number, before = self._coming, self._active
        assert number is not None
        line, outage = self._lines[number], self._outage
        failure = outage.cause if outage is not None else None
        lost_for_s = self._now - outage.since if outage is not None else 0.0
        # A line that was on its way for a cap, when the other failed, takes over for that failure.
        replaces = failure is not None and outage is not None and outage.endpoint is not None
        reason = f.Reason.FAILURE if replaces else line.reason
        if line.reason is f.Reason.COMPACTION:
            self._compacted_at = self._now
        self._active, self._coming, self._outage, self._wanted = number, None, None, None
        self._return_at = self._now + self._options.return_s if line.endpoint > 0 else math.inf
        self._out.append(f.TakeOver(number, reason, forced, failure, lost_for_s))
        for reply in self._replies.values():
            if reply.line is None:
                reply.moved_at = self._now
        if before is not None:
            self._end_drained()

    def _leave(self, number: int, failure: Failure) -> None:
        line = self._lines.pop(number)
        self._out.append(f.Leave(number, failure))
        self._endpoints.failed(line.endpoint, failure, self._now, opening=not line.ready)
        for reply in self._replies.values():
            if reply.line == number:
                reply.line = None
        if number == self._coming:
            self._coming = None
            if line.reason is f.Reason.PREFERRED:
                self._wanted, self._return_at = None, self._now + self._options.return_s
        if number == self._active:
            self._active = None
            self._outage = _Outage(self._now, failure, line.endpoint)
        elif self._outage is not None and self._active is None:
            # While there is none, the last cause is what a person should read.
            self._outage.cause = failure

    # Small questions.

    def _want(self, reason: f.Reason) -> None:
        if self._active is not None and self._wanted is None and self._coming is None:
            self._wanted = reason

    def _due(self, active: Terms) -> f.Reason | None:
        if self._now >= active.next_at(self._options):
            return f.Reason.CAP
        earlier = self._endpoints.pick(range(active.endpoint), self._now)
        if self._now >= self._return_at and earlier is not None:
            return f.Reason.PREFERRED
        return None

    def _quiet(self) -> bool:
        return not self._replies and self._floor.quiet(self._now)

    def _open(self, reason: f.Reason, prefer: Sequence[int]) -> None:
        endpoint = self._endpoints.pick(prefer, self._now)
        if endpoint is None:
            return
        self._numbers += 1
        cap = self._options.session_cap_s
        ends_at = self._now + cap if cap is not None else None
        self._lines[self._numbers] = Terms(endpoint, reason, self._now, ends_at=ends_at, cap_s=cap)
        self._coming = self._numbers
        self._endpoints.begin(endpoint, self._now)
        self._out.append(f.OpenLine(self._numbers, endpoint, reason))

    def _too_slow(self) -> Failure:
        return Failure(Kind.UNREACHABLE, f"no session opened in {self._options.open_s:g} s")

    def _give_up(self, failure: Failure) -> None:
        self.over = True
        for number in list(self._lines):
            self._out.append(f.CloseLine(number))
        self._lines.clear()
        self._out.append(f.GiveUp(failure))

    def _deadlines(self) -> list[float]:
        due = [r.ask_at for r in self._replies.values() if r.ask_at is not None and self._active is not None]
        served = (r for r in self._replies.values() if r.line is not None and r.line in self._lines)
        due += [r.moved_at + self._options.stall_s for r in served]
        coming = self._lines.get(self._coming) if self._coming is not None else None
        if coming is not None and not coming.ready:
            due.append(coming.begun_at + self._options.open_s)
        if self._active is None:
            if self._outage is not None:
                due.append(self._outage.since + self._options.give_up_s)
                if coming is None:
                    due.append(self._endpoints.soonest(self._now))
            return due
        active = self._lines[self._active]
        if coming is None:
            due += self._opening_deadlines(active)
        elif coming.ready:
            due.append(active.forced_at(self._options))
            due += [at for at in self._floor.until() if at > self._now]
        return due

    def _opening_deadlines(self, active: Terms) -> list[float]:
        soonest = self._endpoints.soonest(self._now)
        due: list[float] = []
        if self._wanted is not None:
            due.append(soonest)
        due.append(max(active.next_at(self._options), soonest))
        earlier = [self._endpoints.ready_at(e, self._now) for e in range(active.endpoint)]
        if earlier and self._return_at != math.inf:
            due.append(max(self._return_at, min(earlier)))
        return due


_HANDLERS: dict[type, Callable[..., None]] = {
    f.Started: Core._started,
    f.DeadlineReached: Core._tick,
    f.LineOpened: Core._line_opened,
    f.LineOutdated: Core._line_outdated,
    f.LineFailed: Core._line_failed,
    f.LimitKnown: Core._limit_known,
    f.ContextGrew: Core._context_grew,
    f.HandoffRequested: Core._requested,
    f.VoiceHeard: Core._voice,
    f.Committed: Core._committed,
    f.Transcribed: Core._transcribed,
    f.Cleared: Core._cleared,
    f.ReplyAsked: Core._reply_asked,
    f.ReplyProgressed: Core._reply_progressed,
    f.ReplyFailed: Core._reply_failed,
    f.ReplyOver: Core._reply_over,
}
