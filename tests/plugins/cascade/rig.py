"""A cascade whose parts do as they are told: what is heard, thought and how it sounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc

from antiphon.plugins.cascade import CascadeModel, LocalLLM, LocalSTT, LocalTTS
from antiphon.plugins.local.engines import BrainRequest, Heard, Samples, TextDelta, Thought

MS_A_CHARACTER = 50


@dataclass
class Ears:
    """Hears the next of the texts."""

    texts: list[str] = field(default_factory=list)
    heard_s: list[float] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, audio: Samples, *, language: str | None = None) -> Heard:
        self.heard_s.append(len(audio) / 24_000)
        self.began.set()
        return Heard(self.texts[0] if len(self.texts) == 1 else self.texts.pop(0))


@dataclass
class Brain:
    """Thinks the next of the replies, a thought at a time; waits where it finds an event."""

    replies: list[Sequence[Thought | asyncio.Event | Exception]] = field(default_factory=list)
    requests: list[BrainRequest] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def reply(self, request: BrainRequest) -> AsyncGenerator[Thought, None]:
        self.requests.append(request)
        self.asked.set()
        for part in self.replies.pop(0):
            if isinstance(part, asyncio.Event):
                await part.wait()
            elif isinstance(part, Exception):
                raise part
            else:
                yield part


class Voice:
    """50 ms of tone a character."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[Samples, None]:
        self.texts.append(text)
        yield np.full(24 * MS_A_CHARACTER * len(text), 1000, dtype=np.int16)


def words(text: str) -> list[TextDelta]:
    return [TextDelta(word + " ") for word in text.split()]


def cascade(ears: Ears | None = None, brain: Brain | None = None, voice: Voice | None = None) -> CascadeModel:
    return CascadeModel(
        stt=LocalSTT(ears or Ears(["Hello."])),
        llm=LocalLLM(brain or Brain([words("Hello there.")])),
        tts=LocalTTS(voice or Voice()),
    )


def speech(seconds: float, level: int = 3000) -> list[rtc.AudioFrame]:
    """20 ms frames of a square tone at 24 kHz."""
    samples = np.where(np.arange(480) % 48 < 24, level, -level).astype(np.int16)
    return [rtc.AudioFrame(samples.tobytes(), 24_000, 1, 480) for _ in range(round(seconds * 50))]
