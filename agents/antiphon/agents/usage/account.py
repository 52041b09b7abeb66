"""One call's account: its usage noted, its budget kept.

Listens to a session's `session_usage_updated` and to the timeline; tells the application
``budget_warning`` and ``budget_reached`` (`BudgetNotice`); at the limit lets the agent finish, has it say
its last words and ends the session, whatever becomes of them. Driven by the session's loop.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final, Literal, cast

from livekit import rtc
from livekit.agents import AgentSession, llm
from livekit.agents.voice.events import CloseEvent, SessionUsageUpdatedEvent

from antiphon.agents import timeline as tl
from antiphon.agents.logs import get_logger
from antiphon.agents.usage.budget import Budget, BudgetNotice, BudgetWatch
from antiphon.agents.usage.meter import Tiered, UsageMeter, UsageReport
from antiphon.agents.usage.prices import PriceTable
from antiphon.agents.usage.tokens import ModelUse

__all__ = ["BUDGET_REACHED", "BUDGET_WARNING", "CallAccount"]

log = get_logger(__name__)

BUDGET_WARNING: Final = "budget_warning"
BUDGET_REACHED: Final = "budget_reached"


class CallAccount:
    """Counts one call's usage and keeps its budget.

    Args:
        session: Whose.
        timeline: Where it is noted, and who tells how much audio there was.
        prices: What models cost.
        budget: Its limits; none when not given.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        timeline: tl.Timeline,
        *,
        prices: PriceTable,
        budget: Budget | None = None,
    ) -> None:
        self._session = session
        self._timeline = timeline
        self._watch = BudgetWatch(budget) if budget is not None else None
        self.meter = UsageMeter(prices)
        self._began_at: float | None = None
        self._ended_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._unpriced: set[str] = set()
        self._unsubscribe = timeline.subscribe(self._heard)
        session.on("session_usage_updated", self._on_usage)
        session.on("close", self._on_close)

    @property
    def report(self) -> UsageReport:
        """What the call used so far."""
        return self.meter.report(self._call_s())

    def start(self) -> None:
        """The call begins now: the time counts from here."""
        self._began_at = time.monotonic()
        self._look_again()

    async def aclose(self) -> None:
        """Waits until the end that a budget brought about is through, or gives it up."""
        ending = self._ending
        if ending is not None and ending is not asyncio.current_task():
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)

    def _call_s(self) -> float:
        if self._began_at is None:
            return 0.0
        return (self._ended_at or time.monotonic()) - self._began_at

    def _heard(self, event: tl.Event) -> None:
        """Any thread."""
        if isinstance(event, tl.Commit):
            self.meter.heard(person_s=event.audio_s)
        elif isinstance(event, tl.PlayoutEnded):
            self.meter.heard(agent_s=event.heard_ms / 1000)

    def _on_usage(self, event: SessionUsageUpdatedEvent) -> None:
        self.meter.update(event.usage)
        model: object = self._session.llm
        if isinstance(model, Tiered):
            self.meter.tiers.update(model.tier_names)
        self._check()

    # The budget.

    def _look_again(self) -> None:
        if self._watch is None or self._ended_at is not None:
            return
        minutes = self._call_s() / 60
        at = self._watch.next_minutes(minutes)
        if at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(at - minutes, 0.0) * 60, self._due)

    def _due(self) -> None:
        self._check()
        self._look_again()

    def _check(self) -> None:
        if self._watch is None or self._began_at is None or self._ended_at is not None:
            return
        report = self.report
        if self._watch.budget.usd is not None:
            self._warn_unpriced(report)
        for notice in self._watch.spent(report.known_usd, report.call_s / 60):
            self._timeline.append(tl.BudgetUsed(time.monotonic(), notice.of, notice.share, notice.ending))
            if notice.ending:
                log.info("the call's budget is used up", of=notice.of, limit=notice.limit)
                self._ending = asyncio.get_running_loop().create_task(self._end(), name="antiphon-budget")
            self._tell(BUDGET_REACHED if notice.ending else BUDGET_WARNING, notice)

    def _warn_unpriced(self, report: UsageReport) -> None:
        for model in set(report.unpriced) - self._unpriced:
            self._unpriced.add(model)
            log.warning("a model has no price, so the budget in dollars leaves it out", model=model)

    def _tell(self, name: Literal["budget_warning", "budget_reached"], notice: BudgetNotice) -> None:
        # Past AgentSession.emit, which records events of its own kinds.
        rtc.EventEmitter.emit(cast("rtc.EventEmitter[str]", self._session), name, notice)

    async def _end(self) -> None:
        """Lets the agent finish, has it say its last words, and ends the session."""
        assert self._watch is not None
        budget = self._watch.budget
        try:
            await self._finish(budget.finish_s)
            async with asyncio.timeout(budget.end_within_s):
                await self._session.generate_reply(
                    instructions=budget.goodbye, allow_interruptions=False, tool_choice="none"
                )
        except TimeoutError:
            log.warning("the last words took too long", end_within_s=budget.end_within_s)
        except (RuntimeError, llm.RealtimeError) as error:
            log.warning("the last words could not be said", error=str(error))
        self._session.shutdown(drain=False)

    async def _finish(self, finish_s: float) -> None:
        speech = self._session.current_speech
        if speech is None:
            return
        try:
            async with asyncio.timeout(finish_s):
                await speech.wait_for_playout()
        except TimeoutError:
            await self._session.interrupt(force=True)

    # The end.

    def _on_close(self, _: CloseEvent) -> None:
        if self._ended_at is not None:
            return
        self._ended_at = time.monotonic()
        self._unsubscribe()
        if self._timer is not None:
            self._timer.cancel()
        if self._began_at is None:
            return
        report = self.report
        for line in report.lines:
            self._timeline.append(_event(self._ended_at, report, line.use, line.usd, line.tier, line.model))
        self._timeline.append(_event(self._ended_at, report, report.total, report.usd))
        log.info(
            "usage of the call",
            minutes=round(report.call_s / 60, 2),
            tokens_in=report.total.tokens_in,
            cached=f"{report.cached_share:.0%}",
            tokens_out=report.total.tokens_out,
            cost=report.money,
        )


def _event(
    at: float, report: UsageReport, use: ModelUse, usd: float | None, tier: str = "", model: str = ""
) -> tl.Usage:
    whole = not model
    return tl.Usage(
        at=at,
        tier=tier,
        model=model,
        call_s=report.call_s,
        person_audio_s=report.person_audio_s if whole else 0.0,
        agent_audio_s=report.agent_audio_s if whole else 0.0,
        input_tokens=use.tokens_in,
        cached_tokens=use.cached,
        input_audio_tokens=use.audio_in,
        output_tokens=use.tokens_out,
        output_audio_tokens=use.audio_out,
        usd=usd,
    )
