"""A peer's audio as a steady row of frames, in the place of aiortc's own receive path.

aiortc gives each packet to its jitter buffer, and what comes out of that to a decoder thread. The buffer
is driven by arrivals only: what a loss once left in it stays (282 ms for good after 1 % loss; 81 ms
without), and a lost packet is a hole. Here the packets are taken at the buffer's entrance: `Jitter`
decides when each is due, libopus decodes them and fills the holes.

`ReceivedAudio` has to be made before the first packet: in a ``track`` event, or right after the
transceiver was added. Do not read the receiver's track as well.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import numpy as np
from aiortc import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from numpy.typing import NDArray

from antiphon.agents.errors import MediaError
from antiphon.plugins.webrtc.jitter import Conceal, Jitter, JitterStats, Merge, Play
from antiphon.plugins.webrtc.opus import FRAME_SAMPLES, RATE_HZ, OpusDecoder, packet_samples

__all__ = ["FRAME_SAMPLES", "RATE_HZ", "ReceivedAudio"]

Samples = NDArray[np.int16]

_BUFFER = "_RTCRtpReceiver__jitter_buffer"  # aiortc 1.16; tests/plugins/webrtc/test_receive.py pins it
_CLOCK_TO_SAMPLES = 2  # RTP time, 48 kHz, to our 24 kHz
_FRAME_S = FRAME_SAMPLES / RATE_HZ
_MAX_LAG_S = 0.200  # s of frames given in quick succession after a stall of the loop; chosen
_STALL_S = 0.010  # s late at which a wake-up is a stall, and the socket is read first
_TURNS = 12  # of the loop, to read it: asyncio takes one datagram a turn, each a few turns on its way


class _Tap:
    """What aiortc takes for its jitter buffer: packets end here."""

    def __init__(self, audio: ReceivedAudio) -> None:
        self._audio = audio

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        self._audio._arrived(packet.timestamp, packet._data)  # type: ignore[attr-defined]
        return False, None


class ReceivedAudio:
    """A receiver's Opus audio: frames of 20 ms, int16 mono at 24 kHz, one each 20 ms.

    Iterate over it, from one task. Frames begin with the first packet, and go on, faded to silence, while
    none come; after a stall several come at once, so that no delay stays. Ends with `close`. Waiting for
    a frame may be cancelled.

    Args:
        receiver: Of an audio transceiver that negotiated Opus.

    Raises:
        MediaError: The receiver is not the aiortc that this is written for.
        ConfigError: There is no libopus.
    """

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        if not hasattr(receiver, _BUFFER):
            raise MediaError("this aiortc is unknown here", hint="Install the extra webrtc as it is pinned.")
        self._jitter = Jitter()
        self._decoder = OpusDecoder()
        self._sound: deque[Samples] = deque()
        self._ready = 0  # samples in ``_sound``
        self._next: float | None = None
        self._came = asyncio.Event()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        setattr(receiver, _BUFFER, _Tap(self))

    @property
    def stats(self) -> JitterStats:
        """What has happened so far."""
        return self._jitter.stats

    def close(self) -> None:
        """Ends the iteration, at once."""
        self._closed = True
        self._came.set()

    def __aiter__(self) -> AsyncIterator[Samples]:
        return self

    async def __anext__(self) -> Samples:
        await self._until_due()
        if self._closed:
            raise StopAsyncIteration
        while self._ready < FRAME_SAMPLES:
            sound = self._piece(self._loop.time())
            self._sound.append(sound)
            self._ready += len(sound)
        return self._frame()

    def _arrived(self, timestamp: int, payload: bytes) -> None:
        if samples := packet_samples(payload):
            self._jitter.push(timestamp, samples, payload, self._loop.time())
            self._came.set()

    async def _until_due(self) -> None:
        if self._next is None:
            await self._came.wait()
            self._next = self._jitter.first_due()
        if self._closed or self._next is None:
            return
        now = self._loop.time()
        if self._jitter.behind(now):
            self._next = now + _FRAME_S
            await asyncio.sleep(0)
            return
        if self._next > now:
            await asyncio.sleep(self._next - now)
        if self._loop.time() - self._next > _STALL_S:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        self._next = max(self._next, self._loop.time() - _MAX_LAG_S) + _FRAME_S

    def _piece(self, now: float) -> Samples:
        how = self._jitter.pull(now)
        if isinstance(how, Play):
            return self._decoder.decode(how.payload)
        if isinstance(how, Merge):
            return _merged(self._decoder.decode(how.first), self._decoder.decode(how.second))
        samples = how.samples // _CLOCK_TO_SAMPLES
        if isinstance(how, Conceal):
            return self._decoder.conceal(samples)
        return self._decoder.recover(how.following, samples)

    def _frame(self) -> Samples:
        if len(self._sound[0]) == FRAME_SAMPLES:
            self._ready -= FRAME_SAMPLES
            return self._sound.popleft()
        joined = np.concatenate(list(self._sound))
        self._sound.clear()
        if len(joined) > FRAME_SAMPLES:
            self._sound.append(joined[FRAME_SAMPLES:])
        self._ready = len(joined) - FRAME_SAMPLES
        return joined[:FRAME_SAMPLES]


def _merged(first: Samples, second: Samples) -> Samples:
    """Both in the time of the second: from the one to the other, where they are most alike.

    The first's end is moved by up to 5 ms so that the two voices are in phase, else a vowel would notch.
    """
    size = len(second)
    if len(first) != size:
        return second
    reach = size // 4
    both = np.concatenate([first, second]).astype(np.float32)
    target = both[size:][: size // 2]
    scores = [float(np.dot(both[shift : shift + len(target)], target)) for shift in range(0, reach, 4)]
    shift = 4 * int(np.argmax(scores))
    fade = np.linspace(1.0, 0.0, size, dtype=np.float32)
    return (both[shift : shift + size] * fade + both[size:] * (1.0 - fade)).astype(np.int16)
