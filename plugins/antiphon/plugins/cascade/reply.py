"""One reply: a language model's words, spoken piece by piece as they come.

Two tasks and a queue between them: one reads the model and cuts its words, the other speaks the pieces in
order. So the first sentence is heard while the rest is thought of, and each piece's place in the sound is
known, which is what a later truncation needs. A piece's words go out just before its first sound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, llm, tts
from livekit.agents.utils import aio, shortuuid

from antiphon.plugins.cascade.sentences import SentenceCutter, Spoken

__all__ = ["Reply", "Words", "chat_words"]

Words = AsyncIterable[str | llm.FunctionToolCall]
"""What a reply is made of, before it is spoken."""


async def chat_words(
    stream: llm.LLMStream, request_ids: set[str]
) -> AsyncGenerator[str | llm.FunctionToolCall, None]:
    """A language model's stream as `Words`; its ids are added to ``request_ids``."""
    async with stream:
        async for chunk in stream:
            request_ids.add(chunk.id)
            if chunk.delta is None:
                continue
            if chunk.delta.content:
                yield chunk.delta.content
            for call in chunk.delta.tool_calls:
                yield call


@dataclass(slots=True)
class Reply:
    """A reply in progress.

    `event` is what AgentSession reads; `run` fills its streams and closes them, however it ends.
    """

    voice: tts.TTS[Any]
    options: APIConnectOptions
    on_message: Callable[[str], None]
    """Told the message's id when the reply has words."""
    on_call: Callable[[llm.FunctionCall], None]
    """Told of each tool call."""
    id: str = field(default_factory=lambda: shortuuid("resp_"))
    created_at: float = field(default_factory=time.time)
    """Unix time."""
    first_audio_s: float | None = None
    """s from its beginning to its first audio."""
    spoken: Spoken = field(default_factory=Spoken)
    message_id: str | None = None
    llm_request_ids: set[str] = field(default_factory=set)
    tts_request_ids: set[str] = field(default_factory=set)
    _messages: aio.Chan[llm.MessageGeneration] = field(default_factory=aio.Chan)
    _calls: aio.Chan[llm.FunctionCall] = field(default_factory=aio.Chan)
    _text: aio.Chan[str] = field(default_factory=aio.Chan)
    _audio: aio.Chan[rtc.AudioFrame] = field(default_factory=aio.Chan)

    @property
    def event(self) -> llm.GenerationCreatedEvent:
        """For who asked for the reply."""
        return llm.GenerationCreatedEvent(
            message_stream=self._messages,
            function_stream=self._calls,
            user_initiated=True,
            response_id=self.id,
        )

    async def run(self, words: Words) -> None:
        """Reads, speaks and closes. Cancelling is safe.

        Raises:
            livekit.agents.APIError: The model or the voice failed; what was said before stands.
        """
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        speaking = asyncio.create_task(self._speak(pieces), name="antiphon-cascade-speak")
        try:
            reading = asyncio.create_task(self._read(words, pieces), name="antiphon-cascade-read")
            try:
                await asyncio.wait([reading, speaking], return_when=asyncio.FIRST_EXCEPTION)
                if speaking.done() and not reading.done():
                    speaking.result()
                await reading
                await speaking
            finally:
                await aio.cancel_and_wait(reading)
        finally:
            await aio.cancel_and_wait(speaking)
            self.close()

    def close(self) -> None:
        """Ends the streams."""
        for channel in (self._text, self._audio, self._calls, self._messages):
            channel.close()

    async def _read(self, words: Words, pieces: asyncio.Queue[str | None]) -> None:
        cutter = SentenceCutter()
        async for part in words:
            if isinstance(part, str):
                for piece in cutter.push(part):
                    pieces.put_nowait(piece)
                continue
            call = llm.FunctionCall(name=part.name, arguments=part.arguments, call_id=part.call_id)
            self.on_call(call)
            self._calls.send_nowait(call)
        for piece in cutter.flush():
            pieces.put_nowait(piece)
        self._calls.close()
        pieces.put_nowait(None)

    async def _speak(self, pieces: asyncio.Queue[str | None]) -> None:
        while (piece := await pieces.get()) is not None:
            self._begin_message()
            said = False
            async with aclosing(self._sound(piece)) as sound:
                async for frame in sound:
                    if not said:
                        said = True
                        self._say(piece)
                    self.spoken.sound(frame.duration * 1000)
                    self._audio.send_nowait(frame)
            if not said:  # a piece without sound, such as a lone dash
                self._say(piece)

    async def _sound(self, piece: str) -> AsyncGenerator[rtc.AudioFrame, None]:
        if not any(character.isalnum() for character in piece):
            return
        async with self.voice.synthesize(piece.strip(), conn_options=self.options) as stream:
            async for made in stream:
                self.tts_request_ids.add(made.request_id)
                if self.first_audio_s is None:
                    self.first_audio_s = time.time() - self.created_at
                yield made.frame

    def _say(self, piece: str) -> None:
        self.spoken.begin(piece)
        self._text.send_nowait(piece)

    def _begin_message(self) -> None:
        if self.message_id is not None:
            return
        self.message_id = shortuuid("item_")
        self.on_message(self.message_id)
        modalities: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        modalities.set_result(["audio", "text"])
        self._messages.send_nowait(
            llm.MessageGeneration(
                message_id=self.message_id,
                text_stream=self._text,
                audio_stream=self._audio,
                modalities=modalities,  # type: ignore[arg-type]
            )
        )
