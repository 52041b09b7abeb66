"""The lines of one call: carries out what the core decides.

One queue feeds the core, in order; facts that come up while its actions are carried out wait their turn.
Nothing here decides when a session is left or which follows. What it does know is how: what a session that
takes over is given, in which order, and who is told.

The application's replies are `replies.Replies`; this class opens, fills, switches and closes lines.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from livekit import rtc
from livekit.agents import llm

from antiphon.agents.logs import get_logger
from antiphon.plugins.continuity import facts as f
from antiphon.plugins.continuity.core import Core
from antiphon.plugins.continuity.events import Counters, Failover, Handoff
from antiphon.plugins.continuity.failures import Failure, Kind, classify
from antiphon.plugins.continuity.ledger import Ledger
from antiphon.plugins.continuity.line import Line, Setup, close_session
from antiphon.plugins.continuity.options import Continuity
from antiphon.plugins.continuity.owner import Owner
from antiphon.plugins.continuity.speech import Speech
from antiphon.plugins.continuity.tasks import Tasks

__all__ = ["Compact", "Exchange"]

log = get_logger(__name__)

Compact = Callable[[llm.ChatContext], Awaitable[llm.ChatContext]]
_GIVE_TIMES = 5  # the conversation may go on while it is being given; chosen


class Exchange:
    """A call's lines.

    Args:
        core: Decides.
        models: What is wrapped, in order of preference.
        names: Of the endpoints, for people.
        options: The numbers.
        owner: Whose call it is.
        turn_detection_disabled: As `RealtimeModel.session` takes it.
        compact: Shortens a conversation.
    """

    def __init__(
        self,
        core: Core,
        *,
        models: Sequence[llm.RealtimeModel],
        names: Sequence[str],
        options: Continuity,
        owner: Owner,
        turn_detection_disabled: bool,
        compact: Compact,
    ) -> None:
        self._core = core
        self._models = models
        self._names = names
        self._options = options
        self._owner = owner
        self._turn_detection_disabled = turn_detection_disabled
        self._compact = compact
        self._loop = asyncio.get_running_loop()
        self.ledger = Ledger()
        self.setup = Setup()
        self.speech = Speech(options.replay_most_s, options.replay_lead_s, options.voice_dbfs)
        self.counters = Counters()
        self.tasks = Tasks()
        self.lines: dict[int, Line] = {}
        self.active: Line | None = None
        self.closed = False
        self._last: Line | None = None
        self._facts: deque[f.Fact] = deque()
        self._telling = False
        self._timer: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Task[None] | None = None

    @property
    def now(self) -> float:
        """s, monotonic; the loop's clock."""
        return self._loop.time()

    @property
    def over(self) -> bool:
        """Whether there will be no session any more."""
        return self.closed or self._core.over

    @property
    def continues(self) -> bool:
        """Whether a reply that was cut is taken up."""
        return self._options.continue_replies

    # The core.

    def tell(self, fact: f.Fact) -> None:
        """Tells the core, and carries out what it wants done."""
        if self.closed:
            return
        self._facts.append(fact)
        if self._telling:
            return
        self._telling = True
        try:
            while self._facts:
                for action in self._core.handle(self._facts.popleft()):
                    self._carry_out(action)
        finally:
            self._telling = False
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._core.deadline()
        if due is not None and not self.closed:
            # A tick later than due: a timer may fire a hair early, and would then find nothing due.
            self._timer = self._loop.call_at(max(due, self.now) + 0.001, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.tell(f.DeadlineReached(self.now))

    def _carry_out(self, action: f.Action) -> None:
        match action:
            case f.OpenLine():
                self._open(action)
            case f.SyncLine():
                self._work_on(self.lines[action.line], self._fill)
            case f.TakeOver():
                self._take_over(action)
            case f.Leave():
                self._leave(action)
            case f.CloseLine():
                self._close(action.line)
            case f.Ask():
                self._owner.ask(action.reply)
            case f.FailReply():
                self._owner.fail(action.reply, action.failure)
            case f.GiveUp():
                self.counters.gave_up += 1
                log.error("no session of a realtime model can be had", reason=action.failure.reason)
                self._owner.gave_up(action.failure)

    # Opening.

    def _open(self, action: f.OpenLine) -> None:
        model = self._models[action.endpoint]
        try:
            session = model.session(turn_detection_disabled=self._turn_detection_disabled)
        except Exception as error:  # a plugin's own; whatever it is, there is no session
            self.fail(action.line, classify(error, recoverable=False, live=False))
            return
        line = Line(action.line, action.endpoint, action.reason, session)
        self.lines[line.number] = line
        line.attach(self._owner.handlers(line))
        log.debug("opening a session", line=line.number, endpoint=self._names[line.endpoint])
        self._work_on(line, self._set_up)

    def _work_on(self, line: Line, work: Callable[[Line], Coroutine[Any, Any, None]]) -> None:
        async def opened() -> None:
            try:
                await work(line)
            except Exception as error:  # any plugin's; it did not open
                self.fail(line.number, classify(error, recoverable=False, live=False))
            else:
                line.live = True
                self.tell(f.LineOpened(self.now, line.number))

        self.tasks.spawn(opened())

    async def _set_up(self, line: Line) -> None:
        if line.reason is f.Reason.COMPACTION:
            line.cut = self.ledger.cut_to(await self._compact(self.ledger.context()))
        await line.set_up(self.setup)
        await self._fill(line)

    async def _fill(self, line: Line) -> None:
        """Gives a waiting line the conversation as it is."""
        if line.version >= 0 and not line.session.capabilities.mutable_chat_context:
            model = self._models[line.endpoint]
            old = line.renew(model.session(turn_detection_disabled=self._turn_detection_disabled))
            self.tasks.spawn(close_session(old, line.number), to_the_end=True)
            await line.set_up(self.setup)
        for _ in range(_GIVE_TIMES):
            version = self.ledger.version
            await line.give(self.seed(line), version)
            if version == self.ledger.version:
                break

    def seed(self, line: Line) -> llm.ChatContext:
        """What a line is given of the conversation."""
        owed = self._owner.owed()
        if line.session.capabilities.turn_detection:
            owed = self.speech.number  # it answers a turn when it hears it, and only then
        left = {t.item_id for t in self.speech.turns if t.item_id and (t.number <= owed or not t.written)}
        return self.ledger.seed(cut=line.cut, leave_out=left, audio_of=self.speech.sound_of)

    def changed(self) -> None:
        """The conversation went on."""
        coming = self.lines.get(self._core.coming) if self._core.coming is not None else None
        if coming is not None and coming.live and coming.version != self.ledger.version:
            self.tell(f.LineOutdated(self.now, coming.number))

    def grew(self, tokens: int = 0) -> None:
        """A reply is over, or its tokens of input are known."""
        self.tell(f.ContextGrew(self.now, len(self.ledger), tokens))
        self.changed()

    # Switching.

    def _take_over(self, action: f.TakeOver) -> None:
        line, before = self.lines[action.line], self._last
        self.active = self._last = line
        replayed = self._replay(line)
        if line.cut is not None:
            self.ledger.forget(line.cut)
        elif line.version == self.ledger.version:
            line.synced.set()
        if not line.synced.is_set():
            self.resync()
        replies = self._owner.take_over(line)
        if before is None:
            log.info("opened a session", endpoint=self._names[line.endpoint])
            return
        self._report(action, before, line, sum(frame.duration for frame in replayed), replies)

    def _replay(self, line: Line) -> list[rtc.AudioFrame]:
        """The person's speech that the line does not know."""
        server_turns = line.session.capabilities.turn_detection
        frames: list[rtc.AudioFrame] = []
        for turn in self.speech.turns:
            if turn.item_id is not None and turn.item_id in line.given:
                continue
            frames += turn.frames
            self._guard(line, lambda turn=turn: self._push(line, turn.frames))  # type: ignore[misc]
            line.replayed.append(turn.item_id)
            if turn.item_id is not None:
                line.replayed_ids.add(turn.item_id)
            self.counters.turns_replayed += line.number > 1
            if not server_turns:
                self._guard(line, line.session.commit_audio)
        spoken = self.speech.uncommitted()
        self._guard(line, lambda: self._push(line, spoken))
        return frames + spoken

    def _push(self, line: Line, frames: list[rtc.AudioFrame]) -> None:
        for frame in frames:
            line.session.push_audio(frame)

    def _report(self, action: f.TakeOver, before: Line, line: Line, replayed_s: float, replies: int) -> None:
        names = self._names[before.endpoint], self._names[line.endpoint]
        event: Handoff | Failover
        if action.failure is None:
            self.counters.handoffs += 1
            self.counters.forced += action.forced
            event = Handoff(self.now, action.reason.value, *names, action.forced, replayed_s)
            log.info(
                "handed over to a fresh session",
                reason=event.reason,
                before=event.before,
                after=event.after,
                forced=event.forced,
                replayed_s=round(replayed_s, 2),
            )
        else:
            self.counters.failovers += 1
            why = action.failure
            event = Failover(
                self.now, why.kind.value, why.reason, why.code, *names, action.lost_for_s, replayed_s, replies
            )
            log.warning(
                "took over from a session that failed",
                kind=event.kind,
                reason=event.reason,
                code=event.code,
                before=event.before,
                after=event.after,
                lost_for_s=round(event.lost_for_s, 3),
                replayed_s=round(replayed_s, 2),
                replies=replies,
            )
        self._owner.report(event)

    def resync(self) -> None:
        """Gives the active line what changed elsewhere; replies wait for it."""
        line = self.active
        if line is None:
            return
        if not line.session.capabilities.mutable_chat_context:
            line.synced.set()
            return
        line.synced.clear()
        if self._syncing is None or self._syncing.done():
            self._syncing = self.tasks.spawn(self._resync(line))

    async def _resync(self, line: Line) -> None:
        for _ in range(_GIVE_TIMES):
            version = self.ledger.version
            try:
                await line.session.update_chat_ctx(line.view(self.ledger, self.seed(line)))
            except llm.RealtimeError as error:
                log.warning("a session did not take the conversation", line=line.number, error=str(error))
            if version == self.ledger.version or line.lost.is_set():
                break
        line.version = self.ledger.version
        line.synced.set()
        self._syncing = None
        if self.active is not None and self.active is not line and not self.active.synced.is_set():
            self.resync()

    # Leaving.

    def fail(self, number: int, failure: Failure) -> None:
        """A line failed."""
        self.tell(f.LineFailed(self.now, number, failure))

    def _leave(self, action: f.Leave) -> None:
        line = self.lines.pop(action.line, None)
        failure = action.failure
        log.debug("left a session", line=action.line, kind=failure.kind.value, reason=failure.reason)
        if failure.kind is Kind.REFUSED and line is not None:
            log.warning("a model refused", endpoint=self._names[line.endpoint], reason=failure.reason)
        if line is None:
            return
        if line is self.active:
            self.active = None
        self._let_go(line)
        self._owner.left(line)

    def _close(self, number: int) -> None:
        if (line := self.lines.pop(number, None)) is not None:
            if line is self.active:
                self.active = None
            self._let_go(line)

    def _let_go(self, line: Line) -> None:
        line.lost.set()
        line.synced.set()
        # What still opens it is left to end by itself: cancelled, livekit's plugin leaves an error behind.
        line.detach()
        self.tasks.spawn(line.close(), to_the_end=True)

    # What the person said.

    def answered(self, upto: int) -> None:
        """Turns up to a number have their reply."""
        if self.speech.answered(upto):
            self.ledger.touch()
            self.changed()

    # Other people's code.

    def guard(self, work: Callable[[], object]) -> None:
        """Does something to the active line; its failure to do so is a failure of the line."""
        if self.active is not None:
            self._guard(self.active, work)

    def _guard(self, line: Line, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # a plugin's; it must not end the call, and the line is not to be trusted
            log.warning("a session raised", line=line.number, error=f"{type(error).__name__}: {error}")
            self.fail(line.number, classify(error, recoverable=False, live=True))

    async def aclose(self) -> None:
        """Closes every line."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        self.tasks.cancel()
        for number in list(self.lines):
            self._close(number)
        await self.tasks.join()
