from __future__ import annotations

import asyncio
from typing import Any

from livekit import rtc
from livekit.agents import llm
from livekit.agents.utils import aio

from antiphon.plugins.continuity.pacing import Pace
from antiphon.plugins.continuity.reply import Reply, Request, Said


def made(**kept: list[Any]) -> Reply:
    said = kept.get("said", [])
    return Reply(
        "r",
        Request(),
        1,
        Pace(),
        moved=lambda _: None,
        said=lambda _, one: said.append((one.text, round(one.audio_s, 2))),
        called=lambda _, call: kept.get("called", []).append(call.name),
    )


class Stream:
    """A session's reply, by hand."""

    def __init__(self, modalities: list[str]) -> None:
        self.text: aio.Chan[str] = aio.Chan()
        self.audio: aio.Chan[rtc.AudioFrame] = aio.Chan()
        self.messages: aio.Chan[llm.MessageGeneration] = aio.Chan()
        self.calls: aio.Chan[llm.FunctionCall] = aio.Chan()
        known: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        known.set_result(modalities)
        self.message = llm.MessageGeneration("m1", self.text, self.audio, known)
        self.event = llm.GenerationCreatedEvent(
            self.messages, self.calls, user_initiated=False, response_id="x"
        )

    def close(self) -> None:
        for channel in (self.text, self.audio, self.messages, self.calls):
            channel.close()


def frame(seconds: float) -> rtc.AudioFrame:
    return rtc.AudioFrame(bytes(round(seconds * 24_000) * 2), 24_000, 1, round(seconds * 24_000))


async def rest(stream: Any) -> list[Any]:
    return [one async for one in stream]


async def test_a_message_is_passed_on_with_its_first_sound_and_its_words_with_theirs() -> None:
    said: list[Any] = []
    reply, stream = made(said=said), Stream(["audio", "text"])
    mine = reply.made(stream.event)
    assert mine.user_initiated
    assert mine.response_id == "x"
    taking = asyncio.ensure_future(reply.take(stream.event, 1))
    stream.messages.send_nowait(stream.message)
    stream.text.send_nowait("one two three four five six seven")
    for _ in range(5):
        await asyncio.sleep(0)
    assert not reply.passed
    stream.audio.send_nowait(frame(1.0))
    message = await mine.message_stream.__aiter__().__anext__()
    assert reply.passed
    reply.cut = True  # the session is lost before the rest of the sound
    stream.close()
    await taking
    reply.close()
    assert "".join(await rest(message.text_stream)) == "one two three "
    assert len(await rest(message.audio_stream)) == 1
    assert reply.unfinished == Said("m1", 1, False, "one two three ", 1.0)
    assert said[-1] == ("one two three ", 1.0)


async def test_a_message_of_which_nothing_came_leaves_no_trace() -> None:
    reply, stream = made(), Stream(["audio", "text"])
    mine = reply.made(stream.event)
    stream.messages.send_nowait(stream.message)
    stream.text.send_nowait("words without sound")
    reply.cut = True
    stream.close()
    await reply.take(stream.event, 1)
    assert not reply.passed
    again = Stream(["audio", "text"])
    again.messages.send_nowait(again.message)
    again.text.send_nowait("whole")
    again.audio.send_nowait(frame(0.5))
    again.close()
    reply.cut = False
    await reply.take(again.event, 2)
    reply.close()
    (message,) = await rest(mine.message_stream)
    assert "".join(await rest(message.text_stream)) == "whole"
    assert reply.messages[0].complete
    assert reply.unfinished is None


async def test_a_reply_in_text_alone_is_not_held_back() -> None:
    reply, stream = made(), Stream(["text"])
    mine = reply.made(stream.event)
    stream.messages.send_nowait(stream.message)
    stream.text.send_nowait("only text")
    stream.close()
    await reply.take(stream.event, 1)
    reply.close()
    (message,) = await rest(mine.message_stream)
    assert await message.modalities == ["text"]
    assert await rest(message.text_stream) == ["only text"]


async def test_tool_calls_are_passed_on_and_counted() -> None:
    called: list[str] = []
    reply, stream = made(called=called), Stream(["audio"])
    mine = reply.made(stream.event)
    stream.calls.send_nowait(llm.FunctionCall(call_id="c", name="look", arguments="{}"))
    stream.close()
    await reply.take(stream.event, 1)
    reply.close()
    assert [call.name for call in await rest(mine.function_stream)] == called == ["look"]
    assert reply.passed
