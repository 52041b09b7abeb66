"""What a model says to a change of its session: that it took it, or why not.

Models of OpenAI's protocol send changes as ``session.update`` events with an id and confirm each with
``session.updated``, or refuse it with an ``error`` that holds the id (openai-realtime.md, section 2). Their
livekit plugin tells of both in raw events. Of another model an ``error`` that comes soon after counts as
its refusal; silence is consent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from livekit.agents import APIError, llm

from antiphon.agents.errors import ModelRefused

__all__ = ["RefusalWatch"]

_SENT: Final = "openai_client_event_queued"
_CAME: Final = "openai_server_event_received"
_SEND_S: Final = 0.5  # s; chosen: an event that was not sent by then waits for a connection, or was none
_ANSWER_S: Final = 5.0  # s; chosen, as livekit-agents' own wait for a change of the conversation


class RefusalWatch:
    """Around a change: ``async with RefusalWatch(session, "the voice"): ...`` ends when it was answered.

    Args:
        session: The model's; None for a model that keeps no session, which refuses nothing.
        what: What is changed, for the error's text.

    Raises:
        ModelRefused: The model refused it.
    """

    def __init__(self, session: llm.RealtimeSession[Any] | None, what: str) -> None:
        self._session = session
        self._what = what
        self._waiting: list[str] = []
        self._sent = False
        self._refusal: str | None = None
        self._changed = asyncio.Event()
        self._handlers = {_SENT: self._on_sent, _CAME: self._on_came, "error": self._on_error}

    async def __aenter__(self) -> RefusalWatch:
        if self._session is not None:
            for name, handler in self._handlers.items():
                self._session.on(name, handler)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is None:
            return
        try:
            if error is None:
                await self._answered()
        finally:
            for name, handler in self._handlers.items():
                self._session.off(name, handler)
        if self._refusal is not None:
            raise ModelRefused(
                f"the model refused to change {self._what}",
                value=self._refusal,
                hint="The call goes on as it was.",
            )

    async def _answered(self) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                while not self._sent and self._refusal is None:
                    await self._news()
            async with asyncio.timeout(_ANSWER_S):
                while self._waiting and self._refusal is None:
                    await self._news()
        except TimeoutError:
            return  # no answer is no refusal

    async def _news(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _on_sent(self, event: object) -> None:
        if _field(event, "type") == "session.update" and (event_id := _field(event, "event_id")):
            self._sent = True
            self._waiting.append(event_id)
            self._changed.set()

    def _on_came(self, event: object) -> None:
        kind = _field(event, "type")
        if kind == "session.updated" and self._waiting:
            self._waiting.pop(0)  # they are answered in order
            self._changed.set()
        elif kind == "error" and isinstance(event, Mapping):
            error = event.get("error")
            if _field(error, "event_id") in self._waiting:
                self._refused(_field(error, "message") or _field(error, "code"))

    def _on_error(self, event: llm.RealtimeModelError) -> None:
        if self._sent:
            return  # of a model that names what it refuses
        error = event.error
        body = error.body if isinstance(error, APIError) else None
        self._refused(str(getattr(body, "message", "") or error))

    def _refused(self, why: str) -> None:
        self._refusal = why or "no reason given"
        self._changed.set()


def _field(event: object, name: str) -> str:
    value = event.get(name) if isinstance(event, Mapping) else None
    return value if isinstance(value, str) else ""
