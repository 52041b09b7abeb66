"""Whole calls whose model is reached over WebRTC: a real room, real peers, real sound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.plugins import openai
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply
from antiphon.workers.bench.harness import ear

pytestmark = pytest.mark.sfu
WORDS = "one two three four five six seven eight nine ten eleven twelve"


@pytest.fixture
def open_webrtc(open_call: Any) -> Any:
    """As ``open_call``, with the model over WebRTC."""

    @asynccontextmanager
    async def opened(
        script: list[Say], *, peer: str = "aiortc", transcripts: list[str] | None = None, **options: Any
    ) -> AsyncIterator[Any]:
        server = ScriptedServer(script, repeat_last=True, transcripts=transcripts or [])
        async with server:
            model = openai.realtime(base_url=server.base_url, api_key="test", transport="webrtc", peer=peer)
            async with open_call(model=server, session_options={"llm": model}, **options) as call:
                yield call
            await model.aclose()

    return opened


@pytest.mark.parametrize("peer", ["aiortc", "wrtc"])
async def test_a_question_is_answered_with_a_tool_call(
    open_webrtc: Any, question: NDArray[np.int16], weatherman: Any, peer: str
) -> None:
    agent = weatherman
    script = [Say(tools=[("weather", '{"city": "Paris"}')]), Say("It is sunny in Paris.", chirp_reply(3.0))]
    heard = ["What is the weather in Paris?"]
    async with open_webrtc(script, agent=agent, transcripts=heard, peer=peer) as call:
        await call.asked(question)
        assert agent.asked == ["Paris"]
        assert await call.until(lambda: any("sunny" in line.text for line in call.caller.lines))
        assert await call.until(lambda: any("weather in Paris?" in line.text for line in call.caller.lines))
        assert await call.until(lambda: bool(call.session.timeline.of(tl.PlayoutEnded)))
        (ended,) = call.session.timeline.of(tl.PlayoutEnded)
        assert not ended.interrupted
        assert call.errors == []


async def test_an_interruption_silences_and_cuts_the_models_memory_to_what_was_heard(
    open_webrtc: Any, question: NDArray[np.int16], interruption: NDArray[np.int16]
) -> None:
    async with open_webrtc([Say(WORDS, chirp_reply())]) as call:
        await call.asked(question)
        await asyncio.sleep(1.5)
        played = await call.caller.play(interruption)
        cut = await call.model.wait_for("conversation.item.truncated", timeout=5)
        assert cut is not None
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Yield)))
        (yielded,) = call.session.timeline.of(tl.Yield)
        await asyncio.sleep(1.5)
        heard = ear(call.caller, played.onset_at - 1.0, time.monotonic())
        silent = heard.gone(played.onset_at)
        assert silent is not None
        assert silent - played.onset_at < 1.0
        position = heard.position_at_end(silent)
        assert position is not None
        kept = [
            record.event["audio_end_ms"] for record in call.model.events("conversation.item.truncated", "s")
        ]
        assert kept[-1] / 1000 == pytest.approx(position, abs=0.15)
        assert yielded.heard_ms / 1000 == pytest.approx(position, abs=0.15)
        assert call.model.events("output_audio_buffer.clear", "c")
