"""A whole call in one process: a real LiveKit server, the scripted model, a session, a caller."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, function_tool
from numpy.typing import NDArray

from antiphon.agents import TurnTaking, VoiceSession
from antiphon.plugins import openai
from antiphon.plugins.local.testing import Say, ScriptedServer
from antiphon.workers.caller import Caller
from antiphon.workers.sfu import LocalSfu
from antiphon.workers.tokens import make_token


@dataclass
class Call:
    """Both ends of a call, and the model between them."""

    session: VoiceSession[Any]
    model: ScriptedServer
    caller: Caller
    room: rtc.Room
    """The agent's."""
    name: str
    errors: list[Any] = field(default_factory=list)

    async def asked(self, clip: NDArray[np.int16]) -> float:
        """Plays a question and waits for the agent's first voice; returns when it was heard."""
        states = len(self.caller.states)
        await self.caller.play(clip)
        assert await self.caller.until(
            lambda: any(state == "speaking" for _, state in self.caller.states[states:]), 10
        ), f"no answer; states {self.caller.states}, events {list(self.session.timeline)[-8:]}"
        return self.caller.states[-1][0]

    async def until(self, condition: Callable[[], bool], timeout: float = 10.0) -> bool:
        """Waits for anything that can be observed."""
        return await self.caller.until(condition, timeout)


Opener = Callable[..., Any]


@pytest.fixture
def open_call(sfu: LocalSfu) -> Opener:
    """``async with open_call([Say(...)], agent=..., turn_taking=...) as call``."""

    def token(room: str, identity: str, kind: str = "standard") -> str:
        return make_token(
            api_key=sfu.api_key, api_secret=sfu.api_secret, room=room, identity=identity, kind=kind
        )

    @asynccontextmanager
    async def opened(
        script: list[Say] | None = None,
        *,
        agent: Agent | None = None,
        turn_taking: TurnTaking | None = None,
        model: ScriptedServer | None = None,
        session_options: dict[str, Any] | None = None,
        caller_first: Callable[[Caller], Any] | None = None,
        microphone: bool = True,
        make_session: Callable[[Any], VoiceSession[Any]] | None = None,
        **server_options: Any,
    ) -> AsyncIterator[Call]:
        name = f"test-{secrets.token_hex(4)}"
        own = model is None
        server = model or ScriptedServer(script or [Say("Hello.")], repeat_last=True, **server_options)
        if own:
            await server.start()
        http = aiohttp.ClientSession()
        options = dict(session_options or {})
        if "llm" not in options:
            options["llm"] = openai.realtime(base_url=server.base_url, api_key="test", http_session=http)
        session: VoiceSession[Any]
        if make_session is not None:
            session = make_session(options["llm"])
        else:
            session = VoiceSession(turn_taking=turn_taking, **options)
        room = rtc.Room()
        caller = Caller(sfu.url, token(name, "caller"))
        errors: list[Any] = []
        session.on("error", errors.append)
        try:
            await caller.connect(microphone=microphone)
            if caller_first is not None:
                await caller_first(caller)
            await room.connect(sfu.url, token(name, "agent", "agent"))
            await session.start(agent or Agent(instructions="Be brief."), room=room)
            await caller.wait_for_agent(10)
            await caller.until(lambda: any(s in ("listening", "speaking") for _, s in caller.states), 5)
            yield Call(session, server, caller, room, name, errors)
        finally:
            await session.aclose()
            await caller.aclose()
            await room.disconnect()
            await http.close()
            if own:
                await server.aclose()
            await asyncio.sleep(0)

    return opened


@pytest.fixture(scope="session")
def question(clip: Callable[..., NDArray[np.int16]]) -> NDArray[np.int16]:
    """A spoken question, 48 kHz."""
    return clip("weather_question", 48_000)


@pytest.fixture(scope="session")
def interruption(clip: Callable[..., NDArray[np.int16]]) -> NDArray[np.int16]:
    """ "Hang on a second", 48 kHz."""
    return clip("en_ast_hang_on_a_second", 48_000)


@pytest.fixture(scope="session")
def hum(clip: Callable[..., NDArray[np.int16]]) -> NDArray[np.int16]:
    """A listener's short sound, 48 kHz."""
    return clip("en_ami_okay_1", 48_000)


class Weatherman(Agent):
    """Answers with a tool, and notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(instructions="Use the tool.")
        self.asked: list[str] = []

    @function_tool
    async def weather(self, city: str) -> str:
        """The weather in a city."""
        self.asked.append(city)
        return f"sunny in {city}"


@pytest.fixture
def weatherman() -> Weatherman:
    """An agent with a tool."""
    return Weatherman()
