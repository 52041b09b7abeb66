"""Turns, tools and interruptions, on a real server with real sound."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.plugins.local.testing import Say, chirp_reply
from antiphon.workers.bench.harness import ear

pytestmark = pytest.mark.sfu
WORDS = "one two three four five six seven eight nine ten eleven twelve"


async def test_a_question_is_answered_with_a_tool_call(
    open_call: Any, question: NDArray[np.int16], weatherman: Any
) -> None:
    agent = weatherman
    script = [Say(tools=[("weather", '{"city": "Paris"}')]), Say("It is sunny in Paris.")]
    async with open_call(script, agent=agent, transcripts=["What is the weather in Paris?"]) as call:
        await call.asked(question)
        assert agent.asked == ["Paris"]
        output = next(
            r.event["item"]
            for r in call.model.events("conversation.item.create", "c")
            if r.event["item"]["type"] == "function_call_output"
        )
        assert "sunny in Paris" in output["output"]
        assert await call.until(lambda: any("sunny" in line.text for line in call.caller.lines))
        assert await call.until(lambda: any("weather in Paris?" in line.text for line in call.caller.lines))
        kinds = [type(event) for event in call.session.timeline]
        assert kinds.index(tl.Onset) < kinds.index(tl.Commit) < kinds.index(tl.FirstAudio)
        (tool,) = call.session.timeline.of(tl.ToolCall)
        assert (tool.name, tool.failed) == ("weather", False)


async def test_an_interruption_silences_cancels_and_truncates_to_what_was_heard(
    open_call: Any, question: NDArray[np.int16], interruption: NDArray[np.int16]
) -> None:
    async with open_call([Say(WORDS, chirp_reply())]) as call:
        await call.asked(question)
        await asyncio.sleep(1.5)
        played = await call.caller.play(interruption)
        cut = await call.model.wait_for("conversation.item.truncate", timeout=5)
        (yielded,) = call.session.timeline.of(tl.Yield)
        assert cut.event["audio_end_ms"] == pytest.approx(yielded.heard_ms, abs=1)
        (noted,) = call.session.timeline.of(tl.Truncation)
        assert noted.audio_end_ms == cut.event["audio_end_ms"]
        (ended,) = call.session.timeline.of(tl.PlayoutEnded)
        assert ended.interrupted
        await asyncio.sleep(0.3)
        heard = ear(call.caller, played.onset_at - 1.0, time.monotonic())
        silent = heard.gone(played.onset_at)
        assert silent is not None
        assert silent - played.onset_at < 1.0
        position = heard.position_at_end(silent)
        assert position is not None
        assert cut.event["audio_end_ms"] / 1000 == pytest.approx(position, abs=0.1)
        # The chat context and the page have only what was heard.
        assert await call.until(
            lambda: any(i.type == "message" and i.interrupted for i in call.session.history.items)
        )
        history = call.session.history.items
        said = next(i for i in history if i.type == "message" and i.interrupted)
        assert WORDS.startswith(said.text_content)
        assert 0 < len(said.text_content) < len(WORDS)
        shown = next(line.text for line in call.caller.lines if line.speaker == "agent")
        assert WORDS.startswith(shown.strip())
        assert len(shown) < len(WORDS)
        # The interruption itself is a turn, and is answered.
        await call.model.wait_for("input_audio_buffer.commit", count=2, timeout=5)


async def test_a_hum_over_the_agent_is_held_and_resumed_and_the_model_never_hears_of_it(
    open_call: Any, question: NDArray[np.int16], hum: NDArray[np.int16]
) -> None:
    async with open_call([Say(WORDS, chirp_reply())]) as call:
        await call.asked(question)
        await asyncio.sleep(1.0)
        before = len(call.model.events("input_audio_buffer.append", "c"))
        played = await call.caller.play(hum)
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Resume)))
        await asyncio.sleep(0.6)
        (hold,), (resume,) = call.session.timeline.of(tl.Hold), call.session.timeline.of(tl.Resume)
        assert hold.heard_ms == resume.heard_ms
        assert len(call.model.events("input_audio_buffer.append", "c")) == before
        assert not call.model.events("conversation.item.truncate", "c")
        assert not call.model.events("response.cancel", "c")
        gap = ear(call.caller, played.onset_at - 1.0, time.monotonic()).gap(
            played.onset_at, played.onset_at + 1.5
        )
        assert gap is not None
        assert gap.lost_ms is not None
        assert -60 < gap.lost_ms < 25  # nothing lost, little repeated (docs/figures.md has the figures)


async def test_a_reply_nobody_may_interrupt_is_not_held(
    open_call: Any, interruption: NDArray[np.int16]
) -> None:
    async with open_call([Say(WORDS, chirp_reply(4.0)), Say("Yes?")]) as call:
        handle = call.session.generate_reply(allow_interruptions=False)
        assert await call.until(lambda: call.caller.states[-1][1] == "speaking")
        await call.caller.play(interruption)
        await handle
        assert not call.session.timeline.of(tl.Hold)
        assert not handle.interrupted


async def test_the_application_interrupts(open_call: Any) -> None:
    async with open_call([Say(WORDS, chirp_reply())]) as call:
        handle = call.session.generate_reply()
        assert await call.until(lambda: call.caller.states[-1][1] == "speaking")
        await asyncio.sleep(0.8)
        await call.session.interrupt()
        assert handle.interrupted
        cut = await call.model.wait_for("conversation.item.truncate", timeout=5)
        assert 300 < cut.event["audio_end_ms"] < 3000
        assert call.caller.states[-1][1] == "listening" or await call.until(
            lambda: call.caller.states[-1][1] == "listening"
        )


async def test_a_blocked_application_costs_no_audio_and_no_barge_in(
    open_call: Any, question: NDArray[np.int16], hum: NDArray[np.int16]
) -> None:
    # The caller shares this process and would be blocked too: the media plane's own clock is the witness.
    async with open_call([Say(WORDS, chirp_reply())]) as call:
        await call.asked(question)
        await asyncio.sleep(2.5)  # the whole reply has arrived by then
        media_call = call.session._call
        assert media_call is not None
        before = media_call.heard[1]
        began = time.monotonic()
        time.sleep(1.0)  # noqa: ASYNC251  # the careless tool
        blocked = time.monotonic() - began
        await asyncio.sleep(0.06)
        advanced = (media_call.heard[1] - before) / 24_000
        assert advanced == pytest.approx(blocked + 0.06, abs=0.15)


async def test_two_calls_in_one_process_do_not_touch_each_other(
    open_call: Any, question: NDArray[np.int16], interruption: NDArray[np.int16]
) -> None:
    async with (
        open_call([Say(WORDS, chirp_reply())]) as one,
        open_call([Say("Something else entirely, at some length.", chirp_reply(6.0))]) as other,
    ):
        await asyncio.gather(one.asked(question), other.asked(question))
        await asyncio.sleep(0.8)
        await one.caller.play(interruption)
        assert await one.until(lambda: bool(one.session.timeline.of(tl.Yield)))
        assert not other.session.timeline.of(tl.Hold)
        assert not other.model.events("conversation.item.truncate", "c")
        assert other.caller.states[-1][1] == "speaking"
