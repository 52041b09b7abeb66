from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from livekit.agents import llm

from antiphon.agents.errors import ConfigError
from antiphon.plugins.continuity import Continuity, ContinuousModel, Handoff
from tests.plugins.continuity.rig import Caller, FakeModel, run_virtual, wrapped


def test_one_model_or_a_list_of_them() -> None:
    fake = FakeModel("one")
    assert ContinuousModel(fake).models == (fake,)
    assert ContinuousModel(fake).model == "one"
    assert ContinuousModel(fake).provider == "memory"
    assert ContinuousModel([fake, FakeModel("two")]).metrics_metadata == fake.metrics_metadata
    with pytest.raises(ConfigError, match="models"):
        ContinuousModel([])


def test_models_that_a_call_could_not_change_between_are_refused() -> None:
    one, two = FakeModel("one"), FakeModel("two")
    two._capabilities = replace(two.capabilities, audio_output=False)
    with pytest.raises(ConfigError, match="memory/two: audio_output cannot be False"):
        ContinuousModel([one, two])


def test_what_one_of_them_cannot_the_call_does_not_count_on() -> None:
    one, two = FakeModel("one"), FakeModel("two")
    two._capabilities = replace(two.capabilities, message_truncation=False)
    assert ContinuousModel([one]).capabilities.message_truncation
    assert not ContinuousModel([one, two]).capabilities.message_truncation


def test_all_its_calls_are_handed_over_and_reported() -> None:
    async def calls() -> None:
        model = wrapped(FakeModel(), FakeModel("two"))
        told: list[Handoff] = []
        model.on("handoff", told.append)
        sessions = [model.session() for _ in range(2)]
        for session in sessions:
            await Caller(session).ask(1)
        model.hand_over()
        await asyncio.sleep(1.0)
        assert [event.reason for event in told] == ["requested", "requested"]
        assert model.counters.handoffs == 2
        assert all(session.counters.handoffs == 1 for session in sessions)
        for session in sessions:
            await session.aclose()
        await model.aclose()

    run_virtual(calls())


def test_a_summary_may_stand_for_what_was_said() -> None:
    async def call() -> None:
        async def summed(context: llm.ChatContext) -> llm.ChatContext:
            note = llm.ChatMessage(id="sum", role="system", content=[f"{len(context.items)} messages before"])
            return llm.ChatContext([note, *context.items[-2:]])

        fake = FakeModel()
        model = ContinuousModel(fake, Continuity(compact_at_items=20), compact=summed)
        session = model.session()
        caller = Caller(session)
        for turn in range(1, 11):
            await caller.ask(turn)
            await asyncio.sleep(1.0)
        first = session.chat_ctx.items[0]
        assert first.type == "message"
        assert first.text_content == "20 messages before"
        assert fake.sessions[-1].items[0].id == "sum"
        assert (await caller.ask(11)).text.startswith("to 11")
        await session.aclose()

    run_virtual(call())
