"""The person's audio on its way into a call.

One track at a time is listened to; a new one takes the old one's place. What was said before the agent
came can be put in front of the live audio, which waits for it. The audio goes on in two forms: as it is,
and as speech probabilities of 32 ms windows, each dated with its last sample's arrival.

Everything happens on the media loop. Methods marked so may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from antiphon.agents.media.router import NativeStream, Samples, open_stream
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.media.windows import RATE_IN_HZ as RATE_HZ
from antiphon.agents.media.windows import Windows

__all__ = ["Ingress", "IngressEvents", "Processor", "VoiceDetector"]

_FRAME_MS = 20  # ms; the Opus frame, so that nothing waits for a second one
_LATE_S = 0.1  # s; a gap in the audio after which the detector starts afresh


class VoiceDetector(Protocol):
    """Speech probability by window; Silero unless another is given. One for each stream."""

    def window(self, samples: NDArray[np.int16]) -> float:
        """The probability of speech, 0 to 1, in mono int16, shape (512,), 16 kHz. At most 0.2 ms."""
        ...

    def reset(self) -> None:
        """Forgets what was heard."""
        ...


class Processor(Protocol):
    """What works on the person's audio before anything else does."""

    def process(self, samples: Samples, now: float) -> Samples:
        """The next live audio, mono int16 at 24 kHz, whose last sample arrived at ``now``; may hold some
        back."""
        ...

    def reset(self) -> None:
        """The audio stopped."""

    def close(self) -> None:
        """The call is over."""


@dataclass(frozen=True, slots=True)
class IngressEvents:
    """Whom the ingress tells."""

    audio: Callable[[Samples], None]
    """The person's next audio, mono int16 at 24 kHz."""
    window: Callable[[float, Samples, float], None]
    """A window's arrival, s, its samples at 16 kHz, shape (512,), and its probability of speech; after
    the audio it ends with."""
    lost: Callable[[], None]
    """No more audio comes for now."""
    changed: Callable[[], None]
    """It comes from another track from now on."""


class Ingress:
    """One call's ear.

    Args:
        media: The thread whose loop it runs on.
        detector: Speech probability.
        events: Whom to tell.
        processor: Works on live audio first: echo, noise, gain.
    """

    def __init__(
        self,
        media: MediaThread,
        detector: VoiceDetector,
        events: IngressEvents,
        processor: Processor | None = None,
    ) -> None:
        self._media = media
        self._detector = detector
        self._events = events
        self._processor = processor
        self._windows = Windows()
        self._stream: NativeStream | None = None
        self._backlog: list[Samples] | None = None
        self._enabled = True
        self._closed = False
        self._last_audio = 0.0

    def attach(
        self,
        track: rtc.Track,
        *,
        wait_for_earlier: bool = False,
        noise_cancellation: rtc.NoiseCancellationOptions | None = None,
    ) -> None:
        """Listens to a track in place of the one before. Any thread.

        Args:
            track: A subscribed remote audio track.
            wait_for_earlier: Keep what comes until `earlier` brought what was said before it.
            noise_cancellation: Of a plugin that runs natively.
        """
        self._media.call(self._attach, track, wait_for_earlier, noise_cancellation)

    def detach(self) -> None:
        """Listens to nobody. Any thread."""
        self._media.call(self._detach)

    def mute(self) -> None:
        """The person's track was muted. Any thread."""
        self._media.call(self._lost)

    def earlier(self, samples: Samples) -> None:
        """What the person said before the agent came, mono int16 at 24 kHz; may be empty. Any thread."""
        self._media.call(self._earlier, samples)

    def enable(self, enabled: bool) -> None:
        """Switches hearing on or off. Any thread."""
        self._media.call(self._enable, enabled)

    def audio(self, samples: Samples) -> None:
        """The track's next audio, mono int16 at 24 kHz, any length."""
        now = self._media.loop.time()
        if now - self._last_audio > _LATE_S and self._last_audio:
            self._start_afresh()
        self._last_audio = now
        if self._processor is not None:
            samples = self._processor.process(samples, now)
        if self._backlog is not None:
            self._backlog.append(samples)
            return
        self._take(samples, now)

    def close(self) -> None:
        """Hears no more."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._processor is not None:
            self._processor.close()

    def _attach(
        self,
        track: rtc.Track,
        wait_for_earlier: bool,
        noise_cancellation: rtc.NoiseCancellationOptions | None,
    ) -> None:
        if self._closed:
            return
        self._detach()
        self._events.changed()
        self._backlog = [] if wait_for_earlier else None
        self._stream = open_stream(
            track,
            rate_hz=RATE_HZ,
            frame_ms=_FRAME_MS,
            loop=self._media.loop,
            sink=self.audio,
            ended=self._lost,
            noise_cancellation=noise_cancellation,
        )

    def _detach(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._lost()

    def _enable(self, enabled: bool) -> None:
        if self._enabled and not enabled:
            self._lost()
        self._enabled = enabled

    def _lost(self) -> None:
        self._events.lost()
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._windows.reset()
        self._detector.reset()
        if self._processor is not None:
            self._processor.reset()

    def _earlier(self, samples: Samples) -> None:
        """Takes earlier audio and the live audio that waited for it, dated as if each had come in time."""
        backlog, self._backlog = self._backlog, None
        everything = np.concatenate([samples, *(backlog or [])])
        now = self._media.loop.time()
        step = RATE_HZ * _FRAME_MS // 1000
        for start in range(0, len(everything), step):
            left = (len(everything) - start - step) / RATE_HZ
            self._take(everything[start : start + step], now - max(left, 0.0))

    def _take(self, samples: Samples, now: float) -> None:
        if self._closed or not self._enabled:
            return
        self._events.audio(samples)
        for window in self._windows.push(samples):
            self._events.window(now, window, self._detector.window(window))
