"""A model under check: how it is made, opened and driven, as `AgentSession` drives one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import NOT_GIVEN, llm

from antiphon.workers.conformance.result import Failure, expect
from antiphon.workers.conformance.speech import frames

__all__ = ["REPLY_S", "ModelSubject", "Open", "Reply", "read"]

REPLY_S = 60.0  # s for one reply


@dataclass(slots=True)
class Reply:
    """One generation, read to its end."""

    messages: list[str]
    """The words of each message."""
    audio_s: float
    calls: list[llm.FunctionCall]


@dataclass(frozen=True, slots=True)
class ModelSubject:
    """A model to check."""

    make: Callable[[], llm.RealtimeModel]
    """Makes it; one is made for each check."""
    realtime_audio: bool = False
    """Whether audio must be pushed at the pace of speech, as over WebRTC."""
    wait_s: float = 20.0
    """Longest wait for what is told unasked, such as a transcript, s; chosen."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Open]:
        """A session, without turn detection where that can be turned off."""
        model = self.make()
        if not isinstance(model, llm.RealtimeModel):
            raise Failure(f"{type(model).__name__} is no livekit.agents.llm.RealtimeModel")
        off = model.capabilities.can_disable_turn_detection
        session: llm.RealtimeSession[Any] = model.session(turn_detection_disabled=off)
        opened = Open(model, session, self.realtime_audio)
        session.on("error", opened.errors.append)
        try:
            await session.update_instructions("You are checked. Answer in one short sentence.")
            yield opened
        finally:
            async with asyncio.timeout(10):
                await session.aclose()
                await model.aclose()


@dataclass
class Open:
    """An open session and what it reported."""

    model: llm.RealtimeModel
    session: Any
    realtime_audio: bool
    errors: list[llm.RealtimeModelError] = field(default_factory=list)

    def expect_no_errors(self) -> None:
        """Fails if the session reported an error."""
        expect(not self.errors, f"error events: {[str(found.error) for found in self.errors]}")

    async def generate(self, instructions: str | None = None, **options: Any) -> llm.GenerationCreatedEvent:
        """Asks for a reply; returns when it begins."""
        given = NOT_GIVEN if instructions is None else instructions
        async with asyncio.timeout(REPLY_S):
            event: llm.GenerationCreatedEvent = await self.session.generate_reply(
                instructions=given, **options
            )
        return event

    async def reply(self, instructions: str | None = None, **options: Any) -> Reply:
        """A whole reply."""
        return await read(await self.generate(instructions, **options))

    async def speak(self, samples: Any) -> None:
        """Pushes audio."""
        for frame in frames(samples):
            self.session.push_audio(frame)
            if self.realtime_audio:
                await asyncio.sleep(frame.duration)

    async def type(self, text: str) -> str:
        """Adds what a person typed; returns the item's id."""
        context = self.session.chat_ctx.copy()
        item = context.add_message(role="user", content=text)
        await self.session.update_chat_ctx(context)
        return str(item.id)

    def text(self, item_id: str) -> str | None:
        """An item's words, None if it is not there."""
        item = self.session.chat_ctx.get_by_id(item_id)
        return None if item is None else (item.text_content or "")


async def read(event: llm.GenerationCreatedEvent) -> Reply:
    """Reads a generation to its end."""
    reply = Reply([], 0.0, [])

    async def one(message: llm.MessageGeneration) -> None:
        async def sound() -> None:
            async for frame in message.audio_stream:
                reply.audio_s += frame.duration

        sounding = asyncio.create_task(sound())
        reply.messages.append("".join([str(part) async for part in message.text_stream]))
        await sounding

    async def messages() -> None:
        async for message in event.message_stream:
            await one(message)

    async def calls() -> None:
        async for call in event.function_stream:
            reply.calls.append(call)

    try:
        async with asyncio.timeout(REPLY_S):
            await asyncio.gather(messages(), calls())
    except TimeoutError:
        raise Failure(f"a generation's streams were not closed within {REPLY_S:g} s") from None
    return reply
