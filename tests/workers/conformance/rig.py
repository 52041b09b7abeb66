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
