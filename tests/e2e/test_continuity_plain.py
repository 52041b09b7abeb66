"""livekit's own AgentSession over a continuous model: no part of ours but the model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice import io

from antiphon.plugins import openai
from antiphon.plugins.continuity import Breakers, Continuity, ContinuousModel
from antiphon.plugins.local.testing import Say, ScriptedServer, tone


class Ear(io.AudioOutput):
    """Hears whatever comes at once."""

    def __init__(self) -> None:
        super().__init__(
            label="ear", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=24_000
        )
        self.heard_s = 0.0
        self._segment_s = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._segment_s:
            self.on_playback_started(created_at=0.0)
        self._segment_s += frame.duration

    def flush(self) -> None:
        super().flush()
        self._end(interrupted=False)

    def clear_buffer(self) -> None:
        self._end(interrupted=True)

    def _end(self, *, interrupted: bool) -> None:
        if self._segment_s:
            length, self._segment_s = self._segment_s, 0.0
            self.heard_s += length
            self.on_playback_finished(playback_position=length, interrupted=interrupted)


class Mouth(io.AudioInput):
    """Says what it is told."""

    def __init__(self) -> None:
        super().__init__(label="mouth")
        self._queue: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()
        self._idle = asyncio.Event()

    def say(self, seconds: float) -> None:
        self._idle.clear()
        sound = tone(seconds, 200)
        for start in range(0, len(sound), 480):
            part = sound[start : start + 480]
            self._queue.put_nowait(rtc.AudioFrame(part.tobytes(), 24_000, 1, len(part)))

    async def __anext__(self) -> rtc.AudioFrame:
        if self._queue.empty():
            self._idle.set()
        return await self._queue.get()

    async def said(self) -> None:
        await self._idle.wait()


class Finder(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    @function_tool
    async def find(self) -> str:
        """Finds it."""
        return "behind you"


@asynccontextmanager
async def plain(
    server: ScriptedServer, options: Continuity | None = None
) -> AsyncIterator[tuple[AgentSession[Any], Mouth, Ear, ContinuousModel]]:
    async with server, aiohttp.ClientSession() as http:
        wrapped = openai.realtime(base_url=server.base_url, api_key="test", http_session=http)
        model = ContinuousModel(wrapped, options, breakers=Breakers())
        session: AgentSession[Any] = AgentSession(llm=model, turn_detection="manual", vad=None)
        mouth, ear = Mouth(), Ear()
        session.input.audio, session.output.audio = mouth, ear
        await session.start(Finder())
        try:
            yield session, mouth, ear, model
        finally:
            await session.aclose()
            await model.aclose()


def said(session: AgentSession[Any]) -> list[tuple[str, str]]:
    return [(i.role, i.text_content or "") for i in session.history.items if i.type == "message"]


async def turn(session: AgentSession[Any], mouth: Mouth, lines: int) -> None:
    """A turn of the person's, to the end of the answer."""
    added = asyncio.Event()
    session.on("conversation_item_added", lambda _: added.set())
    mouth.say(0.6)
    await mouth.said()
    session.commit_user_turn()
    async with asyncio.timeout(15):
        while len(said(session)) < lines:
            added.clear()
            await added.wait()


async def test_turns_tools_and_cuts_as_with_any_model() -> None:
    script = [
        Say("Hello."),
        Say(tools=[("find", "{}")]),
        Say("It is behind you."),
        Say("This one is cut in the midst", tone(2.0), fault="drop"),
        Say("but goes on."),
        Say("Goodbye."),
    ]
    words = ["hello", "where is it", "tell me", "bye"]
    async with plain(ScriptedServer(script, transcripts=words)) as (session, mouth, ear, model):
        await turn(session, mouth, 2)
        await turn(session, mouth, 4)
        await turn(session, mouth, 7)
        await turn(session, mouth, 9)
        lines = said(session)
        assert [text for role, text in lines if role == "user"] == words
        answers = [text.strip() for role, text in lines if role == "assistant"]
        assert answers[:2] == ["Hello.", "It is behind you."]
        assert "This one is cut in the midst".startswith(answers[2])
        assert answers[3:] == ["but goes on.", "Goodbye."]
        assert model.counters.failovers == 1
        assert ear.heard_s > 1.0


async def test_a_call_over_several_caps() -> None:
    server = ScriptedServer([Say("Yes.")], repeat_last=True, transcripts=["x"] * 40, session_limit_s=6.0)
    async with plain(server, Continuity(session_cap_s=6)) as (session, mouth, _, model):
        count = 0
        async with asyncio.timeout(60):
            while model.counters.handoffs < 2:
                count += 1
                await turn(session, mouth, 2 * count)
                await asyncio.sleep(0.5)
        assert said(session) == [("user", "x"), ("assistant", "Yes.")] * count
        assert model.counters.failovers == 0
        assert len(server.requests) == count
