"""A caller in place of livekit's `AgentActivity`, a model session that runs on a clock that is moved."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectionError, APIError, llm
from livekit.agents.utils import aio, shortuuid

from antiphon.plugins.continuity import Breakers, Continuity, ContinuousModel, ContinuousSession

RATE = 24_000
_T = TypeVar("_T")


class _Jump(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found:
            assert timeout is not None, "everything waits, and nothing is due"
            self.now += max(timeout, 0.0)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Whose time passes only when everything waits."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


def run_virtual(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def voice(seconds: float, mark: int = 0, frame: int = 480) -> list[rtc.AudioFrame]:
    """A person's speech, frames of 20 ms; with ``mark`` in their first sample, by which the fake knows it."""
    n = round(seconds * RATE)
    sound = (6000 * np.sin(2 * np.pi * 200 * np.arange(n) / RATE)).astype(np.int16)
    sound[::frame] = mark
    return [
        rtc.AudioFrame(sound[i : i + frame].tobytes(), RATE, 1, frame) for i in range(0, n - frame + 1, frame)
    ]


def silence(seconds: float) -> list[rtc.AudioFrame]:
    """20 ms frames."""
    return [rtc.AudioFrame(bytes(960), RATE, 1, 480) for _ in range(round(seconds * 50))]


@dataclass(eq=False)
class FakeModel(llm.RealtimeModel):
    """A provider in memory, whose sessions have a cap.

    A person's turn is the number that marks its audio; a reply to turn 7 says "to 7".
    """

    name: str = "fake"
    cap_s: float = 1e9
    think_s: float = 0.4
    reply_s: float = 4.0
    opens_in_s: float = 0.1
    down: bool = False
    refuses: str = ""
    silent: bool = False
    answered: list[int] = field(default_factory=list)
    sessions: list[FakeSession] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(
            capabilities=llm.RealtimeCapabilities(
                message_truncation=True,
                turn_detection=False,
                user_transcription=True,
                auto_tool_reply_generation=False,
                audio_output=True,
                manual_function_calls=True,
                mutable_chat_context=True,
                mutable_instructions=True,
                mutable_tools=True,
                per_response_tool_choice=True,
            )
        )

    @property
    def model(self) -> str:
        return self.name

    @property
    def provider(self) -> str:
        return "memory"

    def session(self, *, turn_detection_disabled: bool = False) -> FakeSession:
        made = FakeSession(self)
        self.sessions.append(made)
        return made

    async def aclose(self) -> None:
        pass


class FakeSession(llm.RealtimeSession[str]):
    """One of its sessions."""

    def __init__(self, model: FakeModel) -> None:
        super().__init__(model)
        self.fake = model
        self.items: list[llm.ChatItem] = []
        self.instructions = ""
        self.dead = False
        self._buffer: list[rtc.AudioFrame] = []
        self._reply: asyncio.Task[None] | None = None
        self._given = llm.ToolContext.empty()
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers = [
            loop.call_later(model.opens_in_s, self._open),
            loop.call_later(model.cap_s, self.expire),
        ]

    def _open(self) -> None:
        if self.fake.refuses:
            body = {"code": self.fake.refuses, "message": "no", "type": "invalid_request_error"}
            self._fail(APIError("refused", body=body, retryable=False), recoverable=False)
        elif self.fake.down:
            self._fail(APIConnectionError("cannot connect"), recoverable=True)
        elif not self._ready.done():
            self._ready.set_result(None)
            self._report_connection_acquired(self.fake.opens_in_s)

    def expire(self) -> None:
        body = {"code": "session_expired", "message": "60 minutes"}
        self._fail(APIError("expired", body=body), recoverable=True)

    def drop(self) -> None:
        self._fail(APIConnectionError("closed unexpectedly"), recoverable=True)

    def _fail(self, error: Exception, *, recoverable: bool) -> None:
        if not self.dead:
            self.dead = True
            self._stop()
            event = llm.RealtimeModelError(timestamp=0.0, label="fake", error=error, recoverable=recoverable)
            self.emit("error", event)

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        if self._reply is not None:
            self._reply.cancel()

    @property
    def chat_ctx(self) -> llm.ChatContext:
        return llm.ChatContext(list(self.items))

    @property
    def tools(self) -> llm.ToolContext:
        return self._given

    async def update_instructions(self, instructions: str) -> None:
        self.instructions = instructions

    async def update_tools(self, tools: list[llm.Tool]) -> None:
        self._given = llm.ToolContext(tools)

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        await asyncio.shield(self._ready)
        self.items = [item.model_copy() for item in chat_ctx.items]

    def update_options(self, *, tool_choice: Any = None) -> None:
        pass

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        if not self.dead:
            self._buffer.append(frame)

    def push_video(self, frame: rtc.VideoFrame) -> None:
        pass

    def clear_audio(self) -> None:
        self._buffer.clear()

    def commit_audio(self) -> None:
        frames, self._buffer = self._buffer, []
        if self.dead or sum(frame.duration for frame in frames) < 0.1:
            return
        mark = int(np.frombuffer(frames[0].data, np.int16)[0])
        item = llm.ChatMessage(id=shortuuid("user_"), role="user", content=[])
        self._add(item)
        self._spawn(self._write(item, f"turn {mark}"))

    def _add(self, item: llm.ChatItem) -> None:
        after = self.items[-1].id if self.items else None
        self.items.append(item)
        self.emit("remote_item_added", llm.RemoteItemAddedEvent(previous_item_id=after, item=item))

    async def _write(self, item: llm.ChatMessage, text: str) -> None:
        item.content = []
        self.heard = text
        item.content.append(text)
        await asyncio.sleep(0.3)
        if not self.dead:
            event = llm.InputTranscriptionCompleted(item_id=item.id, transcript=text, is_final=True)
            self.emit("input_audio_transcription_completed", event)

    def generate_reply(self, *, instructions: Any = None, **_: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self.dead:
            self._reply = self._spawn(self._make(future, str(instructions or "")))
        return future

    async def _make(self, future: asyncio.Future[Any], instructions: str) -> None:
        await asyncio.sleep(self.fake.think_s)
        if self.fake.silent:
            await asyncio.Event().wait()
        texts: aio.Chan[str] = aio.Chan()
        sounds: aio.Chan[rtc.AudioFrame] = aio.Chan()
        messages: aio.Chan[llm.MessageGeneration] = aio.Chan()
        calls: aio.Chan[llm.FunctionCall] = aio.Chan()
        known: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        known.set_result(["audio", "text"])
        item = llm.ChatMessage(id=shortuuid("agent_"), role="assistant", content=[])
        event = llm.GenerationCreatedEvent(messages, calls, user_initiated=True, response_id=item.id)
        if future.done():
            return
        future.set_result(event)
        self.emit("generation_created", event)
        messages.send_nowait(llm.MessageGeneration(item.id, texts, sounds, known))
        self._add(item)
        last = next(i for i in reversed(self.items) if i.type == "message" and i.role == "user")
        mark = int((last.text_content or "turn 0").split()[-1])
        words = [f"to {mark}", *["word"] * 8] if "Go on" not in instructions else [f"and {mark}", "done"]
        text = ""
        try:
            for n, word in enumerate(words):
                delta = word if n == 0 else f" {word}"
                text += delta
                texts.send_nowait(delta)
                for _ in range(round(self.fake.reply_s / len(words) * 10)):
                    sounds.send_nowait(rtc.AudioFrame(bytes(4800), RATE, 1, 2400))
                await asyncio.sleep(self.fake.reply_s / len(words) / 8)
            item.content.append(text)
            self.fake.answered.append(mark)
        finally:
            for channel in (texts, sounds, messages, calls):
                channel.close()

    def interrupt(self) -> None:
        if self._reply is not None:
            self._reply.cancel()

    def truncate(self, *, message_id: str, **_: Any) -> None:
        pass

    async def aclose(self) -> None:
        self.dead = True
        self._stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


@dataclass
class Heard:
    """What the caller heard of one reply."""

    text: str
    audio_s: float
    first_at: float
    starved_s: float
    """Longest time in which the playout had nothing to play, amid it."""
    messages: list[tuple[str, str, float]]


class Caller:
    """Speaks, commits, asks, hears and interrupts, as livekit's `AgentActivity` does."""

    def __init__(self, session: ContinuousSession) -> None:
        self.session = session
        self.failures: list[llm.RealtimeModelError] = []
        self.transcripts: dict[str, list[str]] = {}
        session.on("error", self.failures.append)
        session.on("input_audio_transcription_completed", self._wrote)

    def _wrote(self, event: llm.InputTranscriptionCompleted) -> None:
        if event.is_final:
            self.transcripts.setdefault(event.item_id, []).append(event.transcript)

    def speak(self, mark: int = 0, seconds: float = 0.6) -> None:
        """A whole turn, and its commit."""
        for frame in voice(seconds, mark):
            self.session.push_audio(frame)
        self.session.commit_audio()

    async def speak_slowly(self, mark: int, seconds: float) -> None:
        """The same in its time."""
        for frame in voice(seconds, mark, 2400):
            self.session.push_audio(frame)
            await asyncio.sleep(0.1)
        self.session.commit_audio()

    async def hear(self, future: asyncio.Future[Any], timeout: float = 30.0) -> Heard:
        """All of a reply."""
        now = asyncio.get_running_loop().time
        event = await asyncio.wait_for(future, timeout)
        heard = Heard("", 0.0, 0.0, 0.0, [])
        played_until = 0.0

        async def take(message: llm.MessageGeneration) -> None:
            nonlocal played_until

            async def words() -> str:
                return "".join([delta async for delta in message.text_stream])

            async def sound() -> float:
                nonlocal played_until
                length = 0.0
                async for frame in message.audio_stream:
                    at = now()
                    if not heard.first_at:
                        heard.first_at = played_until = at
                    heard.starved_s = max(heard.starved_s, at - played_until)
                    played_until = max(played_until, at) + frame.duration
                    length += frame.duration
                return length

            text, length = await asyncio.gather(words(), sound())
            heard.text = f"{heard.text} {text.strip()}".strip()
            heard.audio_s += length
            heard.messages.append((message.message_id, text, length))

        async for message in event.message_stream:
            await asyncio.wait_for(take(message), timeout)
        async for _ in event.function_stream:
            pass
        return heard

    async def ask(self, mark: int = 0) -> Heard:
        """A turn and its reply."""
        self.speak(mark)
        return await self.hear(self.session.generate_reply())

    def conversation(self) -> list[tuple[str, str]]:
        """As the session has it."""
        return [
            (item.role, (item.text_content or "").strip())
            for item in self.session.chat_ctx.items
            if item.type == "message"
        ]


def wrapped(*models: llm.RealtimeModel, **options: Any) -> ContinuousModel:
    """With breakers of its own, so that tests do not share any."""
    return ContinuousModel(list(models), Continuity(**options), breakers=Breakers())
