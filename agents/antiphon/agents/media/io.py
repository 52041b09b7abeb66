"""AgentSession's audio input and output, bound to the media plane.

Both live on the application's loop and cross to the media loop and back by ``call_soon_threadsafe``.

The input is a queue of audio and of *acts* (commit, discard). An act runs when the session has taken all
audio before it, so that a commit can never overtake the speech it commits.

The output names each stretch of audio between two flushes ``<speech id>#<n>``, a *reply* to the media
plane. When the media plane has yielded one, the position it reported is what the session is told as
soon as it asks for the buffer to be cleared; when the application interrupts, the media plane is asked
and its answer ends the segment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from livekit import rtc
from livekit.agents.voice import SpeechHandle, io

from antiphon.agents.logs import get_logger
from antiphon.agents.media.call import RATE_HZ, MediaCall
from antiphon.agents.media.router import Samples, mixed_down
from antiphon.agents.media.thread import MediaThread

__all__ = ["AudioInput", "AudioOutput"]

log = get_logger(__name__)

Act = Callable[[], None]


class AudioInput(io.AudioInput):
    """The person's turns, as the gate lets them through."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_enabled: Callable[[bool], None]) -> None:
        super().__init__(label="Antiphon")
        self._loop = loop
        self._queue: asyncio.Queue[Samples | Act | None] = asyncio.Queue()
        self._on_enabled = on_enabled

    def put(self, item: Samples | Act | None) -> None:
        """Adds audio, an act, or None for the end. Any thread."""
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
        except RuntimeError:
            log.debug("the application's loop is closed; audio dropped")

    async def __anext__(self) -> rtc.AudioFrame:
        while True:
            item = await self._queue.get()
            if item is None:
                raise StopAsyncIteration
            if callable(item):
                item()
                continue
            return rtc.AudioFrame(item.tobytes(), RATE_HZ, 1, len(item))

    def on_attached(self) -> None:
        """AgentSession hears again."""
        self._on_enabled(True)

    def on_detached(self) -> None:
        """AgentSession hears nothing until attached again."""
        self._on_enabled(False)


@dataclass(slots=True)
class _Segment:
    id: str
    speech: SpeechHandle | None
    received: int = 0
    heard: int | None = None
    """Set once the media plane has yielded it."""
    clearing: bool = False
    """The session asked for the buffer to be cleared and waits for the answer."""
    over: bool = False


class AudioOutput(io.AudioOutput):
    """The agent's voice, handed to the playout.

    Args:
        call: The media plane's side.
        media: Its thread.
        current_speech: The session's current speech.
        ready: Awaited before the first audio goes out: the track has a listener.
        on_first_audio: Told of the first audio of each reply.
        heard_text: The words heard of the reply at hand, given samples heard.
        on_over: Told that a reply is over, and whether it was cut.
    """

    def __init__(
        self,
        *,
        call: MediaCall,
        media: MediaThread,
        current_speech: Callable[[], SpeechHandle | None],
        ready: asyncio.Future[None],
        on_first_audio: Callable[[str], None],
        heard_text: Callable[[int], str | None],
        on_over: Callable[[bool], None],
    ) -> None:
        super().__init__(
            label="Antiphon", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE_HZ
        )
        self._call = call
        self._media = media
        self._current_speech = current_speech
        self._ready = ready
        self._on_first_audio = on_first_audio
        self._heard_text = heard_text
        self._on_over = on_over
        self._segment: _Segment | None = None
        self._counts: dict[str, int] = {}
        self._enabled = True

    @property
    def segment_id(self) -> str | None:
        """The reply at hand, from its first audio to the end of its playout."""
        return self._segment.id if self._segment and not self._segment.over else None

    @property
    def position(self) -> tuple[float, float, bool] | None:
        """``(heard s, received s, all received)`` of the reply at hand; None without one."""
        segment = self._segment
        if segment is None or segment.over:
            return None
        reply_id, heard = self._call.heard
        heard = heard if reply_id == segment.id else 0
        return heard / RATE_HZ, segment.received / RATE_HZ, self._flushed

    def next_id(self, speech: SpeechHandle | None) -> str:
        """The name that the speech's next stretch of audio will have."""
        key = speech.id if speech is not None else "speech"
        return f"{key}#{self._counts.get(key, 0) + 1}"

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Takes audio of the current reply, at any pace; mono or stereo int16 at ``sample_rate``."""
        await asyncio.shield(self._ready)
        fresh = self._segment is None or self._segment.over or self._flushed
        await super().capture_frame(frame)
        if fresh:
            self._begin()
        segment = self._segment
        assert segment is not None
        samples = mixed_down(np.frombuffer(bytes(frame.data), dtype=np.int16), frame.num_channels)
        segment.received += len(samples)
        interruptible = segment.speech is None or segment.speech.allow_interruptions
        if segment.heard is None:
            self._media.call(self._call.reply_audio, segment.id, interruptible, samples)

    def flush(self) -> None:
        """The current reply has all its audio."""
        super().flush()
        if self._segment is not None and not self._flushed:
            self._flushed = True
            self._media.call(self._call.reply_complete, self._segment.id)

    def clear_buffer(self) -> None:
        """The current reply is interrupted; `playback_finished` follows with what was heard of it."""
        segment = self._segment
        if segment is None or segment.over:
            return
        if segment.heard is not None:
            self._finish(segment, segment.heard, interrupted=True)
        elif not segment.clearing:
            segment.clearing = True
            self._media.call(self._call.interrupt, segment.id)

    # Told by the media plane, on the application's loop.

    def started(self, reply_id: str, at: float) -> None:
        """The first sample of a reply went to the transport at ``at``, s, monotonic."""
        if self._segment is not None and self._segment.id == reply_id:
            self.on_playback_started(created_at=time.time() - (time.monotonic() - at))

    def ended(self, reply_id: str, heard: int) -> None:
        """A reply was heard to its end."""
        segment = self._segment
        if segment is not None and segment.id == reply_id and not segment.over:
            self._finish(segment, heard, interrupted=False)

    def yielded(self, reply_id: str, heard: int) -> SpeechHandle | None:
        """A reply was flushed; returns the speech it belongs to if that still has to be interrupted."""
        segment = self._segment
        if segment is None or segment.id != reply_id or segment.over:
            return None
        segment.heard = min(heard, segment.received)
        if segment.clearing:
            self._finish(segment, segment.heard, interrupted=True)
            return None
        return segment.speech

    _flushed = False

    def _begin(self) -> None:
        speech = self._current_speech()
        name = self.next_id(speech)
        key = name.rpartition("#")[0]
        self._counts = {key: self._counts.get(key, 0) + 1}
        self._segment = _Segment(name, speech)
        self._flushed = False
        self._on_first_audio(name)

    def _finish(self, segment: _Segment, heard: int, *, interrupted: bool) -> None:
        words = self._heard_text(heard) if interrupted else None
        segment.over = True
        self.on_playback_finished(
            playback_position=heard / RATE_HZ, interrupted=interrupted, synchronized_transcript=words
        )
        self._on_over(interrupted)
