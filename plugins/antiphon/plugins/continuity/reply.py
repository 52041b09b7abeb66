"""One reply that the application waits for, whichever sessions it comes from.

The application holds one future and one pair of streams. A session's messages are passed on into them as
they come; when the session fails, the next one's follow in the same streams. A message is passed on with
its first sound, so that one of which nothing came leaves no trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, NotGivenOr, llm
from livekit.agents.utils import aio
from livekit.agents.voice import io

from antiphon.plugins.continuity.failures import Failure
from antiphon.plugins.continuity.pacing import Pace, PacedText

__all__ = ["Reply", "Request", "Said"]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; the arguments of `RealtimeSession.generate_reply`, or what to say."""

    instructions: NotGivenOr[str] = NOT_GIVEN
    tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN
    tools: NotGivenOr[list[llm.Tool]] = NOT_GIVEN
    say: str | None = None


@dataclass(slots=True)
class Said:
    """One message of it."""

    message_id: str
    line: int
    complete: bool = False
    """The session ended it; else it was cut."""
    text: str = ""
    """What was passed on."""
    audio_s: float = 0.0


Listener = Callable[["Reply"], None]


@dataclass(eq=False)
class Reply:
    """A reply.

    Args:
        name: For the core.
        request: What was asked; None when the provider began it by itself.
        upto: Number of the last turn that it answers.
        pace: The voice's.
        moved: Told when something came.
        said: Told when more of a message was passed on.
        called: Told of a tool call.
    """

    name: str
    request: Request | None
    upto: int
    pace: Pace
    moved: Listener
    said: Callable[[Reply, Said], None]
    called: Callable[[Reply, llm.FunctionCall], None]

    future: asyncio.Future[llm.GenerationCreatedEvent] = field(init=False)
    line: int | None = None
    """Where it comes from; None while it waits for a session."""
    asked: asyncio.Future[llm.GenerationCreatedEvent] | None = None
    """The session's own future, until it is made."""
    pump: asyncio.Task[None] | None = None
    messages: list[Said] = field(default_factory=list)
    calls: int = 0
    cut: bool = False
    """Its session failed."""
    cancelled: bool = False
    """The application wants no more of it."""
    failure: Failure | None = None
    """The session, which goes on, said that it failed."""
    suspect: Failure | None = None
    """An error that came meanwhile, and may have been about it."""
    over: bool = False

    def __post_init__(self) -> None:
        self.future = asyncio.get_running_loop().create_future()
        self._message_ch: aio.Chan[llm.MessageGeneration] = aio.Chan()
        self._function_ch: aio.Chan[llm.FunctionCall] = aio.Chan()

    @property
    def passed(self) -> bool:
        """Whether the application has something of it."""
        return bool(self.messages or self.calls)

    @property
    def unfinished(self) -> Said | None:
        """The message that was cut, if one was."""
        last = self.messages[-1] if self.messages else None
        return last if last is not None and not last.complete else None

    def made(self, event: llm.GenerationCreatedEvent) -> llm.GenerationCreatedEvent:
        """The application's event, for the first that a session made."""
        return llm.GenerationCreatedEvent(
            message_stream=self._message_ch,
            function_stream=self._function_ch,
            user_initiated=self.request is not None,
            response_id=event.response_id,
        )

    async def take(self, event: llm.GenerationCreatedEvent, line: int) -> None:
        """Passes on all that a session makes of it; returns when that is over, however it ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_messages(event, line))
            group.create_task(self._take_calls(event))

    def close(self) -> None:
        """Nothing more comes."""
        self.over = True
        self._message_ch.close()
        self._function_ch.close()

    async def _take_messages(self, event: llm.GenerationCreatedEvent, line: int) -> None:
        async for message in event.message_stream:
            await self._take_message(message, Said(message.message_id, line))

    async def _take_calls(self, event: llm.GenerationCreatedEvent) -> None:
        async for call in event.function_stream:
            if self.over or self.cancelled:
                continue
            self.calls += 1
            self.moved(self)
            self.called(self, call)
            self._function_ch.send_nowait(call)

    async def _take_message(self, message: llm.MessageGeneration, said: Said) -> None:
        modalities = await asyncio.shield(_as_future(message.modalities))
        out = _Out(self, said, modalities, PacedText(self.pace) if "audio" in modalities else None)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._take_text(message, out))
                group.create_task(self._take_audio(message, out))
            said.complete = not (self.cut or self.failure or self.cancelled)
            if said.complete:
                out.rest()
        finally:
            out.close()

    async def _take_text(self, message: llm.MessageGeneration, out: _Out) -> None:
        async for delta in message.text_stream:
            self.moved(self)
            out.text(delta)

    async def _take_audio(self, message: llm.MessageGeneration, out: _Out) -> None:
        async for frame in message.audio_stream:
            self.moved(self)
            out.audio(frame)

    def announce(self, message: llm.MessageGeneration) -> None:
        """Passes a message on, of which something has come."""
        if not self.over:
            self._message_ch.send_nowait(message)


class _Out:
    """One message on its way to the application."""

    def __init__(self, reply: Reply, said: Said, modalities: list[Any], paced: PacedText | None) -> None:
        self._reply = reply
        self._said = said
        self._modalities = modalities
        self._paced = paced
        self._text: aio.Chan[str] = aio.Chan()
        self._audio: aio.Chan[rtc.AudioFrame] = aio.Chan()
        self._announced = False

    def text(self, delta: str) -> None:
        # A provider that times its words has them already where they belong.
        if self._paced is None or isinstance(delta, io.TimedString):
            self._pass(delta)
        else:
            self._pass(self._paced.text(delta))

    def audio(self, frame: rtc.AudioFrame) -> None:
        self._announce()
        self._said.audio_s += frame.duration
        self._audio.send_nowait(frame)
        if self._paced is not None:
            self._pass(self._paced.sound(frame.duration))
        self._reply.said(self._reply, self._said)

    def rest(self) -> None:
        if self._paced is not None:
            self._pass(self._paced.rest())

    def close(self) -> None:
        self._text.close()
        self._audio.close()

    def _pass(self, text: str) -> None:
        if not text:
            return
        self._announce()
        self._said.text += text
        self._text.send_nowait(text)
        self._reply.said(self._reply, self._said)

    def _announce(self) -> None:
        if self._announced:
            return
        self._announced = True
        self._reply.messages.append(self._said)
        known: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        known.set_result(self._modalities)
        self._reply.announce(
            llm.MessageGeneration(
                message_id=self._said.message_id,
                text_stream=self._text,
                audio_stream=self._audio,
                modalities=known,
            )
        )


def _as_future(awaitable: Any) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.ensure_future(awaitable)
    return future
