"""One session of a wrapped model, and what has to be known of it to leave it for another.

Ids of messages are the conversation's: a session is given its past under the ids that it has, and speech
that is replayed becomes a message with a new id there, which `names` maps to the one the application knows.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import NOT_GIVEN, NotGivenOr, llm
from livekit.agents.utils import is_given

from antiphon.agents.logs import get_logger
from antiphon.plugins.continuity.facts import Reason
from antiphon.plugins.continuity.ledger import Cut, Ledger

__all__ = ["Line", "Setup"]

log = get_logger(__name__)

_SIGN_S = 1.0  # s; how long a session with nothing to confirm may take to show that it is open; chosen
_CLOSE_S = 5.0  # s; chosen
RAW = "openai_server_event_received"  # what livekit's OpenAI plugin emits for each event of the wire

Handler = Callable[..., None]


@dataclass(slots=True)
class Setup:
    """What every session of a call is given."""

    instructions: NotGivenOr[str] = NOT_GIVEN
    tools: NotGivenOr[list[llm.Tool]] = NOT_GIVEN
    tool_choice: NotGivenOr[llm.ToolChoice | None] = NOT_GIVEN


@dataclass(eq=False)
class Line:
    """A session.

    Args:
        number: The core's.
        endpoint: Which model.
        reason: What it was opened for.
        session: The model's.
    """

    number: int
    endpoint: int
    reason: Reason
    session: llm.RealtimeSession[Any]
    version: int = -1
    """Of the ledger that it was given."""
    live: bool = False
    """It was open once."""
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    signed: asyncio.Event = field(default_factory=asyncio.Event)
    """It has shown that it is open."""
    given: set[str] = field(default_factory=set)
    """Messages that it was given."""
    born: set[str] = field(default_factory=set)
    """Messages that were made in it."""
    names: dict[str, str] = field(default_factory=dict)
    """Its ids of replayed messages, and the conversation's."""
    replayed: deque[str | None] = field(default_factory=deque)
    """Turns that were replayed and are not named yet; None for one that never had a name."""
    replayed_ids: set[str] = field(default_factory=set)
    cut: Cut | None = None
    """What is forgotten when it takes over."""
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    """It may be asked for replies."""
    _handlers: list[tuple[str, Handler]] = field(default_factory=list)

    def attach(self, handlers: dict[str, Handler]) -> None:
        """Listens to its events."""
        for event, handler in handlers.items():
            self.listen(event, handler)

    def listen(self, event: str, handler: Handler) -> None:
        """Listens to one more event of it."""
        self.session.on(event, handler)
        self._handlers.append((event, handler))

    def detach(self) -> None:
        """Listens no more."""
        for event, handler in self._handlers:
            self.session.off(event, handler)
        self._handlers.clear()

    def renew(self, session: llm.RealtimeSession[Any]) -> llm.RealtimeSession[Any]:
        """Another session in its place, for a provider that takes a conversation only at the beginning."""
        handlers, old = list(self._handlers), self.session
        self.detach()
        self.session = session
        self.given.clear()
        for event, handler in handlers:
            self.listen(event, handler)
        return old

    async def set_up(self, setup: Setup) -> None:
        """Gives it instructions, tools and tool choice.

        Raises:
            RealtimeError: It refused.
        """
        if is_given(setup.instructions):
            await self.session.update_instructions(setup.instructions)
        if is_given(setup.tools):
            await self.session.update_tools(setup.tools)
        if is_given(setup.tool_choice):
            self.session.update_options(tool_choice=setup.tool_choice)

    async def give(self, context: llm.ChatContext, version: int) -> None:
        """Gives it the conversation, and waits until it is seen to be open.

        Raises:
            RealtimeError: It did not take it.
        """
        self.given = {item.id for item in context.items}
        try:
            await self.session.update_chat_ctx(context)
        except llm.RealtimeError as error:
            # Of a long conversation all was sent, and some of it not confirmed in time.
            if "timed out" not in str(error) or not self.signed.is_set():
                raise
            log.warning("a session did not confirm the conversation in time", line=self.number)
        if not context.items and not self.signed.is_set():
            try:
                await asyncio.wait_for(self.signed.wait(), _SIGN_S)
            except TimeoutError:
                pass  # a provider that says nothing until it is asked
        self.version = version

    def view(self, ledger: Ledger, seed: llm.ChatContext) -> llm.ChatContext:
        """The conversation as this session should have it, with its own record of what was made in it.

        Args:
            ledger: The conversation.
            seed: What a fresh session would be given.
        """
        remote = {item.id: item for item in self.session.chat_ctx.items}
        ours = {name: own for own, name in self.names.items()}
        fresh = {item.id: item for item in seed.items}
        known = {item.id for item in ledger}
        items: list[llm.ChatItem] = [item for item in seed.items if item.id not in known]
        for item in ledger:
            own = ours.get(item.id, item.id)
            if own in remote and (own in self.born or item.id in self.names.values()):
                items.append(remote[own])
            elif item.id in fresh and item.id not in self.replayed_ids:
                items.append(fresh[item.id])
        self.given |= {item.id for item in items}
        return llm.ChatContext(items)

    def name(self, item_id: str) -> str:
        """The conversation's id of one of its messages."""
        return self.names.get(item_id, item_id)

    async def close(self) -> None:
        """Closes it, whatever state it is in."""
        self.detach()
        await close_session(self.session, self.number)


async def close_session(session: llm.RealtimeSession[Any], number: int) -> None:
    """Closes a session; what it says to that is noted and no more."""
    began = time.monotonic()
    try:
        await asyncio.wait_for(session.aclose(), _CLOSE_S)
    except TimeoutError:
        log.warning("a session took too long to close", line=number, after_s=_CLOSE_S)
    except Exception as error:  # plugins raise there what ended the session, and that is handled already
        log.debug("a session closed with an error", line=number, error=str(error))
    else:
        log.debug("closed a session", line=number, took_s=round(time.monotonic() - began, 3))
