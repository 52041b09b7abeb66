"""`ContinuousSession`: a livekit `RealtimeSession` that goes on when what carries it does not.

To the application it is one session: one conversation with ids that stay, replies that are asked for once
and come once. It takes what the application does (`push_audio`, `generate_reply`, `truncate`, ...), keeps
what another session would need to know of it, and passes it to the one that is active. The lines are
`Exchange`'s, their events `Listening`'s, the replies `Replies`'.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Coroutine, Sequence
from typing import Any, Literal

from livekit import rtc
from livekit.agents import NOT_GIVEN, NotGivenOr, llm

from antiphon.agents.errors import MisuseError
from antiphon.agents.logs import get_logger
from antiphon.plugins.continuity import facts as f
from antiphon.plugins.continuity.core import Core
from antiphon.plugins.continuity.events import Counters, Failover, Handoff
from antiphon.plugins.continuity.exchange import Compact, Exchange
from antiphon.plugins.continuity.failures import Failure
from antiphon.plugins.continuity.line import Line
from antiphon.plugins.continuity.listening import Listening
from antiphon.plugins.continuity.options import Continuity
from antiphon.plugins.continuity.replies import Replies
from antiphon.plugins.continuity.reply import Request

__all__ = ["ContinuousSession"]

log = get_logger(__name__)

_VOICE_EVERY_S = 0.2  # s; how often the core is told that the person speaks; chosen
_OWN = {
    "input_speech_started",
    "input_speech_stopped",
    "input_audio_transcription_completed",
    "generation_created",
    "session_reconnected",
    "metrics_collected",
    "remote_item_added",
    "error",
    "handoff",
    "failover",
}


class ContinuousSession(llm.RealtimeSession[Literal["handoff", "failover"]]):
    """Made by `ContinuousModel.session`.

    Emits, beside livekit's events, ``handoff`` (`Handoff`) and ``failover`` (`Failover`). After a failover
    ``session_reconnected`` follows, as livekit's own sessions do it. ``error`` comes with
    ``recoverable=False`` only when no session can be had any more; its exception says why.
    """

    def __init__(
        self,
        model: llm.RealtimeModel,
        *,
        models: Sequence[llm.RealtimeModel],
        names: Sequence[str],
        core: Core,
        options: Continuity,
        compact: Compact,
        turn_detection_disabled: bool,
        report: Callable[[ContinuousSession, Handoff | Failover], None],
    ) -> None:
        super().__init__(model)
        self._names = names
        self._tell_model = report
        self._turns_are_ours = turn_detection_disabled
        self._extra: dict[str, Callable[..., None]] = {}
        self._voice_at = -1e9
        self._exchange = Exchange(
            core,
            models=models,
            names=names,
            options=options,
            owner=self,
            turn_detection_disabled=turn_detection_disabled,
            compact=compact,
        )
        self._replies = Replies(self._exchange, lambda event: self.emit("generation_created", event))
        self._listening = Listening(self._exchange, self._replies, self.emit)
        self._exchange.tell(f.Started(self._exchange.now))

    @property
    def counters(self) -> Counters:
        """What happened in this call."""
        return self._exchange.counters

    @property
    def endpoint(self) -> str:
        """The model that carries it now; empty while none does."""
        line = self._exchange.active
        return self._names[line.endpoint] if line is not None else ""

    @property
    def capabilities(self) -> llm.RealtimeCapabilities:
        """Of the session that is active, or of the model while none is."""
        line = self._exchange.active
        return line.session.capabilities if line is not None else self._realtime_model.capabilities

    @property
    def chat_ctx(self) -> llm.ChatContext:
        """The conversation as heard."""
        return self._exchange.ledger.context()

    @property
    def tools(self) -> llm.ToolContext:
        """The tools in use."""
        line = self._exchange.active
        if line is not None:
            return line.session.tools
        given = self._exchange.setup.tools
        return llm.ToolContext(given) if isinstance(given, list) else llm.ToolContext.empty()

    def hand_over(self) -> None:
        """Asks for a fresh session, at the next quiet moment."""
        self._exchange.tell(f.HandoffRequested(self._exchange.now))

    # What every session is given.

    async def update_instructions(self, instructions: str) -> None:
        """As livekit's.

        Raises:
            RealtimeError: The session refused them.
        """
        self._exchange.setup.instructions = instructions
        for line in list(self._exchange.lines.values()):
            await self._on_line(line, line.session.update_instructions(instructions))

    async def update_tools(self, tools: list[llm.Tool]) -> None:
        """As livekit's.

        Raises:
            RealtimeError: The session refused them.
        """
        self._exchange.setup.tools = tools
        for line in list(self._exchange.lines.values()):
            await self._on_line(line, line.session.update_tools(tools))

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        """As livekit's. Without a session it returns at once; the next is given it.

        Raises:
            RealtimeError: The session refused it.
        """
        exchange, line = self._exchange, self._exchange.active
        before = {item.id: _text(item) for item in exchange.ledger}
        exchange.ledger.replace(chat_ctx)
        exchange.changed()
        if line is None:
            return
        line.born -= {item.id for item in exchange.ledger if before.get(item.id, _text(item)) != _text(item)}
        await self._on_line(
            line, line.session.update_chat_ctx(line.view(exchange.ledger, exchange.seed(line)))
        )

    def update_options(self, *, tool_choice: NotGivenOr[llm.ToolChoice | None] = NOT_GIVEN) -> None:
        """As livekit's."""
        self._exchange.setup.tool_choice = tool_choice
        for line in list(self._exchange.lines.values()):
            line.session.update_options(tool_choice=tool_choice)

    async def _on_line(self, line: Line, work: Coroutine[Any, Any, None]) -> None:
        """Waits for something that a session is given, but not longer than the session lives."""
        task = self._exchange.tasks.spawn(_settled(work))
        lost = asyncio.ensure_future(line.lost.wait())
        try:
            # The task of a lost session is left to end by itself: it has a timeout of its own.
            await asyncio.wait([task, lost], return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        if task.done() and not line.lost.is_set() and (error := task.result()) is not None:
            raise error

    # What the person says and shows.

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        """As livekit's. Kept until it is committed and answered."""
        exchange = self._exchange
        if exchange.over:
            return
        told = exchange.active is not None and exchange.active.session.capabilities.turn_detection
        if exchange.speech.push(frame, told=told) and exchange.now - self._voice_at >= _VOICE_EVERY_S:
            self._voice_at = exchange.now
            exchange.tell(f.VoiceHeard(exchange.now))
        exchange.guard(lambda: exchange.active.session.push_audio(frame) if exchange.active else None)

    def push_video(self, frame: rtc.VideoFrame) -> None:
        """As livekit's. Dropped while there is no session."""
        exchange = self._exchange
        exchange.guard(lambda: exchange.active.session.push_video(frame) if exchange.active else None)

    def commit_audio(self) -> None:
        """As livekit's."""
        exchange = self._exchange
        turn = exchange.speech.commit()
        self._voice_at = -1e9
        exchange.guard(lambda: exchange.active.session.commit_audio() if exchange.active else None)
        due = turn is not None and self.capabilities.user_transcription
        exchange.tell(f.Committed(exchange.now, due))

    def clear_audio(self) -> None:
        """As livekit's."""
        exchange = self._exchange
        exchange.speech.clear()
        self._voice_at = -1e9
        exchange.guard(lambda: exchange.active.session.clear_audio() if exchange.active else None)
        exchange.tell(f.Cleared(exchange.now))

    def start_user_activity(self) -> None:
        """As livekit's."""
        exchange = self._exchange
        exchange.guard(lambda: exchange.active.session.start_user_activity() if exchange.active else None)

    # Replies.

    def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        tools: NotGivenOr[list[llm.Tool]] = NOT_GIVEN,
    ) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """As livekit's. While there is no session it waits for one.

        The future fails with `RealtimeError` when the reply was refused, or no session can be had.
        """
        return self._replies.ask(Request(instructions, tool_choice, tools))

    def say(self, text: str | AsyncIterable[str]) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """As livekit's, for models that can.

        Raises:
            MisuseError: The text is a stream: it could not be said again by another session.
        """
        if not isinstance(text, str):
            raise MisuseError(
                "say() with a stream of text cannot be continued by another session", hint="Give it a string."
            )
        return self._replies.ask(Request(say=text))

    def interrupt(self) -> None:
        """As livekit's."""
        self._replies.interrupt()
        for line in list(self._exchange.lines.values()):
            if line is self._exchange.active or self._replies.of_line(line):
                line.session.interrupt()

    def truncate(
        self,
        *,
        message_id: str,
        modalities: list[Literal["text", "audio"]],
        audio_end_ms: int,
        audio_transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """As livekit's, for a message of whichever session.

        What follows the message in the same reply was not heard, and goes.
        """
        exchange = self._exchange
        text = audio_transcript if isinstance(audio_transcript, str) else None
        exchange.ledger.agent_heard(message_id, text if audio_end_ms > 0 else "", audio_end_ms / 1000)
        later = self._replies.later_messages(message_id)
        for said in later:
            exchange.ledger.drop(said.message_id)
        elsewhere = bool(later)
        for line in list(exchange.lines.values()):
            if message_id in line.born:
                line.session.truncate(
                    message_id=message_id,
                    modalities=modalities,
                    audio_end_ms=audio_end_ms,
                    audio_transcript=audio_transcript,
                )
            elif line is exchange.active:
                elsewhere = True
        exchange.changed()
        if elsewhere:
            exchange.resync()

    async def aclose(self) -> None:
        """Closes every session."""
        if self._exchange.closed:
            return
        self._replies.give_up(llm.RealtimeError("the realtime session was closed"))
        await self._exchange.aclose()

    def on(self, event: Any, callback: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """As livekit's; events that only the wrapped sessions know are passed on from the active one."""
        if event not in _OWN and event not in self._extra:
            self._extra[event] = lambda *args: self.emit(event, *args)
            for line in self._exchange.lines.values():
                self._listen_for(line, event)
        return super().on(event, callback)

    def _listen_for(self, line: Line, event: Any) -> None:
        def passed(*args: Any) -> None:
            if line is self._exchange.active:
                self._extra[event](*args)

        line.listen(event, passed)

    # `exchange.Owner`.

    def handlers(self, line: Line) -> dict[str, Callable[[Any], None]]:
        """What listens to a line."""
        for event in self._extra:
            self._listen_for(line, event)
        return self._listening.handlers(line)

    def take_over(self, line: Line) -> int:
        """A line took over."""
        return self._replies.take_over(line)

    def left(self, line: Line) -> None:
        """A line failed."""
        self._replies.left(line)

    def ask(self, reply: str) -> None:
        """Ask for a reply again."""
        self._replies.again(reply)

    def fail(self, reply: str, failure: Failure) -> None:
        """A reply will not come."""
        self._replies.fail(reply, failure)

    def owed(self) -> int:
        """Number of the last turn that a reply is owed to."""
        return self._replies.owed()

    def gave_up(self, failure: Failure) -> None:
        """There will be no session."""
        error = failure.error(model=", ".join(self._names))
        self._replies.give_up(error)
        self.emit(
            "error",
            llm.RealtimeModelError(
                timestamp=time.time(), label=self._realtime_model.label, error=error, recoverable=False
            ),
        )

    def report(self, event: Handoff | Failover) -> None:
        """Tell observers."""
        self._tell_model(self, event)
        if isinstance(event, Failover):
            self.emit("failover", event)
            self.emit("session_reconnected", llm.RealtimeSessionReconnectedEvent())
        else:
            self.emit("handoff", event)


async def _settled(work: Coroutine[Any, Any, None]) -> llm.RealtimeError | None:
    try:
        await work
    except llm.RealtimeError as error:
        return error
    return None


def _text(item: llm.ChatItem) -> str | None:
    return item.raw_text_content if item.type == "message" else None
