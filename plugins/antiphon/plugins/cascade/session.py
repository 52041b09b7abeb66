"""`CascadeSession`: one conversation of a cascade, as an `llm.RealtimeSession`.

It keeps the conversation itself: there is no server that would. The person's words are added when they
are known, at the place where the turn was committed; a reply waits for the turns committed before it.
One reply at a time: a second one asked for meanwhile is refused, as OpenAI's server refuses it. A turn
without words is no turn, and a reply to nothing else says nothing.

The parts' metrics are passed on as they come, those of this session's requests only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from livekit import rtc
from livekit.agents import APIError, llm
from livekit.agents.metrics import LLMMetrics, RealtimeModelMetrics, STTMetrics, TTSMetrics
from livekit.agents.metrics.base import Metadata
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given, shortuuid
from livekit.agents.voice.generation import remove_instructions

from antiphon.agents.logs import get_logger
from antiphon.plugins.cascade.hearing import LEAST_S, Turn
from antiphon.plugins.cascade.reply import Reply, Words, chat_words
from antiphon.plugins.cascade.sentences import Spoken

if TYPE_CHECKING:
    from antiphon.plugins.cascade.model import CascadeModel

__all__ = ["CascadeSession"]

log = get_logger(__name__)

_KEPT = 32  # replies of which the words' places in the sound are remembered; chosen


@dataclass(frozen=True, slots=True)
class _Heard:
    words: bool
    """Whether there were any."""
    last: str | None
    """The conversation's item that the next turn comes after."""


class CascadeSession(llm.RealtimeSession[Any]):
    """One conversation. Made by `CascadeModel.session`."""

    def __init__(self, model: CascadeModel) -> None:
        super().__init__(model)
        self._model = model
        self._instructions = ""
        self._ctx = llm.ChatContext.empty()
        self._tools = llm.ToolContext.empty()
        self._tool_choice: llm.ToolChoice | None = None
        self._turn: Turn | None = None
        self._hearing: asyncio.Task[_Heard] | None = None
        self._reply: Reply | None = None
        self._replying: asyncio.Task[None] | None = None
        self._spoken: dict[str, Spoken] = {}
        self._ids: dict[str, float] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        for part in (model.stt, model.llm, model.tts):
            part.on("metrics_collected", self._on_metrics)

    @property
    def chat_ctx(self) -> llm.ChatContext:
        """The conversation: of what was said to the person, no more than what was heard."""
        return self._ctx.copy()

    @property
    def tools(self) -> llm.ToolContext:
        """The session's tools."""
        return self._tools.copy()

    async def update_instructions(self, instructions: str) -> None:
        """What holds for every reply from now on."""
        self._instructions = instructions

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        """Makes the conversation this one."""
        wanted = chat_ctx.copy(exclude_handoff=True, exclude_config_update=True)
        remove_instructions(wanted)
        self._ctx = wanted

    async def update_tools(self, tools: list[llm.Tool]) -> None:
        """Makes the tools these."""
        self._tools = llm.ToolContext(tools)

    def update_options(self, *, tool_choice: NotGivenOr[llm.ToolChoice | None] = NOT_GIVEN) -> None:
        """Changes which tools may be called."""
        if is_given(tool_choice):
            self._tool_choice = tool_choice

    # What the person says.

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        """More of the person's turn."""
        if self._turn is None:
            model = self._model
            self._turn = Turn(
                model.stt, language=model.language, finish_s=model.finish_s, options=model.conn_options
            )
        self._turn.push(frame)

    def push_video(self, frame: rtc.VideoFrame) -> None:
        """Takes no pictures; add them to the conversation as image content."""
        log.debug("a cascade takes no video")

    def commit_audio(self) -> None:
        """The person's turn is over."""
        turn, self._turn = self._turn, None
        if turn is None:
            return
        if turn.duration_s < LEAST_S:
            self._start(turn.drop())
            return
        before = self._hearing
        last = self._ctx.items[-1].id if self._ctx.items else None
        self._hearing = self._start(self._hear(turn, before, shortuuid("item_"), last))

    def clear_audio(self) -> None:
        """Forgets the turn so far."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self._start(turn.drop())

    async def _hear(
        self, turn: Turn, before: asyncio.Task[_Heard] | None, item_id: str, after: str | None
    ) -> _Heard:
        """Adds the turn's words to the conversation."""
        committed_at = time.time()
        try:
            words = await turn.finish()
        except APIError as error:
            self._report(error, "the recogniser failed")
            words = ""
        for request_id in turn.request_ids:
            self._note(request_id)
        if before is not None:
            await asyncio.wait([before])
            if not before.cancelled() and before.result().words:
                after = before.result().last
        if not words:
            return _Heard(False, after)
        message = llm.ChatMessage(role="user", content=[words], id=item_id, created_at=committed_at)
        self._insert(message, after)
        self.emit(
            "input_audio_transcription_completed",
            llm.InputTranscriptionCompleted(item_id=item_id, transcript=words, is_final=True),
        )
        return _Heard(True, item_id)

    # What is said to them.

    def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        tools: NotGivenOr[list[llm.Tool]] = NOT_GIVEN,
    ) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """Begins a reply; the future has its streams already, or `RealtimeError` if one is in progress."""
        reply = self._new_reply()
        extra = instructions if is_given(instructions) and instructions else ""
        choice = tool_choice if is_given(tool_choice) else self._tool_choice
        usable = tools if is_given(tools) else self._tools.flatten()
        return self._begin(reply, self._think(reply, extra, choice, usable))

    def say(self, text: str | AsyncIterable[str]) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """Speaks the text as it is."""
        return self._begin(self._new_reply(), _as_words(text))

    def interrupt(self) -> None:
        """Ends the reply in progress, if there is one."""
        if self._replying is not None and not self._replying.done():
            self._replying.cancel()

    def truncate(
        self,
        *,
        message_id: str,
        modalities: list[Literal["text", "audio"]],
        audio_end_ms: int,
        audio_transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Cuts a message to what was heard of it; a message of which nothing was heard is removed."""
        item = self._ctx.get_by_id(message_id)
        if item is None or item.type != "message":
            return
        spoken = self._spoken.get(message_id)
        heard = spoken.heard(audio_end_ms) if spoken is not None and "audio" in modalities else ""
        if not heard and audio_end_ms > 0 and is_given(audio_transcript):
            heard = audio_transcript
        if not heard:
            self._ctx.remove(message_id)
            return
        item.content = [heard]
        item.interrupted = True

    async def aclose(self) -> None:
        """Ends the session and what it does."""
        for part in (self._model.stt, self._model.llm, self._model.tts):
            part.off("metrics_collected", self._on_metrics)
        self.clear_audio()
        if self._reply is not None:
            self._reply.close()
        if self._replying is not None:
            self._replying.cancel()
        tasks = list(self._tasks)
        if self._hearing is not None:
            self._hearing.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _new_reply(self) -> Reply:
        return Reply(
            self._model.tts, self._model.conn_options, on_message=self._on_message, on_call=self._on_call
        )

    def _begin(self, reply: Reply, words: Words) -> asyncio.Future[llm.GenerationCreatedEvent]:
        future: asyncio.Future[llm.GenerationCreatedEvent] = asyncio.get_running_loop().create_future()
        if self._replying is not None and not self._replying.done():
            self._start(_close(words))
            future.set_exception(
                llm.RealtimeError(
                    "a reply is already in progress", code="conversation_already_has_active_response"
                )
            )
            return future
        self._reply = reply
        self._replying = self._start(self._run(reply, words))
        future.set_result(reply.event)
        event = future.result()
        self.emit("generation_created", event)
        return future

    async def _think(
        self, reply: Reply, extra: str, choice: llm.ToolChoice | None, tools: list[llm.Tool]
    ) -> AsyncGenerator[str | llm.FunctionToolCall, None]:
        if (hearing := self._hearing) is not None:
            await asyncio.wait([hearing])
            if self._hearing is hearing:
                self._hearing = None
            if not hearing.result().words and not extra and not self._owes_an_answer():
                log.debug("nothing was said, so there is nothing to answer")
                return
        context = self._ctx.copy()
        system = "\n".join(part for part in (self._instructions, extra) if part)
        if system:
            message = llm.ChatMessage(role="system", content=[system], created_at=0.0)
            context.items.insert(0, message)
        stream = self._model.llm.chat(
            chat_ctx=context,
            tools=tools,
            tool_choice=choice if choice is not None and tools else NOT_GIVEN,
            conn_options=self._model.conn_options,
        )
        async with aclosing(chat_words(stream, reply.llm_request_ids)) as parts:
            async for part in parts:
                yield part

    def _owes_an_answer(self) -> bool:
        """Whether the last thing in the conversation waits for a reply."""
        last = self._ctx.items[-1] if self._ctx.items else None
        return last is not None and (
            last.type == "function_call_output" or (last.type == "message" and last.role == "user")
        )

    async def _run(self, reply: Reply, words: Words) -> None:
        cancelled = True
        try:
            await reply.run(words)
            cancelled = False
        except APIError as error:
            cancelled = False
            self._report(error, "the reply failed")
        finally:
            await _close(words)
            for request_id in reply.llm_request_ids | reply.tts_request_ids:
                self._note(request_id)
            self._finish(reply)
            self.emit("metrics_collected", self._metrics(reply, cancelled))

    def _finish(self, reply: Reply) -> None:
        """The message has all it will have: until it is truncated, it counts as heard."""
        item = self._ctx.get_by_id(reply.message_id) if reply.message_id else None
        if item is not None and item.type == "message" and not item.interrupted:
            item.content = [reply.spoken.text] if reply.spoken.text else []

    def _on_message(self, message_id: str) -> None:
        assert self._reply is not None
        self._spoken[message_id] = self._reply.spoken
        while len(self._spoken) > _KEPT:
            del self._spoken[next(iter(self._spoken))]
        self._insert(llm.ChatMessage(role="assistant", content=[], id=message_id), None)

    def _on_call(self, call: llm.FunctionCall) -> None:
        self._insert(call, None)

    def _insert(self, item: llm.ChatItem, after: str | None) -> None:
        """Adds an item behind another; at the end if that is gone or none is named."""
        index = self._ctx.index_by_id(after) if after is not None else None
        at = len(self._ctx.items) if index is None else index + 1
        previous = self._ctx.items[at - 1].id if at else None
        self._ctx.items.insert(at, item)
        self.emit("remote_item_added", llm.RemoteItemAddedEvent(previous_item_id=previous, item=item))

    # What is told of it.

    def _report(self, error: APIError, what: str) -> None:
        log.error(what, reason=error.message)
        self.emit(
            "error",
            llm.RealtimeModelError(
                timestamp=time.time(), label=self._model.label, error=error, recoverable=error.retryable
            ),
        )

    def _note(self, request_id: str) -> None:
        """Metrics of this request are ours, also those that come later."""
        self._ids[request_id] = time.monotonic()
        while len(self._ids) > 8 * _KEPT:
            del self._ids[next(iter(self._ids))]

    def _on_metrics(self, metrics: STTMetrics | LLMMetrics | TTSMetrics) -> None:
        """One part's metrics; the parts may serve other sessions too."""
        reply = self._reply
        current = (reply.llm_request_ids | reply.tts_request_ids) if reply is not None else set()
        if metrics.request_id in current or metrics.request_id in self._ids:
            self.emit("metrics_collected", metrics)

    def _metrics(self, reply: Reply, cancelled: bool) -> RealtimeModelMetrics:
        """The reply's latency; its tokens are in the parts' own metrics."""
        return RealtimeModelMetrics(
            request_id=reply.id,
            timestamp=reply.created_at,
            label=self._model.label,
            duration=time.time() - reply.created_at,
            ttft=reply.first_audio_s if reply.first_audio_s is not None else -1,
            cancelled=cancelled,
            input_token_details=RealtimeModelMetrics.InputTokenDetails(),
            output_token_details=RealtimeModelMetrics.OutputTokenDetails(),
            metadata=Metadata(model_name=self._model.model, model_provider=self._model.provider),
        )

    def _start(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.create_task(work, name="antiphon-cascade")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _as_words(text: str | AsyncIterable[str]) -> AsyncIterator[str]:
    if isinstance(text, str):
        yield text
        return
    async for part in text:
        yield part


async def _close(words: Words) -> None:
    """Ends an iteration now, not when it is collected."""
    aclose = getattr(words, "aclose", None)
    if aclose is not None:
        await aclose()
