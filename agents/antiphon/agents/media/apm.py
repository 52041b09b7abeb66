"""WebRTC's audio processing on the person's audio: echo cancellation, noise suppression, high-pass, gain.

Off unless asked for: browsers and phones do all of it themselves. It is for clients that send an open
microphone, such as kiosks, rooms and SIP gateways. The work is livekit's native module; this shell cuts
the audio into the 10 ms frames it wants and feeds it, frame by frame, what was played at that time.

Driven on the media loop by the ingress: `process` each piece of live audio before anything else hears
it. The result is as long as what went in, less or more a frame that waits for its rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from antiphon.agents.errors import MediaError
from antiphon.agents.media.echo import EchoReference
from antiphon.agents.media.router import Samples

__all__ = ["AudioProcessing", "AudioProcessor"]

_LATE_S = 0.1  # s; audio that comes so much later or sooner than due is a new stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioProcessing:
    """What is done to the person's audio. All off by default."""

    echo_cancellation: bool = False
    """Takes the agent's voice out of what the person's microphone sends."""
    noise_suppression: bool = False
    """Takes steady noise out."""
    high_pass: bool = False
    """Takes rumble out."""
    auto_gain: bool = False
    """Brings the person's voice to one level."""

    def __bool__(self) -> bool:
        """Whether anything is on."""
        return self.echo_cancellation or self.noise_suppression or self.high_pass or self.auto_gain


class AudioProcessor:
    """One call's processing.

    Args:
        options: What to do.
        reference: What was played to the person; needed for echo cancellation alone.
        rate_hz: Sample rate of the audio, Hz: 8, 16, 24, 32 or 48 thousand.

    Raises:
        MediaError: Echo cancellation without a reference, or of another rate.
    """

    def __init__(
        self, options: AudioProcessing, *, rate_hz: int, reference: EchoReference | None = None
    ) -> None:
        if options.echo_cancellation and (reference is None or reference.rate_hz != rate_hz):
            raise MediaError(
                "echo cancellation needs what was played, at the rate of what is heard",
                value=f"{None if reference is None else reference.rate_hz} Hz, {rate_hz} Hz",
                hint="Give AudioProcessor the call's EchoReference.",
            )
        self._reference = reference if options.echo_cancellation else None
        self._rate = rate_hz
        self._frame = rate_hz // 100
        self._native = rtc.AudioProcessingModule(
            echo_cancellation=options.echo_cancellation,
            noise_suppression=options.noise_suppression,
            high_pass_filter=options.high_pass,
            auto_gain_control=options.auto_gain,
        )
        handle = self._native._ffi_handle.handle
        # One request and one buffer for all frames: a new frame and message each cost as much as the work.
        self._near = np.zeros(self._frame, dtype=np.int16)
        self._far = np.zeros(self._frame, dtype=np.int16)
        self._forward = ffi_pb2.FfiRequest()
        _fill(self._forward.apm_process_stream, handle, self._near, rate_hz)
        self._reverse = ffi_pb2.FfiRequest()
        _fill(self._reverse.apm_process_reverse_stream, handle, self._far, rate_hz)
        self._rest = np.zeros(0, dtype=np.int16)
        self._heard_at = 0.0  # when the next frame's first sample was heard, by count

    def process(self, samples: Samples, now: float) -> Samples:
        """Works on the next live audio.

        Args:
            samples: Mono int16, shape (n,); not changed.
            now: Arrival of its last sample, s, the reference's clock.

        Returns:
            Mono int16; whole frames of 10 ms.

        Raises:
            MediaError: The native module refused a frame.
        """
        begins = now - (len(samples) + len(self._rest)) / self._rate
        if abs(begins - self._heard_at) > _LATE_S:
            self._heard_at = begins
        else:  # arrivals jitter, samples do not
            self._heard_at += 0.02 * (begins - self._heard_at)
        if len(self._rest):
            samples = np.concatenate([self._rest, samples])
        count = len(samples) // self._frame
        out = np.empty(count * self._frame, dtype=np.int16)
        for start in range(0, len(out), self._frame):
            if self._reference is not None:
                self._far[:] = self._reference.read(self._heard_at, self._frame)
                _answer(FfiClient.instance.request(self._reverse).apm_process_reverse_stream.error)
            self._near[:] = samples[start : start + self._frame]
            _answer(FfiClient.instance.request(self._forward).apm_process_stream.error)
            out[start : start + self._frame] = self._near
            self._heard_at += 0.01
        self._rest = samples[len(out) :].copy()
        return out

    def reset(self) -> None:
        """Forgets an incomplete frame: the audio stopped."""
        self._rest = self._rest[:0]
        self._heard_at = 0.0

    def close(self) -> None:
        """Frees the native module."""
        self._native._ffi_handle.dispose()


def _fill(message: object, handle: int, buffer: Samples, rate_hz: int) -> None:
    message.apm_handle = handle  # type: ignore[attr-defined]
    message.data_ptr = buffer.ctypes.data  # type: ignore[attr-defined]
    message.size = buffer.nbytes  # type: ignore[attr-defined]
    message.sample_rate = rate_hz  # type: ignore[attr-defined]
    message.num_channels = 1  # type: ignore[attr-defined]


def _answer(error: str) -> None:
    if error:
        raise MediaError("the audio processing module refused a frame", value=error, hint="Switch it off.")
