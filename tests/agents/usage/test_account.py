"""One session's account, with a session that only emits; whole calls are in tests/e2e."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import AgentSession, CloseReason
from livekit.agents.metrics import AgentSessionUsage, LLMModelUsage
from livekit.agents.voice.events import CloseEvent, SessionUsageUpdatedEvent
from structlog.testing import capture_logs

from antiphon.agents import timeline as tl
from antiphon.agents.usage import Budget, BudgetNotice, PriceTable
from antiphon.agents.usage.account import CallAccount

TABLE = PriceTable.parse("""
as_of = 2026-11-01
[[model]]
name = "m"
source = "x"
text = { input = 1000000.0, output = 1000000.0 }
""")  # a dollar a token


class Speech:
    def __init__(self, over: asyncio.Event) -> None:
        self.over = over

    async def wait_for_playout(self) -> None:
        await self.over.wait()

    def __await__(self) -> Any:
        return self.wait_for_playout().__await__()


class Tiers:
    tier_names = {"m": "fast"}  # noqa: RUF012


class Session(rtc.EventEmitter[str]):
    """The part of a session that an account uses."""

    def __init__(self) -> None:
        super().__init__()
        self.llm: object = Tiers()
        self.current_speech: Speech | None = None
        self.said = asyncio.Event()
        self.log: list[str] = []
        self.closed = asyncio.Event()
        self.error: RuntimeError | None = None

    def generate_reply(self, *, instructions: str, allow_interruptions: bool, tool_choice: str) -> Speech:
        if self.error is not None:
            raise self.error
        assert not allow_interruptions
        assert tool_choice == "none"
        self.log.append(instructions)
        return Speech(self.said)

    async def interrupt(self, *, force: bool) -> None:
        self.log.append("interrupted")

    def shutdown(self, *, drain: bool) -> None:
        self.log.append("closed")
        self.closed.set()

    def uses(self, tokens: int, model: str = "m") -> None:
        usage = AgentSessionUsage([LLMModelUsage(provider="", model=model, input_tokens=tokens)])
        self.emit("session_usage_updated", SessionUsageUpdatedEvent(usage=usage))

    def close(self) -> None:
        self.emit("close", CloseEvent(reason=CloseReason.USER_INITIATED))


class Rig:
    def __init__(self, budget: Budget | None = None) -> None:
        self.session = Session()
        self.timeline = tl.Timeline()
        self.account = CallAccount(
            cast("AgentSession[Any]", self.session), self.timeline, prices=TABLE, budget=budget
        )
        self.told: list[tuple[str, BudgetNotice]] = []
        for name in ("budget_warning", "budget_reached"):
            self.session.on(name, lambda notice, name=name: self.told.append((name, notice)))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]


async def test_the_end_notes_each_model_and_the_whole() -> None:
    rig = Rig()
    rig.account.start()
    rig.timeline.append(tl.Commit(1.0, 1.0, 2.5))
    rig.timeline.append(tl.PlayoutEnded(2.0, 1500, False))
    rig.session.uses(3)
    rig.session.close()
    rig.session.close()
    model, whole = rig.timeline.of(tl.Usage)
    assert (model.tier, model.model, model.input_tokens, model.usd) == ("fast", "m", 3, 3.0)
    assert (whole.model, whole.usd, whole.person_audio_s, whole.agent_audio_s) == ("", 3.0, 2.5, 1.5)
    assert rig.account.report.call_s == whole.call_s > 0
    rig.timeline.append(tl.Commit(3.0, 3.0, 9.0))
    assert rig.account.report.person_audio_s == 2.5  # it is closed


async def test_a_session_that_never_began_notes_nothing() -> None:
    rig = Rig()
    rig.session.close()
    assert rig.timeline.of(tl.Usage) == []


async def test_a_budget_warns_then_ends_with_a_goodbye() -> None:
    rig = Rig(Budget(usd=10.0, goodbye="Say goodbye."))
    rig.account.start()
    rig.session.uses(7)
    assert rig.names == []
    rig.session.uses(8)
    rig.session.uses(9)
    assert rig.names == ["budget_warning"]
    assert rig.told[0][1].share == 0.8
    rig.session.said.set()
    rig.session.uses(10)
    await asyncio.wait_for(rig.session.closed.wait(), 5)
    assert rig.names == ["budget_warning", "budget_reached"]
    assert rig.session.log == ["Say goodbye.", "closed"]
    noted = [(event.of, event.share, event.ending) for event in rig.timeline.of(tl.BudgetUsed)]
    assert noted == [("usd", 0.8, False), ("usd", 1.0, True)]
    rig.session.close()
    await rig.account.aclose()


async def test_minutes_are_kept_without_any_usage() -> None:
    rig = Rig(Budget(minutes=0.002, warn_at=0.5))
    rig.session.said.set()
    rig.account.start()
    await asyncio.wait_for(rig.session.closed.wait(), 5)
    assert rig.names == ["budget_warning", "budget_reached"]
    rig.session.close()
    await rig.account.aclose()


async def test_what_the_agent_says_is_finished_first_or_cut_when_it_is_long() -> None:
    rig = Rig(Budget(usd=1.0, finish_s=0.0, goodbye="Bye."))
    rig.session.current_speech = Speech(asyncio.Event())
    rig.session.said.set()
    rig.account.start()
    rig.session.uses(1)
    await asyncio.wait_for(rig.session.closed.wait(), 5)
    assert rig.session.log == ["interrupted", "Bye.", "closed"]
    rig.session.close()
    patient = Rig(Budget(usd=1.0, goodbye="Bye."))
    over = asyncio.Event()
    patient.session.current_speech = Speech(over)
    patient.session.said.set()
    patient.account.start()
    patient.session.uses(1)
    await asyncio.sleep(0)
    assert patient.session.log == []
    over.set()
    await asyncio.wait_for(patient.session.closed.wait(), 5)
    assert patient.session.log == ["Bye.", "closed"]
    patient.session.close()


@pytest.mark.parametrize("fails", [True, False])
async def test_last_words_that_cannot_be_said_or_never_end_do_not_keep_the_call(fails: bool) -> None:
    rig = Rig(Budget(usd=1.0, end_within_s=0.0 if not fails else 20.0))
    rig.session.error = RuntimeError("the model is gone") if fails else None
    rig.account.start()
    rig.session.uses(1)
    await asyncio.wait_for(rig.session.closed.wait(), 5)
    assert rig.session.log[-1] == "closed"
    rig.session.close()
    await rig.account.aclose()


async def test_a_model_without_a_price_is_told_once() -> None:
    rig = Rig(Budget(usd=1.0))
    rig.account.start()
    with capture_logs() as logs:
        rig.session.uses(5, model="unknown")
        rig.session.uses(50, model="unknown")
    assert rig.names == []
    assert [(entry["log_level"], entry["model"]) for entry in logs] == [("warning", "unknown")]
    rig.session.close()


async def test_closing_gives_up_an_end_that_is_on() -> None:
    rig = Rig(Budget(usd=1.0))
    rig.account.start()
    rig.session.uses(1)
    await asyncio.sleep(0)
    rig.session.close()
    await rig.account.aclose()
    assert "closed" not in rig.session.log
