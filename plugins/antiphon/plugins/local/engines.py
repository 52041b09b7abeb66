"""What stands behind the local model's protocol: ears, a brain and a voice, as small interfaces.

The server knows only these; `ears.py`, `brain_builtin.py` or `brain_chat.py`, and `voice.py` fill them,
and so does the scripted model of `testing.py`. All audio here is 16-bit mono PCM at `RATE_HZ`, as the
protocol's ``audio/pcm`` has it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "RATE_HZ",
    "Brain",
    "BrainRequest",
    "CutReason",
    "CutShort",
    "Ears",
    "Engines",
    "Heard",
    "NextMessage",
    "Samples",
    "TextDelta",
    "Thought",
    "ToolRequest",
    "Voice",
]

RATE_HZ = 24_000  # Hz; the only rate of the protocol's audio/pcm

Samples = NDArray[np.int16]
"""Mono, shape (n,), int16, `RATE_HZ`."""

CutReason = Literal["max_output_tokens", "content_filter"]
"""Why a reply is incomplete, in the protocol's words."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the ears made of one stretch of audio."""

    text: str
    no_speech: float = 0.0
    """Probability that there was no speech, 0 to 1."""
    mean_logprob: float = 0.0
    """Mean log-probability of the tokens; nearer 0 is surer."""


class Ears(Protocol):
    async def hear(self, audio: Samples, *, language: str | None = None) -> Heard:
        """Transcribes one user turn. Cancelling is safe."""
        ...


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the reply's words."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A call of one of the session's tools."""

    name: str
    arguments: str
    """A JSON object, as text."""


@dataclass(frozen=True, slots=True)
class NextMessage:
    """What follows is another message of the same reply."""


@dataclass(frozen=True, slots=True)
class CutShort:
    """The brain had to stop; nothing more of the reply follows."""

    reason: CutReason


Thought = TextDelta | ToolRequest | NextMessage | CutShort
"""What a reply is made of, before it is spoken."""


@dataclass(frozen=True, slots=True)
class BrainRequest:
    """Everything a reply may depend on, frozen at ``response.create``."""

    instructions: str
    items: Sequence[Mapping[str, Any]]
    """Conversation items in the protocol's form, oldest first. User audio parts carry ``transcript``."""
    tools: Sequence[Mapping[str, Any]] = ()
    """``{"type": "function", "name", "description", "parameters"}``, JSON Schema in ``parameters``."""
    tool_choice: str | Mapping[str, Any] = "auto"
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_output_tokens: int | None = None


class Brain(Protocol):
    def reply(self, request: BrainRequest) -> AsyncGenerator[Thought, None]:
        """Streams one reply. Closing the iterator stops the work behind it.

        Raises:
            ModelError: The chat endpoint could not answer; becomes a failed response.
        """
        ...


class Voice(Protocol):
    def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[Samples, None]:
        """Streams the text as speech, faster than real time, in pieces of at most 200 ms."""
        ...


@dataclass(frozen=True, slots=True)
class Engines:
    """The three together, shared by every session of one server."""

    ears: Ears
    brain: Brain
    voice: Voice
    labels: Mapping[str, str] = field(default_factory=dict)
    """For people: which engine each one is, e.g. ``{"ears": "Whisper tiny.en (packaged)"}``."""
