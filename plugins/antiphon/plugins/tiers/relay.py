"""One reply of the tiers, as one generation: what the fast model says, the bridge, the answer.

A shell around `Wait`: it reads the clock, feeds the events, carries out the actions. AgentSession sees a
single generation with several messages, so that the wait belongs to the reply: it is interrupted as the
reply is, and nothing of it can be spoken after that.

The question and its answer go into the fast model's conversation as a call of the tool and its outcome,
also where a router asked; that is what it speaks from, and what it remembers.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from livekit.agents import llm
from livekit.agents.utils import aio, shortuuid

from antiphon.agents.errors import ModelError
from antiphon.agents.logs import get_logger
from antiphon.plugins.tiers.deep import question_context
from antiphon.plugins.tiers.wait import (
    Action,
    Answered,
    AskDeep,
    BridgeOver,
    CancelDeep,
    DeadlineReached,
    DeepFailed,
    Event,
    Interrupted,
    SayBridge,
    Speak,
    State,
    Wait,
)

if TYPE_CHECKING:
    from antiphon.plugins.tiers.session import TieredSession

__all__ = ["Relay"]

log = get_logger(__name__)

_ROUNDS = 3  # questions in one reply, after which the fast model must answer itself; chosen


class Relay:
    """One reply.

    Args:
        session: Whose.
        user_initiated: Whether it was asked for, not begun by the model.
        on_over: Told when it is over.
    """

    def __init__(
        self, session: TieredSession, *, user_initiated: bool, on_over: Callable[[Relay], None]
    ) -> None:
        self._session = session
        self._options = session.options
        self._on_over = on_over
        self._messages: aio.Chan[llm.MessageGeneration] = aio.Chan()
        self._calls: aio.Chan[llm.FunctionCall] = aio.Chan()
        self._user_initiated = user_initiated
        self._response_id: str | None = None
        self._wait: Wait | None = None
        self._call: llm.FunctionCall | None = None
        self._spoke = False
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._asking: asyncio.Task[None] | None = None
        self._bridging: asyncio.Task[None] | None = None
        self._cut = asyncio.Event()

    @property
    def event(self) -> llm.GenerationCreatedEvent:
        """For AgentSession."""
        return llm.GenerationCreatedEvent(
            message_stream=self._messages,
            function_stream=self._calls,
            user_initiated=self._user_initiated,
            response_id=self._response_id,
        )

    @property
    def waiting(self) -> bool:
        """Whether the deep tier is being asked."""
        return self._wait is not None and self._wait.state is not State.OVER

    def follow(self, event: llm.GenerationCreatedEvent) -> None:
        """The reply begins with this generation of the fast model."""
        self._response_id = event.response_id
        self._session.start(self._run(event, ""))

    def ask(self, question: str) -> None:
        """The reply begins with a question to the deep tier."""
        self._session.start(self._run(None, question))

    def interrupt(self) -> None:
        """The person took the floor: nothing more is said."""
        self._cut.set()
        if self._wait is not None:
            self._events.put_nowait(Interrupted(time.monotonic()))

    async def _run(self, event: llm.GenerationCreatedEvent | None, question: str) -> None:
        try:
            for _ in range(_ROUNDS):
                if event is not None:
                    question = await self._relay(event)
                if not question or self._cut.is_set():
                    return
                event = await self._deepen(question)
                if event is None:
                    return
                if self._cut.is_set():  # while the answer's generation was asked for
                    self._session.interrupt_fast()
                    return
            await self._relay(event)
        except llm.RealtimeError as error:
            log.warning("the fast model gave no reply", reason=str(error))
        finally:
            await aio.cancel_and_wait(*(t for t in (self._asking, self._bridging) if t is not None))
            self._messages.close()
            self._calls.close()
            self._on_over(self)

    async def _relay(self, event: llm.GenerationCreatedEvent | None) -> str:
        """Passes a generation on; returns the question it puts to the expert, if it does."""
        if event is None:
            return ""
        asked: list[llm.FunctionCall] = []

        async def messages() -> None:
            async for message in event.message_stream:
                self._spoke = True
                self._messages.send_nowait(message)

        async def calls() -> None:
            async for call in event.function_stream:
                if call.name == self._options.tool_name:
                    asked.append(call)
                else:
                    self._calls.send_nowait(call)

        await asyncio.gather(messages(), calls())
        if not asked:
            return ""
        self._call = asked[0]
        for extra in asked[1:]:
            await self._note(None, extra, "Ask one question at a time.")
        return _question(asked[0]) or self._session.last_words()

    async def _deepen(self, question: str) -> llm.GenerationCreatedEvent | None:
        """Asks, waits and bridges; returns the fast model's generation that gives the answer."""
        options = self._options
        bridges = options.bridge and not self._spoke
        self._wait = wait = Wait(
            time.monotonic(),
            bridge_after_s=options.bridge_after_s if bridges else None,
            timeout_s=options.timeout_s,
        )
        actions: tuple[Action, ...] = wait.begin()
        while True:
            for action in actions:
                match action:
                    case AskDeep():
                        self._asking = asyncio.create_task(self._ask(question), name="antiphon-tiers-ask")
                    case SayBridge():
                        self._bridging = asyncio.create_task(self._bridge(), name="antiphon-tiers-bridge")
                    case CancelDeep():
                        if self._asking is not None:
                            self._asking.cancel()
                    case Speak(text=text, failed=failed):
                        return await self._answer(wait, question, text, failed)
            if wait.state is State.OVER:
                await self._give_up(question)
                return None
            actions = wait.handle(await self._next(wait))

    async def _next(self, wait: Wait) -> Event:
        """The next event, or the deadline."""
        deadline = wait.deadline()
        try:
            async with asyncio.timeout(None if deadline is None else max(deadline - time.monotonic(), 0.0)):
                return await self._events.get()
        except TimeoutError:
            return DeadlineReached(time.monotonic())

    async def _ask(self, question: str) -> None:
        session = self._session
        context = question_context(
            session.chat_ctx, question, instructions=self._options.instructions, tool=self._options.tool_name
        )
        try:
            text = await session.deep.ask(context)
        except ModelError as error:
            self._events.put_nowait(DeepFailed(time.monotonic(), str(error)))
            return
        self._events.put_nowait(Answered(time.monotonic(), text))

    async def _bridge(self) -> None:
        text = self._session.next_bridge()
        try:
            event = await self._session.say_exactly(text)
            async for message in event.message_stream:
                self._messages.send_nowait(message)
        except llm.RealtimeError as error:
            log.info("the bridge could not be said", reason=str(error))
        finally:
            self._events.put_nowait(BridgeOver(time.monotonic()))

    async def _answer(
        self, wait: Wait, question: str, text: str, failed: str
    ) -> llm.GenerationCreatedEvent | None:
        took = time.monotonic() - wait.asked_at
        if failed:
            log.warning("the deep tier gave no answer", reason=failed, took_s=round(took, 3))
        else:
            log.info("the deep tier answered", took_s=round(took, 3), bridged=wait.bridged)
        await self._note(question, self._call, text or self._options.sorry, failed=bool(failed))
        self._call = None
        if self._cut.is_set():
            return None
        return await self._session.fast_reply()

    async def _give_up(self, question: str) -> None:
        """A call that was asked is not left open; a question of the router's leaves no trace."""
        log.info("the question to the deep tier was dropped")
        if self._call is not None:
            call, self._call = self._call, None
            await self._note(question, call, "The person went on before the answer came.", failed=True)

    async def _note(
        self, question: str | None, call: llm.FunctionCall | None, outcome: str, *, failed: bool = False
    ) -> None:
        """Puts the outcome into the fast model's conversation, with the call where there was none."""
        items: list[llm.ChatItem] = []
        if call is None:
            call = llm.FunctionCall(
                name=self._options.tool_name,
                call_id=shortuuid("call_"),
                arguments=json.dumps({"question": question}),
            )
            items.append(call)
        items.append(
            llm.FunctionCallOutput(name=call.name, call_id=call.call_id, output=outcome, is_error=failed)
        )
        await self._session.add_items(items)


def _question(call: llm.FunctionCall) -> str:
    try:
        given: Any = json.loads(call.arguments or "{}")
    except ValueError:
        return ""
    return str(given.get("question") or "").strip() if isinstance(given, dict) else ""
