"""Checks of any `llm.RealtimeModel`, by what livekit-agents asks of one: the gate, and what goes with it.

The model is driven as `AgentSession` drives it, never by its wire, so an adapter of any provider can be
put to them. Replies are asked for by instructions; nothing depends on their words.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from livekit.agents import llm

from antiphon.workers.conformance.model_subject import REPLY_S, ModelSubject, read
from antiphon.workers.conformance.result import Check, Failure, NotApplicable, expect
from antiphon.workers.conformance.speech import question, silence

__all__ = ["MODEL_CHECKS"]

_SHORT = 'Say exactly: "All is well."'
_LONG = "Count from one to sixty, slowly, in words."


@llm.function_tool
async def look_up(what: str) -> str:
    """Looks something up.

    Args:
        what: What to look up.
    """
    return what


async def context(subject: ModelSubject) -> str:
    """gate: what is put into the conversation is in it, in order; what is taken out is not."""
    async with subject.open() as opened:
        if not opened.model.capabilities.mutable_chat_context:
            raise NotApplicable("the model's conversation cannot be changed (mutable_chat_context is False)")
        wanted = llm.ChatContext.empty()
        for role, text in (("user", "Hello."), ("assistant", "Good day."), ("user", "I am Anna.")):
            wanted.add_message(role=role, content=text)  # type: ignore[arg-type]
        await opened.session.update_chat_ctx(wanted)
        have = [(item.role, item.text_content) for item in opened.session.chat_ctx.messages()]
        want = [(item.role, item.text_content) for item in wanted.messages()]
        expect(have == want, f"the conversation is {have}")
        del wanted.items[1]
        await opened.session.update_chat_ctx(wanted)
        have = [(item.role, item.text_content) for item in opened.session.chat_ctx.messages()]
        expect(have == [want[0], want[2]], f"after a deletion the conversation is {have}")
        opened.expect_no_errors()
    return "three in, one out, in order"


async def reply(subject: ModelSubject) -> str:
    """gate: a reply that is asked for comes, with words and sound, and ends."""
    async with subject.open() as opened:
        seen: list[llm.GenerationCreatedEvent] = []
        opened.session.on("generation_created", seen.append)
        event = await opened.generate(_SHORT)
        expect(event.user_initiated, "the generation is not marked as asked for")
        expect(len(seen) == 1, f"generation_created was emitted {len(seen)} times")
        found = await read(event)
        expect("".join(found.messages).strip(), "the reply has no words")
        if opened.model.capabilities.audio_output:
            expect(found.audio_s > 0.2, f"the reply has {found.audio_s:.2f} s of sound")
        opened.expect_no_errors()
    return f"{found.audio_s:.1f} s of sound"


async def measured(subject: ModelSubject) -> str:
    """gate: what a reply cost is told."""
    async with subject.open() as opened:
        told: asyncio.Queue[Any] = asyncio.Queue()
        opened.session.on("metrics_collected", told.put_nowait)
        await opened.reply(_SHORT)
        kinds: list[str] = []
        try:
            async with asyncio.timeout(subject.wait_s):
                while "realtime_model_metrics" not in kinds or kinds[-1] != "realtime_model_metrics":
                    metrics = await told.get()
                    if getattr(metrics, "request_id", ""):  # one without is of the connection
                        kinds.append(metrics.type)
        except TimeoutError:
            raise Failure(f"no realtime_model_metrics of the reply came, but {kinds}") from None
    return "metrics_collected"


async def turn(subject: ModelSubject) -> str:
    """7: a spoken turn is answered, its words are told once; less than 100 ms is no turn."""
    async with subject.open() as opened:
        if opened.session.capabilities.turn_detection:
            raise NotApplicable("the model decides itself when a turn is over")
        told: list[llm.InputTranscriptionCompleted] = []
        arrived = asyncio.Event()

        def heard(event: llm.InputTranscriptionCompleted) -> None:
            if event.is_final:
                told.append(event)
                arrived.set()

        opened.session.on("input_audio_transcription_completed", heard)
        await opened.speak(silence(0.06))
        opened.session.commit_audio()
        opened.session.clear_audio()
        await opened.speak(question())
        opened.session.commit_audio()
        found = await opened.reply()
        expect(found.messages or found.calls, "the turn was not answered")
        if opened.model.capabilities.user_transcription:
            try:
                async with asyncio.timeout(subject.wait_s):
                    await arrived.wait()
            except TimeoutError:
                raise Failure(f"no transcript of the turn came within {subject.wait_s:g} s") from None
            expect(len(told) == 1, f"{len(told)} transcripts came for one turn")
            expect(opened.text(told[0].item_id) is not None, "the turn is not in the conversation")
        opened.expect_no_errors()
    return f"heard {told[0].transcript!r}" if told else "answered"


async def barge_in(subject: ModelSubject) -> str:
    """9: an interrupted reply ends, is cut to what was heard, and the next has nothing of it."""
    async with subject.open() as opened:
        await opened.type(_LONG)
        event = await opened.generate()
        async with asyncio.timeout(REPLY_S):
            message = await anext(aiter(event.message_stream))
            heard_s = 0.0
            async for frame in message.audio_stream:
                heard_s += frame.duration
                if heard_s >= 0.3:
                    break
        opened.session.interrupt()
        try:
            async with asyncio.timeout(5):
                async for _ in message.audio_stream:
                    pass
                whole = "".join([str(part) async for part in message.text_stream])
        except TimeoutError:
            raise Failure("the interrupted reply's streams were not closed within 5 s") from None
        if opened.model.capabilities.message_truncation:
            opened.session.truncate(
                message_id=message.message_id,
                modalities=await message.modalities,
                audio_end_ms=round(heard_s * 1000),
                audio_transcript=" ".join(whole.split()[:1]),
            )
        found = await opened.reply(_SHORT)
        expect(found.messages, "there was no reply after the interruption")
        opened.expect_no_errors()
    return f"ended after {heard_s:.2f} s heard; the next reply is whole"


async def idle_interrupt(subject: ModelSubject) -> str:
    """11: an interruption when nothing is said changes nothing."""
    async with subject.open() as opened:
        opened.session.interrupt()
        opened.session.clear_audio()
        expect((await opened.reply(_SHORT)).messages, "there was no reply after an idle interruption")
        opened.session.interrupt()
        expect((await opened.reply(_SHORT)).messages, "there was no second reply")
        opened.expect_no_errors()
    return "harmless before and after a reply"


async def cancelled_early(subject: ModelSubject) -> str:
    """11: a reply that is cancelled before it begins is not heard, and the next one is."""
    async with subject.open() as opened:
        future = opened.session.generate_reply(instructions=_LONG)
        if future.done():
            (await future, opened.session.interrupt())
        else:
            future.cancel()
        surfaced: list[llm.GenerationCreatedEvent] = []
        opened.session.on("generation_created", surfaced.append)
        try:
            found = await opened.reply(_SHORT)
        except llm.RealtimeError as error:
            # The provider may hold on to the first for a moment: it must say so, and then let go.
            expect(error.code == "conversation_already_has_active_response", f"refused with {error}")
            opened.errors.clear()
            await asyncio.sleep(1.0)
            found = await opened.reply(_SHORT)
        expect(found.messages, "there was no reply after a cancelled one")
        expect(len(surfaced) == 1, f"{len(surfaced)} generations surfaced where one was left")
        opened.expect_no_errors()
    return "nothing of it surfaced"


async def two_at_once(subject: ModelSubject) -> str:
    """11: of two replies asked for at once, the first comes whole, and the second comes or is refused."""
    async with subject.open() as opened:
        first = opened.session.generate_reply(instructions=_SHORT)
        second = opened.session.generate_reply(instructions=_SHORT)
        async with asyncio.timeout(REPLY_S):
            found = await read(await first)
            expect(found.messages, "the first reply has no words")
            try:
                await read(await second)
                outcome = "both came"
            except llm.RealtimeError as error:
                outcome = f"the second was refused: {error}"
        opened.errors.clear()  # a refusal is reported as an error, too
        expect((await opened.reply(_SHORT)).messages, "there was no reply afterwards")
    return outcome


async def functions(subject: ModelSubject) -> str:
    """12: a tool is called with arguments that are JSON, and its outcome is answered."""
    async with subject.open() as opened:
        capabilities = opened.model.capabilities
        if not capabilities.mutable_tools:
            raise NotApplicable("the model's tools cannot be changed (mutable_tools is False)")
        await opened.session.update_tools([look_up])
        expect("look_up" in opened.session.tools.function_tools, "the tool is not among the session's")
        await opened.type("Look up the moon, please.")
        required = {"tool_choice": "required"} if capabilities.per_response_tool_choice else {}
        found = await opened.reply(**required)
        expect(found.calls, f"no call came, but {found.messages}")
        call = found.calls[0]
        expect(call.name == "look_up", f"a call of {call.name!r}")
        expect(isinstance(json.loads(call.arguments), dict), "the arguments are no JSON object")
        chat = opened.session.chat_ctx.copy()
        for made in found.calls:
            chat.items.append(
                llm.FunctionCallOutput(
                    name=made.name, call_id=made.call_id, output="The moon is far.", is_error=False
                )
            )
        await opened.session.update_chat_ctx(chat)
        if not capabilities.auto_tool_reply_generation:
            choice = {"tool_choice": "none"} if capabilities.per_response_tool_choice else {}
            answer = await opened.reply(**choice)
            expect(answer.messages, "the outcome was not answered")
            expect(not answer.calls, "the outcome was answered by another call")
        opened.expect_no_errors()
    return f"{len(found.calls)} call(s), answered"


async def tools_of_a_reply(subject: ModelSubject) -> str:
    """12: a reply's own tools hold for it alone."""
    async with subject.open() as opened:
        if not opened.model.capabilities.per_response_tool_choice:
            raise NotApplicable("tools cannot be given for one reply (per_response_tool_choice is False)")
        await opened.type("Look up the moon, please.")
        found = await opened.reply(tools=[look_up], tool_choice="required")
        expect([call.name for call in found.calls] == ["look_up"], f"calls: {found.calls}")
        expect(not opened.session.tools.function_tools, "they were kept for the session")
        opened.expect_no_errors()
    return "called, not kept"


async def say(subject: ModelSubject) -> str:
    """gate: a text of the application's is spoken as it is."""
    async with subject.open() as opened:
        if not opened.model.capabilities.supports_say:
            raise NotApplicable("supports_say is False")
        async with asyncio.timeout(REPLY_S):
            found = await read(await opened.session.say("One moment, please."))
        words = "".join(found.messages).strip()
        expect(words == "One moment, please.", f"said: {words!r}")
        expect(found.audio_s > 0.2, f"{found.audio_s:.2f} s of sound")
    return "word for word"


async def close(subject: ModelSubject) -> str:
    """14: a session that is closed amid a reply ends, with all its tasks."""
    before = asyncio.all_tasks()
    async with subject.open() as opened:
        event = await opened.generate(_LONG)
        async with asyncio.timeout(REPLY_S):
            message = await anext(aiter(event.message_stream))
            await anext(aiter(message.audio_stream))
    async with asyncio.timeout(5):
        async for _ in message.audio_stream:
            pass
    for _ in range(50):
        left = [task for task in asyncio.all_tasks() - before if not task.done() and _counts(task)]
        if not left:
            return "streams closed, no task left"
        await asyncio.sleep(0.02)
    raise Failure(f"tasks left: {[task.get_name() for task in left]}")


def _counts(task: asyncio.Task[Any]) -> bool:
    """Whether a task would be the model's: those of shared native libraries are not."""
    name = getattr(task.get_coro(), "__qualname__", "")
    return not any(part in name for part in ("FfiQueue", "_ffi", "RequestHandler", "Connector"))


MODEL_CHECKS: tuple[Check[ModelSubject], ...] = (
    Check("gate conversation", context),
    Check("gate reply", reply),
    Check("gate metrics", measured),
    Check("gate say", say),
    Check("7 spoken turn", turn),
    Check("9 barge-in", barge_in),
    Check("11 idle interruption", idle_interrupt),
    Check("11 cancelled before it begins", cancelled_early),
    Check("11 two at once", two_at_once),
    Check("12 functions", functions),
    Check("12 tools of one reply", tools_of_a_reply),
    Check("14 closed amid a reply", close),
)
