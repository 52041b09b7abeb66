"""Native audio frames of a process, delivered straight to whom they belong.

In livekit 1.1 each `rtc.AudioStream` is handed every other stream's frames and drops them, so that the
cost grows with the square of the calls (measured: 12 bare rooms on a core went from 8.2 to 6.9 % of a
core a call without it). Here one subscription looks the stream's handle up and calls its sink; nothing
is queued. It speaks livekit's FFI directly; `tests/agents/test_livekit_contract.py` pins what it needs.

The callback runs on livekit's own thread: it copies the samples, releases the native buffer and posts
to the media loop, no more.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, FfiHandle
from livekit.rtc._proto import audio_frame_pb2, ffi_pb2
from numpy.typing import NDArray

__all__ = ["NativeStream", "Samples", "mixed_down", "open_stream"]

Samples = NDArray[np.int16]
"""Mono, shape (n,), int16."""

Sink = Callable[[Samples], None]


class _Router:
    """The process's table of stream handles."""

    def __init__(self) -> None:
        self.sinks: dict[int, tuple[asyncio.AbstractEventLoop, Sink, Callable[[], None]]] = {}
        self.closed: deque[int] = deque(maxlen=256)  # handles of ours whose last frames may still come
        self.pid = os.getpid()
        # The filter does the delivery and lets nothing through: no queue, no task.
        self._queue = FfiClient.instance.queue.subscribe(
            loop=_NoLoop(),
            filter_fn=self._deliver,
        )

    def _deliver(self, event: Any) -> bool:
        if event.WhichOneof("message") != "audio_stream_event":
            return False
        stream = event.audio_stream_event
        entry = self.sinks.get(stream.stream_handle)
        if entry is None:
            if stream.stream_handle in self.closed and stream.HasField("frame_received"):
                FfiHandle(stream.frame_received.frame.handle.id).dispose()
            return False
        loop, sink, ended = entry
        try:
            if stream.HasField("frame_received"):
                loop.call_soon_threadsafe(sink, _take(stream.frame_received.frame))
            elif stream.HasField("eos"):
                loop.call_soon_threadsafe(ended)
        except RuntimeError:  # the loop is closed: the call is over
            self.sinks.pop(stream.stream_handle, None)
        return False


class _NoLoop:
    """Stands for the loop that a subscription must name; nothing is ever posted to it."""

    def call_soon_threadsafe(self, *_: object) -> None:
        return None


_lock = threading.Lock()
_router: _Router | None = None


def _shared() -> _Router:
    global _router
    with _lock:
        if _router is None or _router.pid != os.getpid():
            _router = _Router()
        return _router


def _take(owned: Any) -> Samples:
    """Copies a native buffer, mono, and releases it."""
    info = owned.info
    raw = ctypes.string_at(info.data_ptr, info.num_channels * info.samples_per_channel * 2)
    FfiHandle(owned.handle.id).dispose()
    return mixed_down(np.frombuffer(raw, dtype=np.int16), info.num_channels)


def mixed_down(samples: Samples, channels: int) -> Samples:
    """Interleaved int16, shape (n * channels,), as mono, shape (n,): the mean of the channels."""
    if channels == 1:
        return samples
    mono: Samples = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return mono


def _request(
    track: int, rate_hz: int, frame_ms: int, noise_cancellation: rtc.NoiseCancellationOptions | None
) -> ffi_pb2.FfiRequest:
    """As `rtc.AudioStream` asks for a track's stream."""
    request = ffi_pb2.FfiRequest()
    stream = request.new_audio_stream
    stream.track_handle = track
    stream.sample_rate = rate_hz
    stream.num_channels = 1
    stream.queue_size_frames = 0
    stream.frame_size_ms = frame_ms
    stream.type = audio_frame_pb2.AudioStreamType.AUDIO_STREAM_NATIVE
    if noise_cancellation is not None:
        stream.audio_filter_module_id = noise_cancellation.module_id
        stream.audio_filter_options = json.dumps(noise_cancellation.options)
    return request


class NativeStream:
    """A track's audio, resampled natively and delivered to a sink until closed."""

    def __init__(self, handle: FfiHandle) -> None:
        self._handle = handle

    def close(self) -> None:
        """Ends delivery. May be called from any thread, and twice."""
        router = _shared()
        if router.sinks.pop(self._handle.handle, None) is not None:
            router.closed.append(self._handle.handle)
        self._handle.dispose()


def open_stream(
    track: rtc.Track,
    *,
    rate_hz: int,
    frame_ms: int,
    loop: asyncio.AbstractEventLoop,
    sink: Sink,
    ended: Callable[[], None],
    noise_cancellation: rtc.NoiseCancellationOptions | None = None,
) -> NativeStream:
    """Opens a stream on a remote audio track.

    Args:
        track: A subscribed remote audio track.
        rate_hz: Sample rate of what the sink gets; the native side resamples and mixes down.
        frame_ms: Duration of each delivery, ms.
        loop: Where the sink runs.
        sink: Gets mono int16, shape (rate_hz * frame_ms / 1000,).
        ended: Called once when the track has ended by itself.
        noise_cancellation: Of a plugin that runs natively, e.g. LiveKit Cloud's.
    """
    router = _shared()
    request = _request(track._ffi_handle.handle, rate_hz, frame_ms, noise_cancellation)
    with _lock:
        response = FfiClient.instance.request(request)
        handle = FfiHandle(response.new_audio_stream.stream.handle.id)
        router.sinks[handle.handle] = (loop, sink, ended)
    return NativeStream(handle)
