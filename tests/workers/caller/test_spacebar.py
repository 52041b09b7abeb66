from __future__ import annotations

import asyncio
import os
import pty
import sys
import termios
from collections.abc import AsyncIterator

import pytest

from antiphon.agents.errors import MediaError, RoomError
from antiphon.workers.caller.spacebar import SpaceBar


class Agent:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lines: list[str] = []
        self.refuses = False
        self.told = asyncio.Event()

    async def request(self, method: str) -> str:
        self.asked.append(method)
        if self.refuses:
            raise RoomError("the agent refused start_turn", value="push-to-talk is off")
        return "{}"

    def tell(self, line: str) -> None:
        self.lines.append(line)
        self.told.set()

    async def lines_are(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.lines) < count:
                self.told.clear()
                await self.told.wait()


@pytest.fixture
async def agent() -> Agent:
    return Agent()


@pytest.fixture
async def bar(agent: Agent) -> AsyncIterator[SpaceBar]:
    made = SpaceBar(agent.request, agent.tell)
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.wait([running])


async def test_space_talks_and_ends_and_x_drops(agent: Agent, bar: SpaceBar) -> None:
    bar.typed("x")  # nothing to drop
    bar.typed("  q \x1bX")
    await agent.lines_are(4)
    assert agent.asked == ["start_turn", "end_turn", "start_turn", "cancel_turn"]
    assert agent.lines == ["talking", "over", "talking", "dropped"]
    assert not bar.talking


async def test_a_refusal_is_told_and_the_key_stays_up(agent: Agent, bar: SpaceBar) -> None:
    agent.refuses = True
    bar.typed(" ")
    await agent.lines_are(1)
    assert agent.lines == ["the agent refused start_turn (push-to-talk is off)"]
    agent.refuses = False
    bar.typed(" ")
    await agent.lines_are(2)
    assert agent.asked == ["start_turn", "start_turn"]


async def test_a_terminals_keys_arrive_at_once_and_it_is_put_back(
    agent: Agent, bar: SpaceBar, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, terminal = pty.openpty()
    try:
        with os.fdopen(os.dup(terminal), "r") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            before = termios.tcgetattr(terminal)
            with bar.listening():
                os.write(person, b" ")  # no line, no return
                await agent.lines_are(1)
            assert termios.tcgetattr(terminal)[3] == before[3]
    finally:
        os.close(person)
        os.close(terminal)
    assert agent.lines == ["talking"]


async def test_without_a_terminal_it_says_what_to_do(bar: SpaceBar, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as stdin:  # noqa: ASYNC230
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(MediaError, match="--say"), bar.listening():
            pass
