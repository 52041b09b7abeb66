"""A quick local server, and ones with a fault: each event may be changed, doubled or dropped on its way."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Callable
from typing import Any

import numpy as np

from antiphon.plugins.local.brain_builtin import BuiltinBrain
from antiphon.plugins.local.engines import Engines, Heard, Samples
from antiphon.plugins.local.server import LocalRealtimeServer
from antiphon.plugins.local.session import Session, SessionOptions
from antiphon.workers.conformance.checks import Check, Server, run_checks

Change = Callable[[dict[str, Any]], list[dict[str, Any]]]


class Ears:
    async def hear(self, audio: Samples, *, language: str | None = None) -> Heard:
        return Heard("What is the weather in Paris?")


class Voice:
    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[Samples, None]:
        for _ in range(len(text) // 2 + 1):
            yield np.full(2400, 1000, dtype=np.int16)


def engines() -> Engines:
    return Engines(Ears(), BuiltinBrain(), Voice())


class FaultyServer(LocalRealtimeServer):
    """Sends what ``change`` makes of each event."""

    def __init__(self, change: Change | None = None, **options: Any) -> None:
        super().__init__(engines(), speed=60.0, **options)
        self._change = change

    def make_session(self, transport: Any, options: SessionOptions) -> Session:
        session = super().make_session(transport, options)
        if self._change is not None:
            change, send = self._change, session.send

            async def faulty(event: dict[str, Any]) -> None:
                for made in change(copy.deepcopy(event)):
                    await send(made)

            session.send = faulty  # type: ignore[method-assign]
        return session


def drop(kind: str) -> Change:
    return lambda event: [] if event["type"] == kind else [event]


def twice(kind: str) -> Change:
    return lambda event: [event, {**event, "event_id": "again"}] if event["type"] == kind else [event]


def put(kind: str, *path: str, value: Any) -> Change:
    def change(event: dict[str, Any]) -> list[dict[str, Any]]:
        if event["type"] == kind:
            inside = event
            for key in path[:-1]:
                inside = inside[key]
            inside[path[-1]] = value
        return [event]

    return change


async def failure(check: Check[Server], change: Change) -> str:
    """Why a check fails on a server with a fault.

    Raises:
        AssertionError: It does not.
    """
    async with FaultyServer(change) as server:
        subject = Server(server.base_url, responses=8, wait_s=3.0)
        (result,) = await run_checks([check], subject, timeout_s=20)
    assert result.outcome == "failed", result
    return result.why
