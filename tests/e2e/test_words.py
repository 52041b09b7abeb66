"""Words that the model transcribes while the person speaks over the agent."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents import TurnTaking
from antiphon.agents import timeline as tl
from antiphon.plugins.judges.transcript import TranscriptJudge
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply

pytestmark = pytest.mark.sfu

PATIENT = TurnTaking(yield_after_s=4.0, decide_s=5.0, resume_quiet_s=2.0, hold_s=10.0)  # no haste
READING = {"judges": (TranscriptJudge(),), "turn_end": None}


async def transcribe(model: ScriptedServer, text: str) -> None:
    """As a model that transcribes while it listens."""
    (session,) = model.sessions
    await session.send(
        {
            "type": "conversation.item.input_audio_transcription.delta",
            "event_id": f"event_{text}",
            "item_id": "item_live",
            "content_index": 0,
            "delta": text,
        }
    )


async def test_words_take_the_floor_before_the_voice_alone_would(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    script = [Say("A long story.", audio=chirp_reply())]
    async with open_call(script, turn_taking=PATIENT, session_options=READING) as call:
        line = call.session.timeline
        speaking = asyncio.create_task(call.caller.play(question))
        assert await call.until(lambda: bool(line.of(tl.Onset)))
        call.session.generate_reply()  # the application speaks up in the person's midst: it is held
        assert await call.until(lambda: bool(line.of(tl.Hold)))
        await transcribe(call.model, "wait")
        assert await call.until(lambda: bool(line.of(tl.Yield)))
        (opinion,) = line.of(tl.Opinion)
        (given_up,) = line.of(tl.Yield)
        assert opinion.judge == "transcript"
        assert opinion.probability is not None
        assert opinion.probability > 0.9
        assert given_up.reason == "turn"
        assert given_up.at - opinion.at < 1.0  # and not after 4 s
        assert line.of(tl.Evidence)[-1].voiced_s > 0
        await speaking


async def test_words_of_a_turn_that_was_committed_are_no_opinion_on_what_is_said_now(
    open_call: Any, question: NDArray[np.int16], interruption: NDArray[np.int16]
) -> None:
    script = [Say("A long story.", audio=chirp_reply())]
    async with open_call(script, turn_taking=PATIENT, session_options=READING) as call:
        line, heard = call.session.timeline, asyncio.Event()
        await call.asked(question)
        speaking = asyncio.create_task(call.caller.play(interruption))
        assert await call.until(lambda: bool(line.of(tl.Hold)))
        call.session.on("user_input_transcribed", lambda event: "stop" in event.transcript and heard.set())
        await transcribe(call.model, "stop that")
        await asyncio.wait_for(heard.wait(), 5)
        assert await call.until(lambda: bool(line.of(tl.Resume)))  # what it was is decided by its length
        assert line.of(tl.Opinion) == []
        assert line.of(tl.Yield) == []
        await speaking
