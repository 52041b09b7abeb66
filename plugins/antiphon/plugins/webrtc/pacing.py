"""A track that sends pushed audio in real time, and can take back what has not gone out.

Audio may be pushed far faster than real time. Each 20 ms one frame of it goes to the peer, silence when
there is none; `PacedTrack.clear` drops the rest, and the very next frame is silence. What has been played
is counted in samples, so that a conversation can be cut to what the peer was sent.

Frames leave as Opus packets made here (mono, in-band FEC), which aiortc passes on as they are: cheaper
than its stereo encoder at 96 kbit/s, without the frame of delay its resampler adds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet
from numpy.typing import NDArray

from antiphon.plugins.webrtc.opus import FRAME_SAMPLES, RATE_HZ, OpusEncoder

__all__ = ["FRAME_SAMPLES", "RATE_HZ", "PacedTrack"]

Samples = NDArray[np.int16]

_FRAME_S = FRAME_SAMPLES / RATE_HZ
_CLOCK_BASE = Fraction(1, 48_000)  # s; of RTP time, RFC 7587
_CLOCK_FRAME = 960
_MAX_LAG_S = 0.100  # s behind the clock that are caught up; more is skipped, in RTP time too. Chosen.
_SILENCE = np.zeros(FRAME_SAMPLES, dtype=np.int16)


class PacedTrack(MediaStreamTrack):
    """An audio track, int16 mono at 24 kHz in, Opus packets of 20 ms out.

    `push` and `clear` are for the loop that the peer runs on.

    Args:
        on_played: Told `played_samples` after each frame in which it grew.
    """

    kind = "audio"

    def __init__(self, on_played: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.on_played = on_played
        self._encoder = OpusEncoder()
        self._parts: deque[Samples] = deque()
        self._queued = 0
        self._played = 0
        self._pts = 0
        self._next: float | None = None

    @property
    def played_samples(self) -> int:
        """Pushed samples that have gone to the peer since the track was made."""
        return self._played

    @property
    def queued_samples(self) -> int:
        """Pushed samples still to go."""
        return self._queued

    def push(self, samples: Samples) -> None:
        """Adds audio behind what is queued, of any length. The array must not be changed afterwards."""
        if len(samples):
            self._parts.append(samples)
            self._queued += len(samples)

    def clear(self) -> int:
        """Drops what is queued; returns how many samples that was."""
        dropped, self._queued = self._queued, 0
        self._parts.clear()
        return dropped

    async def recv(self) -> Packet[Any]:
        """The next packet, when it is time for it. For aiortc's sender."""
        await self._pace()
        if self.readyState != "live":
            raise MediaStreamError
        frame = self._frame()
        packet = Packet(self._encoder.encode(frame))
        packet.pts, packet.time_base = self._pts, _CLOCK_BASE
        self._pts += _CLOCK_FRAME
        return packet

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._next is None:
            self._next = now
        if self._next > now:
            await asyncio.sleep(self._next - now)
        elif (skipped := int((now - self._next - _MAX_LAG_S) / _FRAME_S)) > 0:
            self._next += skipped * _FRAME_S
            self._pts += skipped * _CLOCK_FRAME
        self._next += _FRAME_S

    def _frame(self) -> Samples:
        count = min(self._queued, FRAME_SAMPLES)
        if not count:
            return _SILENCE
        frame = np.zeros(FRAME_SAMPLES, dtype=np.int16)
        filled = 0
        while filled < count:
            part = self._parts.popleft()
            taken = min(len(part), count - filled)
            frame[filled : filled + taken] = part[:taken]
            filled += taken
            if taken < len(part):
                self._parts.appendleft(part[taken:])
        self._queued -= count
        self._played += count
        if self.on_played is not None:
            self.on_played(self._played)
        return frame
