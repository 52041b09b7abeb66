"""`TieredSession`: the fast model's session, with a question to the deep tier inside some of its replies.

What has nothing to do with the tiers goes straight through. Replies go through a `Relay` each.

A router needs the person's words. They come with a transcript, after the turn; a reply to a turn waits
for it, `transcript_wait_s` at most.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from livekit import rtc
from livekit.agents import llm
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given

from antiphon.agents.logs import get_logger
from antiphon.plugins.tiers.deep import DeepTier, RealtimeDeep, TextDeep
from antiphon.plugins.tiers.relay import Relay

if TYPE_CHECKING:
    from antiphon.plugins.tiers.model import TieredModel, TierOptions

__all__ = ["TieredSession"]

log = get_logger(__name__)

_FORWARDED = (
    "input_speech_started",
    "input_speech_stopped",
    "session_reconnected",
    "remote_item_added",
    "error",
)


class TieredSession(llm.RealtimeSession[Any]):
    """One conversation. Made by `TieredModel.session`."""

    def __init__(self, model: TieredModel, *, turn_detection_disabled: bool = False) -> None:
        super().__init__(model)
        self.options: TierOptions = model.options
        self._model = model
        self._fast = model.fast.session(turn_detection_disabled=turn_detection_disabled)
        self.deep: DeepTier = (
            RealtimeDeep(model.deep, on_metrics=partial(self._on_metrics, "deep"))
            if isinstance(model.deep, llm.RealtimeModel)
            else TextDeep(
                model.deep,
                options=model.options.conn_options,
                on_metrics=partial(self._on_metrics, "deep"),
            )
        )
        self._tool = _expert_tool(model.options) if model.uses_tool else None
        self._relay: Relay | None = None
        self._transcript: asyncio.Future[str] | None = None
        self._unanswered = False
        self._bridges = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._context_lock = asyncio.Lock()
        for name in _FORWARDED:
            self._fast.on(name, partial(self.emit, name))
        self._fast.on("metrics_collected", partial(self._on_metrics, "fast"))
        self._fast.on("input_audio_transcription_completed", self._on_transcript)
        self._fast.on("generation_created", self._on_generation)
        self._has_tools = False
        if self._tool is not None:
            self.start(self._offer_expert())

    # The fast model's, as it is.

    @property
    def capabilities(self) -> llm.RealtimeCapabilities:
        """The fast model's."""
        return self._fast.capabilities

    @property
    def chat_ctx(self) -> llm.ChatContext:
        """The fast model's conversation."""
        return self._fast.chat_ctx

    @property
    def tools(self) -> llm.ToolContext:
        """The agent's tools, without the expert."""
        return llm.ToolContext([tool for tool in self._fast.tools.flatten() if tool is not self._tool])

    async def update_instructions(self, instructions: str) -> None:
        """Passed on."""
        await self._fast.update_instructions(instructions)

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        """Passed on."""
        async with self._context_lock:
            await self._fast.update_chat_ctx(chat_ctx)

    async def update_tools(self, tools: list[llm.Tool]) -> None:
        """Passed on, with the expert beside them."""
        self._has_tools = True
        await self._fast.update_tools(self._with_expert(tools))

    def update_options(self, *, tool_choice: NotGivenOr[llm.ToolChoice | None] = NOT_GIVEN) -> None:
        """Passed on."""
        self._fast.update_options(tool_choice=tool_choice)

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        """Passed on."""
        self._fast.push_audio(frame)

    def push_video(self, frame: rtc.VideoFrame) -> None:
        """Passed on."""
        self._fast.push_video(frame)

    def clear_audio(self) -> None:
        """Passed on."""
        self._fast.clear_audio()

    def start_user_activity(self) -> None:
        """Passed on."""
        self._fast.start_user_activity()

    def truncate(
        self,
        *,
        message_id: str,
        modalities: list[Literal["text", "audio"]],
        audio_end_ms: int,
        audio_transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Passed on."""
        self._fast.truncate(
            message_id=message_id,
            modalities=modalities,
            audio_end_ms=audio_end_ms,
            audio_transcript=audio_transcript,
        )

    # Turns and replies.

    def commit_audio(self) -> None:
        """The person's turn is over; a question that is still open is theirs no more."""
        if self._relay is not None and self._relay.waiting:
            self._relay.interrupt()
        self._transcript = asyncio.get_running_loop().create_future()
        self._unanswered = True
        self._fast.commit_audio()

    def interrupt(self) -> None:
        """Ends what is being said, and what is being found out."""
        if self._relay is not None:
            self._relay.interrupt()
        self._fast.interrupt()

    def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        tools: NotGivenOr[list[llm.Tool]] = NOT_GIVEN,
    ) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """A reply, by whichever tier. Cancelling the future cancels it."""
        if is_given(tools) and tool_choice != "none":
            tools = self._with_expert(tools)
        ask = partial(
            self._fast.generate_reply, instructions=instructions, tool_choice=tool_choice, tools=tools
        )
        transcript = self._transcript if self._unanswered else None
        self._unanswered = False
        routed = self._model.router is not None and not (is_given(instructions) and instructions)
        future: asyncio.Future[llm.GenerationCreatedEvent] = asyncio.get_running_loop().create_future()
        if not routed:
            self._begin(future, ask())
            return future
        routing = self.start(self._route(future, ask, transcript))
        future.add_done_callback(lambda done: routing.cancel() if done.cancelled() else None)
        return future

    def say(self, text: Any) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """Passed on."""
        return self._fast.say(text)

    async def aclose(self) -> None:
        """Ends both sessions."""
        if self._relay is not None:
            self._relay.interrupt()
        for task in list(self._tasks):
            task.cancel()
        await self._fast.aclose()
        await self.deep.aclose()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    def _begin(
        self,
        future: asyncio.Future[llm.GenerationCreatedEvent],
        asked: asyncio.Future[llm.GenerationCreatedEvent],
    ) -> None:
        """Hands on the fast model's generation, or its refusal, through a relay."""

        def created(done: asyncio.Future[llm.GenerationCreatedEvent]) -> None:
            if done.cancelled():
                future.cancel()
            elif (error := done.exception()) is not None:
                if not future.done():
                    future.set_exception(error)
            elif not future.done():
                relay = self._new_relay(user_initiated=True)
                relay.follow(done.result())
                self._announce(future, relay)

        def dropped(done: asyncio.Future[llm.GenerationCreatedEvent]) -> None:
            if done.cancelled() and not asked.done():
                asked.cancel()

        asked.add_done_callback(created)
        future.add_done_callback(dropped)

    def _announce(self, future: asyncio.Future[llm.GenerationCreatedEvent], relay: Relay) -> None:
        event = relay.event
        future.set_result(event)
        self.emit("generation_created", event)

    async def _route(
        self,
        future: asyncio.Future[llm.GenerationCreatedEvent],
        ask: Any,
        transcript: asyncio.Future[str] | None,
    ) -> None:
        said = await self._said(transcript)
        if said and await self._tier(said) == "deep":
            relay = self._new_relay(user_initiated=True)
            relay.ask(said)
            if not future.done():
                self._announce(future, relay)
            return
        if not future.done():
            self._begin(future, ask())

    async def _said(self, transcript: asyncio.Future[str] | None) -> str:
        """What the person said last; empty if it is not known, or was answered already."""
        if transcript is None:
            last = self.chat_ctx.items[-1] if self.chat_ctx.items else None
            typed = last is not None and last.type == "message" and last.role == "user"
            return self.last_words() if typed else ""
        try:
            async with asyncio.timeout(self.options.transcript_wait_s):
                return await asyncio.shield(transcript)
        except TimeoutError:
            log.info("no transcript in time; the fast model answers", waited_s=self.options.transcript_wait_s)
            return ""

    async def _tier(self, said: str) -> str:
        router = self._model.router
        assert router is not None
        try:
            found = router(said, self.chat_ctx)
            return await found if inspect.isawaitable(found) else found
        except Exception as error:  # the user's code: a fault in it must not cost the person an answer
            log.error("the router failed; the fast model answers", error=repr(error))
            return "fast"

    def last_words(self) -> str:
        """The last of the person's words in the conversation."""
        for item in reversed(self.chat_ctx.items):
            if item.type == "message" and item.role == "user" and item.text_content:
                return item.text_content
        return ""

    # For the relay.

    def next_bridge(self) -> str:
        """The bridge to say now."""
        text = self.options.bridge[self._bridges % len(self.options.bridge)]
        self._bridges += 1
        return text

    def say_exactly(self, text: str) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """Lets the fast model speak a text of ours."""
        if self.capabilities.supports_say:
            return self._fast.say(text)
        return self._fast.generate_reply(
            instructions=f'Say exactly: "{text}" Say nothing else.',
            tool_choice="none" if self.capabilities.per_response_tool_choice else NOT_GIVEN,
        )

    def interrupt_fast(self) -> None:
        """Ends a generation of the fast model."""
        self._fast.interrupt()

    def fast_reply(self) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """Lets the fast model speak from its conversation."""
        return self._fast.generate_reply()

    async def add_items(self, items: list[llm.ChatItem]) -> None:
        """Adds to the fast model's conversation."""
        async with self._context_lock:
            context = self._fast.chat_ctx.copy()
            context.items.extend(items)
            try:
                await self._fast.update_chat_ctx(context)
            except llm.RealtimeError as error:  # sent, but not confirmed in time
                log.warning("the fast model did not confirm an item", reason=str(error))

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs something until the session ends."""
        task = asyncio.create_task(work, name="antiphon-tiers")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # What the fast model tells.

    def _on_generation(self, event: llm.GenerationCreatedEvent) -> None:
        if event.user_initiated:
            return  # ours: handed on by who asked for it
        relay = self._new_relay(user_initiated=False)
        relay.follow(event)
        self.emit("generation_created", relay.event)

    def _on_transcript(self, event: llm.InputTranscriptionCompleted) -> None:
        if event.is_final and self._transcript is not None and not self._transcript.done():
            self._transcript.set_result(event.transcript)
        self.emit("input_audio_transcription_completed", event)

    def _on_metrics(self, tier: str, metrics: Any) -> None:
        if hasattr(metrics, "label"):
            metrics = metrics.model_copy(update={"label": tier})
        self.emit("metrics_collected", metrics)

    def _new_relay(self, *, user_initiated: bool) -> Relay:
        self._relay = Relay(self, user_initiated=user_initiated, on_over=self._over)
        return self._relay

    def _over(self, relay: Relay) -> None:
        if self._relay is relay:
            self._relay = None

    async def _offer_expert(self) -> None:
        """For an agent without tools of its own."""
        if not self._has_tools:
            await self.update_tools([])

    def _with_expert(self, tools: list[llm.Tool]) -> list[llm.Tool]:
        if self._tool is None or any(tool is self._tool for tool in tools):
            return tools
        return [*tools, self._tool]


def _expert_tool(options: TierOptions) -> llm.Tool:
    async def ask(raw_arguments: dict[str, object]) -> str:
        raise AssertionError("the session answers this call itself")

    return llm.function_tool(
        ask,
        raw_schema={
            "name": options.tool_name,
            "description": options.tool_description,
            "parameters": {
                "type": "object",
                "properties": {
                    "question": {
                        "type": "string",
                        "description": "The whole question, with what one must know to answer it.",
                    }
                },
                "required": ["question"],
                "additionalProperties": False,
            },
        },
    )
