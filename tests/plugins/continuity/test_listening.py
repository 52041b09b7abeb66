from __future__ import annotations

import asyncio
import time
from typing import Any

from livekit.agents import APIError, llm

from antiphon.plugins.continuity.line import RAW
from tests.plugins.continuity.rig import Caller, FakeModel, FakeSession, run_virtual, wrapped


def started(fake: FakeModel, **options: Any) -> tuple[Any, Caller]:
    session = wrapped(fake, **options).session()
    return session, Caller(session)


def error(code: str) -> llm.RealtimeModelError:
    made = APIError("e", body={"code": code, "message": code})
    return llm.RealtimeModelError(timestamp=0.0, label="fake", error=made, recoverable=True)


def test_a_session_that_reconnects_by_itself_is_left() -> None:
    async def call() -> None:
        fake = FakeModel()
        session, caller = started(fake)
        await caller.ask(1)
        fake.sessions[0].emit("session_reconnected", llm.RealtimeSessionReconnectedEvent())
        await asyncio.sleep(0.5)
        assert session.counters.failovers == 1
        assert fake.sessions[0].dead
        assert [item.id for item in fake.sessions[1].items] == [item.id for item in session.chat_ctx.items]
        await session.aclose()

    run_virtual(call())


def test_a_flood_of_events_errors_or_replies_is_left_for_the_next_model() -> None:
    def events(line: FakeSession) -> None:
        for _ in range(4000):
            line.emit(RAW, {"type": "nonsense"})

    def errors(line: FakeSession) -> None:
        for _ in range(100):
            line.emit("error", error("never_seen"))

    async def empty() -> Any:
        for none in ():
            yield none

    def replies(line: FakeSession) -> None:
        for _ in range(40):
            line.emit(
                "generation_created", llm.GenerationCreatedEvent(empty(), empty(), user_initiated=False)
            )

    async def call(flood: Any) -> None:
        first, second = FakeModel("first"), FakeModel("second")
        session = wrapped(first, second).session()
        caller = Caller(session)
        await caller.ask(1)
        flood(first.sessions[0])
        await asyncio.sleep(0.5)
        assert session.endpoint == "memory/second"
        assert (await caller.ask(2)).text.startswith("to 2")
        assert all(failure.recoverable for failure in caller.failures)
        assert len(caller.failures) <= 51
        await session.aclose()

    for flood in (events, errors, replies):
        run_virtual(call(flood))


def test_the_end_that_a_provider_tells_is_believed_if_it_can_be() -> None:
    async def call() -> None:
        fake = FakeModel()
        session, caller = started(fake)
        await caller.ask(1)
        for wrong in ("soon", None, True, -4, time.time() - 60):
            fake.sessions[0].emit(RAW, {"type": "session.created", "session": {"expires_at": wrong}})
        await asyncio.sleep(600.0)
        assert session.counters.handoffs == 0
        fake.sessions[0].emit(RAW, {"type": "session.updated", "session": {"expires_at": time.time() + 100}})
        await asyncio.sleep(90.0)
        assert session.counters.handoffs == 1
        await session.aclose()

    run_virtual(call())


def test_replies_that_a_provider_begins_by_itself_are_passed_on() -> None:
    async def call() -> None:
        fake = FakeModel()
        session, caller = started(fake)
        await caller.ask(1)
        seen: list[llm.GenerationCreatedEvent] = []
        session.on("generation_created", seen.append)

        async def none() -> Any:
            for nothing in ():
                yield nothing

        made = llm.GenerationCreatedEvent(none(), none(), user_initiated=False, response_id="own")
        fake.sessions[0].emit("generation_created", made)
        assert [(event.response_id, event.user_initiated) for event in seen] == [("own", False)]
        assert [message async for message in seen[0].message_stream] == []
        await session.aclose()

    run_virtual(call())


def test_only_the_active_session_tells_of_speech() -> None:
    async def call() -> None:
        fake = FakeModel()
        session, caller = started(fake)
        heard: list[Any] = []
        session.on("input_speech_started", heard.append)
        session.on("input_speech_stopped", heard.append)
        await caller.ask(1)
        session.hand_over()
        await asyncio.sleep(1.0)
        old, new = fake.sessions
        for line in (old, new):
            line.emit("input_speech_started", llm.InputSpeechStartedEvent())
            line.emit("input_speech_stopped", llm.InputSpeechStoppedEvent(user_transcription_enabled=True))
        assert len(heard) == 2
        await session.aclose()

    run_virtual(call())
