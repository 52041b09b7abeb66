"""One turn of the person's, from its first audio to its words.

A recogniser that streams gets the audio as it comes and is through soon after the turn is; any other
gets the whole turn at its end.
"""

from __future__ import annotations

import asyncio
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, APITimeoutError, stt
from livekit.agents.types import NotGivenOr

from antiphon.agents.logs import get_logger

__all__ = ["LEAST_S", "Turn"]

log = get_logger(__name__)

LEAST_S = 0.1  # s; less is no turn, as for OpenAI's input buffer


class Turn:
    """A turn that is being heard. Audio in with `push`, words out with `finish`, or `drop` it.

    Args:
        recogniser: Writes down what is said.
        language: What the person speaks, as the recogniser wants it named.
        finish_s: How long a streaming recogniser may take for the rest once the turn is over, s; one that
            has written nothing yet has the requests' timeout.
        options: Retries and timeout of its requests.
    """

    def __init__(
        self,
        recogniser: stt.STT[Any],
        *,
        language: NotGivenOr[str],
        finish_s: float,
        options: APIConnectOptions,
    ) -> None:
        self._stt = recogniser
        self._language = language
        self._finish_s = finish_s
        self._options = options
        self.duration_s = 0.0
        """Of the audio so far, s."""
        self.request_ids: set[str] = set()
        """Of the recogniser's requests, for its metrics."""
        self._frames: list[rtc.AudioFrame] = []
        self._stream: stt.RecognizeStream | None = None
        self._reading: asyncio.Task[None] | None = None
        self._final: list[str] = []
        self._interim = ""

    def push(self, frame: rtc.AudioFrame) -> None:
        """More of the turn's audio, int16 at any one rate."""
        self.duration_s += frame.duration
        if not self._stt.capabilities.streaming:
            self._frames.append(frame)
            return
        if self._stream is None:
            self._stream = self._stt.stream(language=self._language, conn_options=self._options)
            self._reading = asyncio.create_task(self._read(self._stream), name="antiphon-cascade-hear")
        if not self._reading_is_over:
            self._stream.push_frame(frame)

    async def finish(self) -> str:
        """The turn is over; returns its words, empty if there were none.

        Raises:
            livekit.agents.APIError: The recogniser failed.
        """
        if self.duration_s < LEAST_S:
            await self.drop()
            return ""
        if self._stream is None or self._reading is None:
            event = await self._stt.recognize(
                rtc.combine_audio_frames(self._frames), language=self._language, conn_options=self._options
            )
            self.request_ids.add(event.request_id)
            return " ".join(found.text for found in event.alternatives[:1]).strip()
        try:
            if not self._reading_is_over:
                self._stream.end_input()
            await self._wait(self._finish_s)
            if not self._words:
                await self._wait(self._options.timeout)
            if not self._words and not self._reading_is_over:
                raise APITimeoutError("the recogniser wrote nothing of a turn in time")
            if self._reading_is_over:
                self._reading.result()
            else:
                log.warning("the recogniser did not finish a turn", waited_s=self._finish_s)
        finally:
            await self.drop()
        return self._words

    async def drop(self) -> None:
        """Forgets the turn, or what is left of it."""
        self._frames.clear()
        reading, self._reading = self._reading, None
        stream, self._stream = self._stream, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])
        if stream is not None:
            await stream.aclose()

    @property
    def _words(self) -> str:
        return " ".join([*self._final, self._interim]).strip()

    async def _wait(self, seconds: float) -> None:
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=seconds)

    @property
    def _reading_is_over(self) -> bool:
        return self._reading is None or self._reading.done()

    async def _read(self, stream: stt.RecognizeStream) -> None:
        async for event in stream:
            self.request_ids.add(event.request_id)
            words = event.alternatives[0].text.strip() if event.alternatives else ""
            if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
                self._interim = ""
                if words:
                    self._final.append(words)
            elif event.type is stt.SpeechEventType.INTERIM_TRANSCRIPT:
                self._interim = words
