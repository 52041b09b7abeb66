"""Checks of an adapter of this protocol, over a scripted server whose faults are part of the script.

What a model from outside cannot be made to do on demand: two messages in one reply, transcripts out of
order, an expired session, a cut line, an account without quota. The adapter is any `llm.RealtimeModel`
that can be pointed at an address.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from livekit.agents import llm

from antiphon.plugins.local.testing import Say, ScriptedServer
from antiphon.workers.conformance.model_subject import ModelSubject, Open, read
from antiphon.workers.conformance.result import Check, Failure, expect
from antiphon.workers.conformance.speech import question

__all__ = ["FAULT_CHECKS", "AdapterSubject"]

_RECOVERY_S = 30.0  # s for an adapter to have a session again; chosen: livekit's tries four times


@dataclass(frozen=True, slots=True)
class AdapterSubject:
    """An adapter to check."""

    make: Callable[[str], llm.RealtimeModel]
    """Makes a model that talks to a base address such as ``http://127.0.0.1:1234/v1``."""
    realtime_audio: bool = False
    """Whether audio must be pushed at the pace of speech, as over WebRTC."""
    wait_s: float = 20.0
    """Longest wait for what is told unasked, such as a transcript, s; chosen."""

    @asynccontextmanager
    async def over(self, script: Sequence[Say], **options: Any) -> AsyncIterator[tuple[ScriptedServer, Open]]:
        """A session over a server that follows a script."""
        async with ScriptedServer(script, **options) as server:
            subject = ModelSubject(lambda: self.make(server.base_url), self.realtime_audio)
            async with subject.open() as opened:
                yield server, opened


async def messages(subject: AdapterSubject) -> str:
    """13: two messages of one reply are two, in order, both with their sound."""
    async with subject.over([Say("One moment.", then=[Say("It is nine.")])]) as (_, opened):
        found = await opened.reply("Go.")
        expect(found.messages == ["One moment.", "It is nine."], f"the messages are {found.messages}")
        want = 0.06 * len("One moment.It is nine.")  # the script's voice: 60 ms a character
        expect(abs(found.audio_s - want) < 0.3, f"{found.audio_s:.2f} s of sound where {want:.2f} were sent")
        opened.expect_no_errors()
    return "two messages, both spoken"


async def late_transcripts(subject: AdapterSubject) -> str:
    """8: transcripts that come late and in another order are put to their own turns, once."""
    script, heard = [Say("One."), Say("Two.")], ["First turn.", "Second turn."]
    async with subject.over(script, transcripts=heard, hear_s=[1.5, 0.0], await_ears=False) as (_, opened):
        told: list[tuple[str, str]] = []
        both = asyncio.Event()

        def final(event: llm.InputTranscriptionCompleted) -> None:
            if event.is_final:
                told.append((event.item_id, event.transcript))
                if len(told) == 2:
                    both.set()

        opened.session.on("input_audio_transcription_completed", final)
        for _ in script:
            await opened.speak(question()[:24_000])
            opened.session.commit_audio()
            await opened.reply()
        try:
            async with asyncio.timeout(subject.wait_s):
                await both.wait()
        except TimeoutError:
            raise Failure(f"of two transcripts {len(told)} came within {subject.wait_s:g} s") from None
        users = [item for item in opened.session.chat_ctx.messages() if item.role == "user"]
        found = [item.text_content for item in users]
        expect(found == heard, f"the turns read {found}, spoken were {heard}")
        expect(dict(told) == {item.id: item.text_content for item in users}, f"told were {told}")
        opened.expect_no_errors()
    return f"told as {[text for _, text in told]}, kept in order"


async def truncation(subject: AdapterSubject) -> str:
    """9: what is told of a cut is no more than was received."""
    async with subject.over([Say("word " * 120), Say("Yes.")]) as (server, opened):
        event = await opened.generate("Go.")
        async with asyncio.timeout(20):
            message = await anext(aiter(event.message_stream))
            heard_s = 0.0
            async for frame in message.audio_stream:
                heard_s += frame.duration
                if heard_s >= 0.5:
                    break
        opened.session.interrupt()
        opened.session.truncate(
            message_id=message.message_id,
            modalities=await message.modalities,
            audio_end_ms=round(heard_s * 1000),
            audio_transcript="word word",
        )
        await server.wait_for("conversation.item.truncated", timeout=10)
        found = await opened.reply("Go on.")
        expect(found.messages == ["Yes."], f"the next reply reads {found.messages}")
        refused = [
            e for e in server.events("error", "s") if "Cancellation" not in e.event["error"]["message"]
        ]
        expect(not refused, f"the server refused: {[e.event['error']['message'] for e in refused]}")
        told = server.events("conversation.item.truncated", "s")[0].event["audio_end_ms"]
        expect(told > 0, f"truncated at {told} ms")
    return f"cut at {told} ms"


async def benign(subject: AdapterSubject) -> str:
    """14: an error event that changes nothing does not make the session deaf."""
    async with subject.over([Say("Still here.", fault="error"), Say("And again.")]) as (_, opened):
        for want in ("Still here.", "And again."):
            found = await opened.reply("Go.")
            expect(found.messages == [want], f"the reply reads {found.messages}")
        fatal = [str(error.error) for error in opened.errors if not error.recoverable]
        expect(not fatal, f"the session was given up: {fatal}")
    return "two replies"


async def expired(subject: AdapterSubject) -> str:
    """14: after ``session_expired`` there is a new session that knows the conversation."""
    return await _survives(subject, "expire")


async def dropped(subject: AdapterSubject) -> str:
    """14: after a cut line there is a new session that knows the conversation."""
    return await _survives(subject, "drop")


async def _survives(subject: AdapterSubject, fault: Any) -> str:
    script = [Say("Good day."), Say("This one is cut off " * 6, fault=fault), Say("Here again.")]
    async with subject.over(script, repeat_last=True) as (server, opened):
        await opened.type("My name is Anna.")
        await opened.reply()
        cut = await opened.generate("Go on.")
        await read(cut)  # its streams are closed, whatever became of it
        found = await _until_answered(opened)
        expect("Here again." in found, f"the reply afterwards reads {found!r}")
        created = server.events("session.created", "s")
        expect(len(created) >= 2, "there was no second session")
        second = created[-1].session
        items = [
            record.event["item"]
            for record in server.events("conversation.item.create", "c")
            if record.session == second
        ]
        said = [part.get("text", "") for item in items for part in item.get("content", [])]
        expect("My name is Anna." in said, f"the new session was told {said}")
        kinds = {part["type"] for item in items for part in item.get("content", [])}
        expect(not kinds & {"output_audio", "audio"}, f"the new session was given sound: {kinds}")
        update = [r for r in server.events("session.update", "c") if r.session == second]
        expect(any("instructions" in r.event["session"] for r in update), "it was not given the instructions")
        fatal = [str(error.error) for error in opened.errors if not error.recoverable]
        expect(not fatal, f"the session was given up: {fatal}")
    return f"{len(created)} sessions, the conversation was told again"


async def _until_answered(opened: Open) -> str:
    """The next reply; refused while the adapter is without a session, it is asked for again."""
    refused = ""
    try:
        async with asyncio.timeout(_RECOVERY_S):
            while True:
                try:
                    found = await opened.reply("Are you there?")
                except llm.RealtimeError as error:
                    refused = str(error)
                else:
                    if found.messages:
                        return " ".join(found.messages)
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise Failure(f"no reply within {_RECOVERY_S:g} s of the fault; last {refused!r}") from None


async def quota(subject: AdapterSubject) -> str:
    """14: an account without quota is given up at once, with the reason."""
    script = [Say(fault="fail", code="insufficient_quota")]
    async with subject.over(script, repeat_last=True) as (server, opened):
        told = asyncio.Event()
        opened.session.on("error", lambda error: None if error.recoverable else told.set())
        try:
            await opened.reply("Go.")
        except llm.RealtimeError:
            pass  # refused, as it may be; what counts is what is reported
        try:
            async with asyncio.timeout(subject.wait_s):
                await told.wait()
        except TimeoutError:
            raise Failure(
                f"no error with recoverable=False came, but {[str(e.error) for e in opened.errors]}"
            ) from None
        connections = len(server.events("session.created", "s"))
        await asyncio.sleep(2.0)  # a retry would come in this time
        now = len(server.events("session.created", "s"))
        expect(now == connections, f"it connected {now - connections} times more")
        fatal = next(error for error in opened.errors if not error.recoverable)
    return f"given up: {type(fatal.error).__name__}"


FAULT_CHECKS: tuple[Check[AdapterSubject], ...] = (
    Check("8 late transcripts", late_transcripts),
    Check("9 truncation", truncation),
    Check("13 two messages", messages),
    Check("14 benign error", benign),
    Check("14 session expired", expired),
    Check("14 line cut", dropped),
    Check("14 no quota", quota),
)
