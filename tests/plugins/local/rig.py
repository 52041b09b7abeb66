"""A protocol core with engines that answer at once, every emitted event validated against OpenAI's types."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from antiphon.plugins.local.engines import Heard, Samples
from antiphon.plugins.local.protocol import (
    CancelReply,
    Close,
    Core,
    Flush,
    Listen,
    Output,
    Play,
    Send,
    StartReply,
    Transcribe,
)

_EVENTS: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
VECTORS = Path(__file__).parent / "vectors"


def validate(event: dict[str, Any]) -> None:
    """Fails if the event is none of OpenAI's, whole and typed."""
    parsed = _EVENTS.validate_python(event)
    assert type(parsed).__name__ != "dict", event
    assert parsed.type == event["type"], event


def silence(ms: int) -> str:
    """Base64 of so many ms of silence at 24 kHz."""
    return base64.b64encode(np.zeros(24 * ms, dtype=np.int16).tobytes()).decode()


class Rig:
    """Drives a core as the server does, but with `hold` the engines wait until they are told."""

    def __init__(
        self,
        *,
        limit_s: float = 3600.0,
        reply: str = "Hello there.",
        hold: bool = False,
        track: bool = False,
        settings: dict[str, Any] | None = None,
        model: str = "demo",
    ) -> None:
        counter = itertools.count(1)
        self.now = 0.0
        self.track = track
        self.given = 0  # samples for the track
        self.position = 0  # where it is
        self.flushed = 0
        self.core = Core(
            model=model,
            new_id=lambda kind: f"{kind}_{next(counter)}",
            now=0.0,
            wall=1.7e9,
            limit_s=limit_s,
            track=track,
            settings=settings,
        )
        self.reply = reply
        self.hold = hold
        self.tools: list[tuple[str, str]] = []
        self.events: list[dict[str, Any]] = []
        self.transcribing: list[Transcribe] = []
        self.replying: list[StartReply] = []
        self.cancelled: list[str] = []
        self.closed: Close | None = None
        self.input_end_ms = 0  # where what the shell was to look through ends
        self.take(self.core.start())

    def send(self, event: dict[str, Any] | None = None, /, **fields: Any) -> list[dict[str, Any]]:
        """A client's event; returns what came back, engines' work included unless held."""
        before = len(self.events)
        self.take(self.core.handle(event or fields, self.now))
        return self.events[before:]

    def take(self, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            match output:
                case Send(event):
                    made = json.loads(json.dumps(event))
                    validate(made)
                    self.events.append(made)
                case Listen():
                    self.input_end_ms = round(output.start_ms + len(output.audio) / 24)
                case Transcribe():
                    self.transcribing.append(output)
                case StartReply():
                    self.replying.append(output)
                case CancelReply(response_id):
                    self.cancelled.append(response_id)
                case Play(samples):
                    self.given += len(samples)
                case Flush():
                    self.flushed += 1
                    self.position = self.given
                case Close():
                    self.closed = output
        if not self.hold:
            self.work()

    def work(self) -> None:
        """The engines answer everything that is open."""
        while self.transcribing or self.replying:
            if self.transcribing:
                job = self.transcribing.pop(0)
                self.take(self.core.heard(job.item_id, Heard("Hello"), len(job.audio) / 24_000, self.now))
                continue
            self.answer(self.replying.pop(0))

    def answer(self, job: StartReply, *, finish: bool = True) -> None:
        name = job.response_id
        if self.tools:
            for tool, arguments in self.tools:
                self.take(self.core.reply_tool(name, tool, arguments, self.now))
            self.tools = []
        else:
            for word in self.reply.split(" "):
                self.take(self.core.reply_text(name, word + " ", self.now))
                if job.audio:
                    self.take(self.core.reply_audio(name, self.sound(200), self.now))
        if finish:
            self.take(self.core.reply_done(name, self.now))

    def sound(self, ms: int) -> Samples:
        return np.full(24 * ms, 1000, dtype=np.int16)

    def play(self, samples: int) -> None:
        """The track plays so much of what it was given."""
        self.position = min(self.position + samples, self.given)
        self.take(self.core.played(self.position))

    def speak(self, speech_ms: int, then_quiet_ms: int = 1000, level: float = 0.95) -> None:
        """Appends audio with speech probabilities, as the shell would find them."""
        for probability, ms in ((level, speech_ms), (0.01, then_quiet_ms)):
            for _ in range(ms // 32):
                self.now += 0.032
                if self.track:
                    self.take(self.core.hear(np.zeros(768, dtype=np.int16)))
                else:
                    self.send(type="input_audio_buffer.append", audio=silence(32))
                self.take(self.core.speech(probability, self.input_end_ms, self.now))

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def error(self) -> dict[str, Any]:
        """The last error."""
        found: dict[str, Any] = self.of("error")[-1]["error"]
        return found


def vector(name: str) -> list[dict[str, Any]]:
    """A test vector's lines; ``open`` and ``close`` of V1 filled in where named."""
    lines = [json.loads(line) for line in (VECTORS / f"{name}.jsonl").read_text().splitlines()]
    if name == "V1":
        return [line for line in lines if "@" not in line]
    macros: dict[str, list[dict[str, Any]]] = {}
    current: str | None = None
    for line in [json.loads(text) for text in (VECTORS / "V1.jsonl").read_text().splitlines()]:
        if line.get("@") == "end":
            current = None
        elif "@" in line:
            current = line["@"]
            macros[line["@"]] = []
        elif current:
            macros[current].append(line)
    made: list[dict[str, Any]] = []
    for line in lines:
        made += macros[line["@"]] if "@" in line else [line]
    return made
