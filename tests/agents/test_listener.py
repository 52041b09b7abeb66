from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from antiphon.agents.listener import LoopListener


class App:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.input: list[Any] = []

    def started(self, reply_id: str, at: float) -> None:
        self.told.append(("started", reply_id, at))

    def ended(self, reply_id: str, heard: int) -> None:
        self.told.append(("ended", reply_id, heard))


def listener(app: App, loop: asyncio.AbstractEventLoop, *, output: bool = True) -> LoopListener:
    def tell(name: str) -> Callable[..., None]:
        return lambda *args: app.told.append((name, *args))

    return LoopListener(
        loop,
        put=app.input.append,
        committed=tell("committed"),
        discarded=tell("discarded"),
        yielded=tell("yielded"),
        spoke=tell("spoke"),
        output=lambda: app if output else None,
    )


async def test_what_concerns_the_model_goes_the_way_of_the_audio() -> None:
    app = App()
    told = listener(app, asyncio.get_running_loop())
    samples = np.ones(4, np.int16)
    told.turn_audio(samples)
    told.turn_committed(1.5)
    told.turn_discarded()
    assert app.input[0] is samples
    for run in app.input[1:]:
        run()
    assert app.told == [("committed", 1.5), ("discarded",)]


async def test_the_rest_arrives_on_the_loop_in_order() -> None:
    app = App()
    told = listener(app, asyncio.get_running_loop())
    done = asyncio.Event()

    def media_thread() -> None:
        told.speech(True, 1.0)
        told.playout_started("r", 2.0)
        told.floor_yielded("r", 480)
        told.playout_ended("r", 480)
        told._soon(done.set)

    await asyncio.to_thread(media_thread)
    await asyncio.wait_for(done.wait(), 5)
    assert app.told == [
        ("spoke", True, 1.0),
        ("started", "r", 2.0),
        ("yielded", "r", 480),
        ("ended", "r", 480),
    ]


async def test_nobody_is_told_when_there_is_no_output() -> None:
    app = App()
    told = listener(app, asyncio.get_running_loop(), output=False)
    told.playout_started("r", 1.0)
    told.playout_ended("r", 1)
    await asyncio.sleep(0)
    assert app.told == []


def test_a_loop_that_is_closed_is_no_fault() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    app = App()
    listener(app, loop).speech(True, 1.0)
    assert app.told == []
