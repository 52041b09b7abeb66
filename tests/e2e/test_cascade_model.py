"""A cascade as a realtime model, in a room: answered, interrupted, and cut to what was heard."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit.agents import AgentServer
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.plugins.cascade import local_cascade
from antiphon.workers.appfile import load_app
from tests.plugins.cascade.rig import Brain, Ears, cascade, words

ROOT = Path(__file__).parents[2]
LONG = " ".join(f"This is sentence number {n} of the story." for n in ("one", "two", "three", "four", "five"))


@pytest.mark.sfu
async def test_it_is_interrupted_and_remembers_what_was_heard(
    open_call: Any, question: NDArray[np.int16], interruption: NDArray[np.int16]
) -> None:
    brain = Brain([words(LONG), words("As you wish.")])
    model = cascade(Ears(["Tell me a story.", "Hang on a second."]), brain)
    async with open_call(session_options={"llm": model}) as call:
        await call.asked(question)
        await asyncio.sleep(2.0)
        await call.caller.play(interruption)
        assert await call.until(lambda: len(brain.requests) == 2)
        (cut,) = call.session.timeline.of(tl.Truncation)
        texts = [
            item["content"][0]["text"] for item in brain.requests[1].items if item.get("role") == "assistant"
        ]
        assert len(texts) == 1
        assert LONG.startswith(texts[0])
        said_ms = 50 * len(texts[0])  # the voice takes 50 ms a character
        assert abs(said_ms - cut.audio_end_ms) < 50 * len("number ")
        users = [item for item in brain.requests[1].items if item.get("role") == "user"]
        assert [user["content"][0]["text"] for user in users] == ["Tell me a story.", "Hang on a second."]
        assert not call.errors


@pytest.mark.sfu
@pytest.mark.weights
async def test_the_example_answers_with_its_tool(open_call: Any, question: NDArray[np.int16]) -> None:
    import sys

    assert isinstance(load_app(str(ROOT / "examples" / "cascade.py")), AgentServer)
    example = sys.modules["cascade"]
    model = local_cascade()
    await model.warm_up()
    try:
        async with open_call(agent=example.Concierge(), session_options={"llm": model}) as call:
            await call.asked(question)
            assert await call.until(lambda: any("degrees" in line.text for line in call.caller.lines))
            assert [tool.name for tool in call.session.timeline.of(tl.ToolCall)] == ["weather"]
            assert not call.errors
    finally:
        await model.aclose()
