"""The semantic judge asks the call's own model while a call is on, and the call does not notice."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents import TurnTaking
from antiphon.agents import timeline as tl
from antiphon.plugins.judges.semantic_realtime import RealtimeSemanticJudge
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply

pytestmark = pytest.mark.sfu

STORY = Say("A long story.", audio=chirp_reply())
WAITING = TurnTaking(judge_s=2.0, yield_after_s=5.0, decide_s=5.0, hold_s=10.0)


@pytest.mark.parametrize(("word", "event"), [("TURN", tl.Yield), ("LISTEN", tl.Resume)])
async def test_its_word_decides_and_the_call_goes_on(
    open_call: Any, question: NDArray[np.int16], interruption: NDArray[np.int16], word: str, event: Any
) -> None:
    async with ScriptedServer([STORY, Say(word), Say("Go on.")], repeat_last=True) as model:
        judge = RealtimeSemanticJudge(model.base_url, model="m", key="test", timeout_s=5.0)
        try:
            options = {"judges": (judge,), "turn_end": None}
            async with open_call(model=model, turn_taking=WAITING, session_options=options) as call:
                await call.asked(question)
                await call.caller.play(interruption)
                assert await call.until(lambda: bool(call.session.timeline.of(event)))
                opinion = call.session.timeline.of(tl.Opinion)[0]
                assert opinion.judge == "semantic"
                assert opinion.probability == (0.92 if word == "TURN" else 0.08)
                # Nobody heard the judge's word, and no conversation holds it.
                assert not any(word in line.text for line in call.caller.lines)
                assert word not in str(call.session.history.to_dict())
                assert call.errors == []
                own = {record.session for record in model.events("input_audio_buffer.append", "c")}
                asked = [
                    record
                    for record in model.events("response.create", "c")
                    if record.event["response"].get("conversation") == "none"
                ]
                assert asked
                assert own.isdisjoint(record.session for record in asked)
        finally:
            await asyncio.to_thread(judge.close)
