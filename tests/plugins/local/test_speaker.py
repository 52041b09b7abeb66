from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.local.engines import BrainRequest, NextMessage, TextDelta, ToolRequest
from antiphon.plugins.local.speaker import Words, pieces, reply

REQUEST = BrainRequest("", [])


class Brain:
    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts
        self.closed = False

    async def reply(self, request: BrainRequest) -> AsyncGenerator[Any, None]:
        try:
            for part in self.parts:
                await asyncio.sleep(0)
                yield TextDelta(part) if isinstance(part, str) else part
        finally:
            self.closed = True


class Voice:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.closed = 0

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[np.ndarray, None]:
        self.said.append(text)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
                yield np.zeros(2400, np.int16)
        finally:
            self.closed += 1


@given(st.lists(st.text(alphabet="ab ,.;!?\n", max_size=60), max_size=20))
def test_no_text_is_lost_or_added(deltas: list[str]) -> None:
    async def run() -> list[str]:
        return [part async for part in pieces(Brain(list(deltas)), REQUEST) if isinstance(part, str)]

    assert "".join(asyncio.run(run())) == "".join(deltas)


async def test_the_first_clause_comes_before_the_sentence_is_over() -> None:
    text = "This is a first clause of some length, and here is the rest of the sentence. Then more."
    parts = [part async for part in pieces(Brain([w + " " for w in text.split()]), REQUEST)]
    assert parts[0] == "This is a first clause of some length, "
    assert len(parts) == 3


async def test_words_come_before_their_sound_and_tools_in_their_place() -> None:
    voice = Voice()
    brain = Brain(["Yes. ", ToolRequest("look", "{}"), NextMessage(), "Done."])
    got = [
        part if not isinstance(part, np.ndarray) else "sound"
        async for part in reply(brain, voice, REQUEST, audio=True, voice_name="x", speed=100)
    ]
    assert got == [
        Words("Yes. "),
        *["sound"] * 3,
        ToolRequest("look", "{}"),
        NextMessage(),
        Words("Done."),
        *["sound"] * 3,
    ]


async def test_in_text_nothing_is_spoken() -> None:
    voice = Voice()
    got = [p async for p in reply(Brain(["Hi."]), voice, REQUEST, audio=False, voice_name="x", speed=1)]
    assert got == [Words("Hi.")]
    assert voice.said == []


async def test_stopping_stops_brain_and_voice() -> None:
    brain, voice = Brain(["One. ", "Two. "]), Voice()
    stream = reply(brain, voice, REQUEST, audio=True, voice_name="x", speed=100)
    await anext(stream)
    await anext(stream)
    await stream.aclose()
    assert brain.closed
    assert voice.closed == 1
