"""The native end of a published track, without a task or a queue for each frame.

`rtc.AudioSource.capture_frame` subscribes to all native events for every frame and waits for its own
confirmation. The playout paces itself, so there is nothing to wait for: a push here is one native
call. Frames must be pushed at least some milliseconds apart, or the native side may reorder them; the
playout's tick sees to that. The native queue drains in real time whether or not anything is in it.

``queued_s`` is kept by the clock, right to about 2 ms in the median and 16 ms at worst (measured over
livekit 1.1).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

import numpy as np
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from antiphon.agents.media.router import Samples

__all__ = ["NativeSource", "Source"]

QUEUE_MS = 400  # ms; room for the 100 ms kept queued and one late, larger push
_KEEP = 32  # buffers kept alive until the native side has surely copied them (over 0.6 s)


class Source(Protocol):
    """What the playout needs of the way to the ear: `NativeSource` in a call, a model of it in tests."""

    @property
    def rate_hz(self) -> int:
        """Sample rate of what is pushed, Hz."""
        ...

    def push(self, samples: Samples, now: float) -> None:
        """Queues mono int16 samples, shape (n,), behind what is queued."""
        ...

    def clear(self, now: float) -> None:
        """Drops what is queued, at once."""
        ...

    def queued_s(self, now: float) -> float:
        """Audio pushed and not yet played, s."""
        ...


class NativeSource:
    """A livekit audio source, mono.

    Args:
        rate_hz: Sample rate of what is pushed.
        loop: livekit keeps it for its own timers; the media loop.
    """

    def __init__(self, rate_hz: int, *, loop: asyncio.AbstractEventLoop) -> None:
        self._rate_hz = rate_hz
        self.native = rtc.AudioSource(rate_hz, 1, queue_size_ms=QUEUE_MS, loop=loop)
        self._handle = self.native._ffi_handle
        self._dry_at = 0.0
        self._alive: deque[Samples] = deque(maxlen=_KEEP)

    @property
    def rate_hz(self) -> int:
        """Sample rate of what is pushed, Hz."""
        return self._rate_hz

    def push(self, samples: Samples, now: float) -> None:
        """Queues mono int16 samples, shape (n,)."""
        if not len(samples) or self._handle.disposed:
            return
        samples = np.ascontiguousarray(samples)
        self._alive.append(samples)
        request = ffi_pb2.FfiRequest()
        capture = request.capture_audio_frame
        capture.source_handle = self._handle.handle
        capture.buffer.data_ptr = samples.ctypes.data
        capture.buffer.sample_rate = self._rate_hz
        capture.buffer.num_channels = 1
        capture.buffer.samples_per_channel = len(samples)
        FfiClient.instance.request(request)
        self._dry_at = max(self._dry_at, now) + len(samples) / self._rate_hz

    def clear(self, now: float) -> None:
        """Drops the native queue; takes about 0.1 ms."""
        if self._handle.disposed:
            return
        request = ffi_pb2.FfiRequest()
        request.clear_audio_buffer.source_handle = self._handle.handle
        FfiClient.instance.request(request)
        self._dry_at = now

    def queued_s(self, now: float) -> float:
        """By the clock, s."""
        return max(self._dry_at - now, 0.0)

    def close(self) -> None:
        """Frees the native source."""
        self._handle.dispose()
