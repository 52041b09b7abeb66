from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import llm

from tests.plugins.continuity.rig import Caller, FakeModel, run_virtual, wrapped


def test_replies_that_were_asked_for_before_there_is_a_session_come_in_order() -> None:
    async def call() -> None:
        fake = FakeModel(opens_in_s=2.0)
        session = wrapped(fake).session()
        caller = Caller(session)
        assert (await caller.ask(1)).text.startswith("to 1")
        assert (await caller.ask(2)).text.startswith("to 2")
        assert fake.answered == [1, 2]
        await session.aclose()

    run_virtual(call())


def test_an_event_comes_with_the_future() -> None:
    async def call() -> None:
        session = wrapped(FakeModel()).session()
        events: list[Any] = []
        session.on("generation_created", events.append)
        caller = Caller(session)
        caller.speak(1)
        event = await session.generate_reply()
        assert events == [event]
        assert event.user_initiated
        await session.aclose()

    run_virtual(call())


def test_one_that_is_cancelled_is_cancelled_at_the_session_and_heard_no_more() -> None:
    async def call() -> None:
        fake = FakeModel(think_s=1.0)
        session = wrapped(fake).session()
        caller = Caller(session)
        await asyncio.sleep(0.5)
        caller.speak(1)
        future = session.generate_reply()
        await asyncio.sleep(0.2)
        future.cancel()
        await asyncio.sleep(3.0)
        assert fake.answered == []
        assert (await caller.ask(2)).text.startswith("to 2")
        await session.aclose()

    run_virtual(call())


def test_an_interruption_while_its_session_is_lost_ends_it() -> None:
    async def call() -> None:
        fake = FakeModel(reply_s=20.0)
        session = wrapped(fake).session()
        caller = Caller(session)
        caller.speak(1)
        listening = asyncio.ensure_future(caller.hear(session.generate_reply()))
        await asyncio.sleep(1.5)
        fake.down = True
        fake.sessions[0].drop()
        await asyncio.sleep(1.0)
        session.interrupt()
        heard = await asyncio.wait_for(listening, 1.0)
        assert len(heard.messages) == 1
        fake.down = False
        await asyncio.sleep(10.0)
        assert fake.answered == []
        await session.aclose()

    run_virtual(call())


def test_what_follows_a_message_that_was_cut_is_dropped_from_every_record() -> None:
    async def call() -> None:
        fake = FakeModel(reply_s=16.0)
        session = wrapped(fake).session()
        caller = Caller(session)
        caller.speak(1)
        listening = asyncio.ensure_future(caller.hear(session.generate_reply()))
        await asyncio.sleep(1.5)
        fake.sessions[0].drop()
        first, second = (await listening).messages
        assert second[0] in {item.id for item in session.chat_ctx.items}
        session.truncate(
            message_id=first[0], modalities=["audio"], audio_end_ms=900, audio_transcript=first[1][:4]
        )
        await asyncio.sleep(0.5)
        left = {item.id for item in session.chat_ctx.items}
        assert second[0] not in left
        assert second[0] not in {item.id for item in fake.sessions[-1].items}
        assert first[0] in left
        await session.aclose()

    run_virtual(call())


def test_closing_ends_those_that_wait() -> None:
    async def call() -> None:
        fake = FakeModel(down=True)
        session = wrapped(fake).session()
        future = session.generate_reply()
        await asyncio.sleep(0.2)
        await session.aclose()
        with pytest.raises(llm.RealtimeError, match="closed"):
            await future
        await session.aclose()

    run_virtual(call())
