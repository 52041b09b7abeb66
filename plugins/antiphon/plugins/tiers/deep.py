"""The deep tier: something that is asked a question in a conversation and answers in text.

A language model is asked with the conversation as it stands. A realtime model has a session of its own,
opened with the call, so that a question need not wait for a handshake; it is given the conversation with
each question and its voice, if it has one, is not used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from livekit.agents import APIConnectOptions, APIError, llm
from livekit.agents.metrics import LLMMetrics, RealtimeModelMetrics
from livekit.agents.utils import aio

from antiphon.agents.errors import ModelRefused, ModelUnavailable

__all__ = ["DeepTier", "RealtimeDeep", "TextDeep", "question_context"]

Metrics = LLMMetrics | RealtimeModelMetrics
OnMetrics = Callable[[Metrics], None]


class DeepTier(Protocol):
    """What answers."""

    async def ask(self, context: llm.ChatContext) -> str:
        """The answer to the last message of the context. Cancelling ends the work behind it.

        Raises:
            ModelError: There is none.
        """
        ...

    async def aclose(self) -> None:
        """Ends it, not the model it was made of."""
        ...


def question_context(
    conversation: llm.ChatContext, question: str, *, instructions: str, tool: str
) -> llm.ChatContext:
    """What the deep tier is asked with: instructions, the conversation, the question.

    Calls of the expert itself are left out, as are calls without an outcome, which no provider takes.
    """
    done = {item.call_id for item in conversation.items if item.type == "function_call_output"}
    internal = {
        item.call_id for item in conversation.items if item.type == "function_call" and item.name == tool
    }
    made = llm.ChatContext.empty()
    made.add_message(role="system", content=instructions)
    for item in conversation.items:
        if item.type in ("function_call", "function_call_output"):
            if item.call_id in done and item.call_id not in internal:
                made.items.append(item)
        elif item.type == "message" and item.text_content:
            made.items.append(item)
    last = made.items[-1]
    if not (last.type == "message" and last.role == "user" and last.text_content == question):
        made.add_message(role="user", content=question)
    return made


class TextDeep:
    """A language model.

    Args:
        model: Answers.
        options: Retries and timeout of its requests.
        on_metrics: Told of each request's cost and latency.
    """

    def __init__(self, model: llm.LLM[Any], *, options: APIConnectOptions, on_metrics: OnMetrics) -> None:
        self._model = model
        self._options = options
        self._on_metrics = on_metrics
        self._ids: set[str] = set()
        model.on("metrics_collected", self._measured)
        model.prewarm()

    async def ask(self, context: llm.ChatContext) -> str:
        """As `DeepTier.ask`."""
        text = ""
        try:
            async with self._model.chat(chat_ctx=context, conn_options=self._options) as stream:
                async for chunk in stream:
                    self._ids.add(chunk.id)
                    if chunk.delta is not None and chunk.delta.content:
                        text += chunk.delta.content
        except APIError as error:
            kind = ModelUnavailable if error.retryable else ModelRefused
            raise kind("the deep model could not answer", value=error.message) from error
        return text.strip()

    async def aclose(self) -> None:
        """As `DeepTier.aclose`."""
        self._model.off("metrics_collected", self._measured)

    def _measured(self, metrics: LLMMetrics) -> None:
        if metrics.request_id in self._ids:  # the model may serve others too
            self._ids.discard(metrics.request_id)
            self._on_metrics(metrics)


class RealtimeDeep:
    """A realtime model, its session open from the beginning.

    Args:
        model: Answers.
        on_metrics: Told of each reply's cost and latency.
    """

    def __init__(self, model: llm.RealtimeModel, *, on_metrics: OnMetrics) -> None:
        self._session: llm.RealtimeSession[Any] = model.session(
            turn_detection_disabled=model.capabilities.can_disable_turn_detection
        )
        self._session.on("metrics_collected", on_metrics)
        self._session.on("error", self._on_error)
        self._asking = asyncio.Lock()
        self._refused: str | None = None

    async def ask(self, context: llm.ChatContext) -> str:
        """As `DeepTier.ask`; questions are answered one after another."""
        async with self._asking:
            if self._refused is not None:
                raise ModelRefused("the deep model's session has ended", value=self._refused)
            instructions = context.items[0]
            assert instructions.type == "message"
            conversation = llm.ChatContext(context.items[1:])
            try:
                await self._session.update_instructions(instructions.text_content or "")
                await self._session.update_chat_ctx(conversation)
                event = await self._session.generate_reply()
            except llm.RealtimeError as error:
                raise ModelUnavailable("the deep model could not answer", value=str(error)) from error
            try:
                return await self._read(event)
            except asyncio.CancelledError:
                self._session.interrupt()
                raise

    async def aclose(self) -> None:
        """As `DeepTier.aclose`."""
        await self._session.aclose()

    async def _read(self, event: llm.GenerationCreatedEvent) -> str:
        text = ""
        async for message in event.message_stream:
            silent = asyncio.create_task(_drain(message), name="antiphon-tiers-drain")
            try:
                async for part in message.text_stream:
                    text += part
                await silent
            finally:
                await aio.cancel_and_wait(silent)
        return text.strip()

    def _on_error(self, error: llm.RealtimeModelError) -> None:
        if not error.recoverable:
            self._refused = str(error.error)


async def _drain(message: llm.MessageGeneration) -> None:
    async for _ in message.audio_stream:
        pass
