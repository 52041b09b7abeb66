"""A realtime model that says what it is told to: for tests of agents, without a key or weights.

    async with ScriptedServer([Say("Hello there."), Say("Goodbye.")]) as server:
        model = openai.realtime(base_url=server.base_url, api_key="test")
        ...
        await server.wait_for("conversation.item.truncate")

It is the local model's own server with scripted engines, so the protocol around the script is the real
one. Each reply takes the next `Say`; ``wire`` has every event both ways with its time. Faults are part
of the script.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from antiphon.agents.errors import ConfigError, MisuseError, ModelUnavailable
from antiphon.plugins.local.engines import (
    RATE_HZ,
    BrainRequest,
    Engines,
    Heard,
    NextMessage,
    Samples,
    TextDelta,
    Thought,
    ToolRequest,
)
from antiphon.plugins.local.protocol import Output, StartReply
from antiphon.plugins.local.server import LocalRealtimeServer
from antiphon.plugins.local.session import Session, SessionOptions
from antiphon.plugins.local.speaker import Whole
from antiphon.plugins.local.transport import Transport

__all__ = ["Say", "ScriptedServer", "WireRecord", "chirp_reply", "load_script", "tone"]

_CHUNK = RATE_HZ // 10  # samples; 100 ms
_CUTTING = ("drop", "expire")  # faults that come amid the sound
_BENIGN = "a benign error, by the script"


@dataclass(frozen=True, slots=True)
class Say:
    """One reply.

    Args:
        text: Its words; with a voice, what is shown as the transcript.
        audio: Its sound, int16 mono at 24 kHz; None for 60 ms of tone a character.
        tools: Tool calls, as ``(name, arguments as a JSON object)``, after the words.
        then: Further messages of the same reply.
        delay_s: Wait before the first of it, s.
        fault: ``error`` sends a benign error event first; ``fail`` ends the response as failed, with
            ``code``; ``drop`` cuts the connection after half of the sound; ``expire`` ends the session
            there, as its limit does.
        code: Of the failure, e.g. ``inference_rate_limit_exceeded``.
    """

    text: str = ""
    audio: Samples | None = None
    tools: Sequence[tuple[str, str]] = ()
    then: Sequence[Say] = ()
    delay_s: float = 0.0
    fault: Literal["none", "error", "fail", "drop", "expire"] = "none"
    code: str = "scripted_failure"


@dataclass(frozen=True, slots=True)
class WireRecord:
    """One event on the wire. Audio payloads are replaced by ``<n bytes of base64>``."""

    at: float
    """s, monotonic: when it was read, or just before it was written."""
    direction: Literal["c", "s"]
    """From the client, or from the server."""
    event: Mapping[str, Any]
    session: int
    """Counts the connections."""

    @property
    def type(self) -> str:
        """The event's type."""
        return str(self.event.get("type"))


def chirp_reply(seconds: float = 12.0, rate_hz: int = RATE_HZ) -> Samples:
    """A reply that carries its own position: a linear chirp, 400 Hz rising 450 Hz a second, -10 dBFS.

    Returns:
        int16 mono, shape (seconds * rate_hz,). The frequency heard at position t is 400 + 450 t Hz.
    """
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (32767 * 10 ** (-10 / 20) * np.sin(2 * np.pi * (400 * t + 225 * t * t))).astype(np.int16)


def tone(seconds: float, hz: float = 440.0) -> Samples:
    """A tone at -12 dBFS, int16 mono at 24 kHz."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (8231 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def load_script(path: str | Path) -> list[Say]:
    """A script from a JSON file: a list with one object a reply.

    The keys are those of `Say`: ``text``, ``tools`` as ``{"name": ..., "arguments": {...}}``, ``then``,
    ``delay_s``, ``fault``, ``code``; and for the sound ``tone`` or ``chirp``, each with its length in s.

    Raises:
        ConfigError: The file cannot be read, or is no script.
    """
    try:
        data = json.loads(Path(path).read_text())
        if not isinstance(data, list) or not data:
            raise ValueError("it holds no list of replies")
        return [_say(entry) for entry in data]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError("script", str(path), f"a JSON file with a list of replies ({error})") from error


def _say(entry: Mapping[str, Any]) -> Say:
    given = dict(entry)
    sounds: dict[str, Callable[[float], Samples]] = {"tone": tone, "chirp": chirp_reply}
    audio = next((make(float(given.pop(key))) for key, make in sounds.items() if key in given), None)
    tools = [(str(call["name"]), json.dumps(call.get("arguments", {}))) for call in given.pop("tools", [])]
    then = [_say(message) for message in given.pop("then", [])]
    return Say(audio=audio, tools=tools, then=then, **given)


class _ScriptedFailure(ModelUnavailable):
    def __init__(self, code: str) -> None:
        super().__init__("the script says so")
        self.code = code


# Of the task that makes a reply: whose it is, and the message it is at.
_speaker: ContextVar[Session] = ContextVar("antiphon_scripted_session")
_message: ContextVar[Say | None] = ContextVar("antiphon_scripted_message", default=None)


@dataclass(slots=True)
class _Script:
    """Brain, ears and voice that follow the script."""

    steps: deque[Say]
    repeat_last: bool
    transcripts: deque[str]
    hear_s: deque[float]
    requests: list[BrainRequest] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    heard: list[Samples] = field(default_factory=list)

    async def reply(self, request: BrainRequest) -> AsyncGenerator[Thought, None]:
        self.requests.append(request)
        if not self.steps:
            self.unexpected.append("a reply was asked for after the script's last")
            raise ModelUnavailable("the script has no further reply", hint="Give ScriptedServer another Say.")
        step = self.steps[0] if self.repeat_last and len(self.steps) == 1 else self.steps.popleft()
        if step.delay_s:
            await asyncio.sleep(step.delay_s)
        if step.fault == "error":
            await _speaker.get().report(_BENIGN)
        if step.fault == "fail":
            raise _ScriptedFailure(step.code)
        for number, message in enumerate([step, *step.then]):
            if number:
                yield NextMessage()
            if message.audio is not None or message.fault in _CUTTING:
                _message.set(message)
                yield Whole(message.text or "(sound)")
                _message.set(None)
            elif message.text:
                yield TextDelta(message.text)
            for name, arguments in message.tools:
                yield ToolRequest(name, arguments)

    async def hear(self, audio: Samples, *, language: str | None = None) -> Heard:
        self.heard.append(audio)
        # Taken before the wait: a later turn may be heard sooner, and each keeps its own words.
        text = self.transcripts.popleft() if self.transcripts else "(speech)"
        wait = self.hear_s.popleft() if len(self.hear_s) > 1 else self.hear_s[0]
        if wait:
            await asyncio.sleep(wait)
        return Heard(text)

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[Samples, None]:
        message = _message.get()
        sound = tone(0.06 * len(text)) if message is None or message.audio is None else message.audio
        cut = len(sound) // 2 if message is not None and message.fault in _CUTTING else len(sound)
        for start in range(0, cut, _CHUNK):
            yield sound[start : min(start + _CHUNK, cut)]
        if cut < len(sound):
            session = _speaker.get()
            await (session.drop_next() if message and message.fault == "drop" else session.expire())
            await asyncio.Event().wait()


class _Session(Session):
    """A session whose events are recorded."""

    def __init__(
        self, record: Callable[[Literal["c", "s"], Mapping[str, Any]], None], *args: Any, **kw: Any
    ) -> None:
        super().__init__(*args, **kw)
        self._record = record

    def client_event(self, event: Any, now: float) -> tuple[Output, ...]:
        if isinstance(event, dict):
            self._record("c", event)
        return super().client_event(event, now)

    async def send(self, event: dict[str, Any]) -> None:
        self._record("s", event)
        await super().send(event)

    async def _reply(self, job: StartReply) -> None:
        _speaker.set(self)
        await super()._reply(job)


class ScriptedServer(LocalRealtimeServer):
    """The local model's server with a script for a mind.

    Args:
        script: The replies, in order.
        transcripts: What the ears hear, in order; ``(speech)`` when they run out.
        repeat_last: Whether the last reply is given again and again.
        hear_s: How long the ears take, s; or one number a turn, the last for all that follow.
        await_ears: Whether replies wait for them. False is a model that hears for itself: transcripts
            come late, and with falling numbers in ``hear_s`` in another order than the turns.
        strict: `check` at the end of ``async with``, unless it is left by an exception.
        options: Of `LocalRealtimeServer`.
    """

    def __init__(
        self,
        script: Sequence[Say] = (),
        *,
        transcripts: Sequence[str] = (),
        repeat_last: bool = False,
        hear_s: float | Sequence[float] = 0.0,
        await_ears: bool = True,
        strict: bool = False,
        **options: Any,
    ) -> None:
        waits = deque([hear_s] if isinstance(hear_s, int | float) else hear_s) or deque([0.0])
        self._script = _Script(deque(script), repeat_last, deque(transcripts), waits)
        self._await_ears = await_ears
        self._strict = strict
        super().__init__(Engines(self._script, self._script, self._script), **options)
        self.wire: list[WireRecord] = []
        """Every event both ways, in order."""
        self._changed = asyncio.Event()
        self._connections = 0

    @property
    def requests(self) -> Sequence[BrainRequest]:
        """What each reply was asked for."""
        return self._script.requests

    @property
    def heard(self) -> Sequence[Samples]:
        """The audio of each turn that was committed, as its ears got it: int16 mono at 24 kHz."""
        return self._script.heard

    def events(self, kind: str, direction: Literal["c", "s"] | None = None) -> list[WireRecord]:
        """The records of one type so far."""
        return [r for r in self.wire if r.type == kind and direction in (None, r.direction)]

    async def wait_for(self, kind: str, *, count: int = 1, timeout: float = 10.0) -> WireRecord:
        """The ``count``-th event of a type, when it comes.

        Raises:
            MisuseError: It did not come in time; the text lists what did.
        """
        try:
            async with asyncio.timeout(timeout):
                while len(found := self.events(kind)) < count:
                    self._changed.clear()
                    await self._changed.wait()
                return found[count - 1]
        except TimeoutError:
            pass
        seen = ", ".join(dict.fromkeys(record.type for record in self.wire))
        raise MisuseError(f"no {kind} came within {timeout} s", value=f"seen: {seen or 'nothing'}")

    def check(self) -> None:
        """Fails if the script was not followed to its end, or more was asked of it.

        With ``strict``, also if the client was told of an error that no script holds.

        Raises:
            MisuseError: Says what was left or too much.
        """
        if self._strict:
            errors = [record.event["error"] for record in self.events("error", "s")]
            told = [
                e["message"] for e in errors if e["message"] != _BENIGN and e["code"] != "session_expired"
            ]
            if told:
                raise MisuseError("the client was told of errors", value="; ".join(told))
        left = [step.text for step in self._script.steps] if not self._script.repeat_last else []
        if left or self._script.unexpected:
            raise MisuseError(
                "the script was not followed", value=f"unused: {left}; {self._script.unexpected}"
            )

    def drop_all(self) -> None:
        """Cuts every connection, as a network does."""
        for session in list(self.sessions):
            session.drop()

    def make_session(self, transport: Transport, options: SessionOptions) -> Session:
        self._connections += 1
        number = self._connections

        def record(direction: Literal["c", "s"], event: Mapping[str, Any]) -> None:
            self.wire.append(WireRecord(time.monotonic(), direction, _without_audio(event), number))
            self._changed.set()

        return _Session(record, transport, self.engines, **options, await_ears=self._await_ears)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if self._strict and error is None:
            self.check()


def _without_audio(event: Mapping[str, Any]) -> dict[str, Any]:
    kind = event.get("type")
    key = {"input_audio_buffer.append": "audio", "response.output_audio.delta": "delta"}.get(str(kind))
    if key is None or not isinstance(event.get(key), str):
        return dict(event)
    return {**event, key: f"<{len(event[key])} bytes of base64>"}
