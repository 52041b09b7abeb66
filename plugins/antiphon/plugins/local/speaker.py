"""Words into sound, piece by piece: the pipeline between a brain and a voice.

A reply's text is cut where speech may pause, so that the first piece is spoken while the rest is still
being thought of. Sound goes out faster than real time, by a bounded factor: enough that interruption
and truncation mean something, not so much that a client drowns.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from antiphon.plugins.local.engines import (
    RATE_HZ,
    Brain,
    BrainRequest,
    CutShort,
    NextMessage,
    Samples,
    TextDelta,
    ToolRequest,
    Voice,
)

__all__ = ["Piece", "Reply", "Whole", "Words", "pieces", "reply"]

_END = re.compile(r"(?<=[.!?…])\s+|(?<=[,;:])\s+(?=\S{1,40}\s)|\n+")
_FIRST_CHARS = 30  # a first clause of at least so many characters may be spoken at a comma
_LONGEST_CHARS = 240  # a run-on text is cut at a space
_HEAD_START_S = 1.0  # s of sound sent before pacing begins


@dataclass(frozen=True, slots=True)
class Words:
    """Text of the reply, at the moment its sound begins (or, in text replies, at once)."""

    text: str


@dataclass(frozen=True, slots=True)
class Whole(TextDelta):
    """Words that are spoken as one piece: a script's, whose sound is given."""


Reply = Words | Samples | ToolRequest | NextMessage | CutShort
Piece = str | ToolRequest | NextMessage | CutShort


async def pieces(brain: Brain, request: BrainRequest) -> AsyncGenerator[Piece, None]:
    """The brain's reply, its text cut into speakable pieces with their spaces."""
    text = ""
    first = True
    # aclosing: a cancelled reply must stop the brain now, not when it is collected
    async with aclosing(brain.reply(request)) as deltas:
        async for delta in deltas:
            if not isinstance(delta, TextDelta) or isinstance(delta, Whole):
                if text:
                    yield text
                text = ""
                yield delta.text if isinstance(delta, Whole) else delta
                continue
            text += delta.text
            while (cut := _cut(text, first)) is not None:
                yield text[:cut]
                text, first = text[cut:], False
    if text:
        yield text


def _cut(text: str, first: bool) -> int | None:
    """Where the first speakable piece ends, or None while it may go on."""
    for match in _END.finditer(text):
        clause = text[match.start() - 1] in ",;:"
        if not clause or (first and match.start() >= _FIRST_CHARS):
            return match.end()
    if len(text) > _LONGEST_CHARS:
        space = text.rfind(" ", 0, _LONGEST_CHARS)
        return space + 1 if space > 0 else _LONGEST_CHARS
    return None


async def reply(
    brain: Brain, voice: Voice, request: BrainRequest, *, audio: bool, voice_name: str, speed: float
) -> AsyncGenerator[Reply, None]:
    """One reply: words, the sound that says them, and tool calls, in order.

    Args:
        brain: Thinks.
        voice: Speaks.
        request: What it is about.
        audio: Whether to speak; else only words.
        voice_name: The voice asked for.
        speed: How many times faster than real time sound may go out.
    """
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0.0
    async with aclosing(pieces(brain, request)) as parts:
        async for part in parts:
            if not isinstance(part, str):
                yield part
                continue
            yield Words(part)
            if not audio:
                continue
            async with aclosing(voice.speak(part, voice=voice_name)) as sound:
                async for samples in sound:
                    yield samples
                    sent += len(samples) / RATE_HZ
                    ahead = (sent - _HEAD_START_S) / speed - (loop.time() - began)
                    if ahead > 0:
                        await asyncio.sleep(ahead)
