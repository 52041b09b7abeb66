"""What a model says to a change of its session: that it took it, or why not.

Models of OpenAI's protocol send changes as ``session.update`` events with an id and confirm each with
``session.updated``, or refuse it with an ``error`` that holds the id (openai-realtime.md, section 2). Their
livekit plugin tells of both in raw events. A confirmation names no id: it is ours if the session in it is as
we asked. Of another model an ``error`` that comes soon after counts as its refusal; silence is consent.
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
_ANSWER_S: Final = 2.0  # s; chosen: a refusal comes as soon as a confirmation, some 100 ms after
_NOT_OURS: Final = frozenset({"type", "model"})  # of a session, what no change is about


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
        self._waiting: dict[str, object] = {}
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
            self._waiting[event_id] = event.get("session") if isinstance(event, Mapping) else None
            self._changed.set()

    def _on_came(self, event: object) -> None:
        kind = _field(event, "type")
        if not isinstance(event, Mapping):
            return
        if kind == "session.updated":
            session = event.get("session")
            for event_id in [key for key, asked in self._waiting.items() if _holds(session, asked)]:
                del self._waiting[event_id]
            self._changed.set()
        elif kind == "error":
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


def _holds(session: object, asked: object) -> bool:
    """Whether a session is as an update asked; what it has besides does not matter."""
    if isinstance(asked, Mapping):
        return isinstance(session, Mapping) and all(
            _holds(session.get(key), value) for key, value in asked.items() if key not in _NOT_OURS
        )
    if isinstance(asked, list):
        return isinstance(session, list) and len(session) == len(asked) and all(map(_holds, session, asked))
    return session == asked


def _field(event: object, name: str) -> str:
    value = event.get(name) if isinstance(event, Mapping) else None
    return value if isinstance(value, str) else ""
