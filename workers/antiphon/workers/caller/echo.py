"""Takes the loudspeaker's sound out of the microphone's, so that the agent does not hear itself.

Without it an agent on a laptop's speaker interrupts itself: its own voice comes back as a person's. The
work is libwebrtc's audio processing module, as in a browser. Both directions go through in frames of
10 ms; the two methods may be called from two threads, as PortAudio does.
"""

from __future__ import annotations

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

__all__ = ["EchoCanceller"]

Samples = NDArray[np.int16]


class EchoCanceller:
    """One microphone and one loudspeaker.

    Args:
        mic_rate_hz: Of the microphone.
        speaker_rate_hz: Of the loudspeaker.
    """

    def __init__(self, mic_rate_hz: int, speaker_rate_hz: int) -> None:
        self._mic_rate_hz = mic_rate_hz
        self._speaker_rate_hz = speaker_rate_hz
        self._apm = rtc.AudioProcessingModule(
            echo_cancellation=True, noise_suppression=True, high_pass_filter=True
        )

    def played(self, samples: Samples) -> None:
        """What goes to the loudspeaker: mono int16, a whole number of 10 ms."""
        step = self._speaker_rate_hz // 100
        for first in range(0, len(samples), step):
            piece = samples[first : first + step]
            self._apm.process_reverse_stream(
                rtc.AudioFrame(bytearray(piece.tobytes()), self._speaker_rate_hz, 1, step)
            )

    def clean(self, samples: Samples, delay_s: float) -> Samples:
        """What came from the microphone, without what the loudspeaker played.

        Args:
            samples: Mono int16, a whole number of 10 ms.
            delay_s: From `played` to the same sound in `samples`, as far as the devices tell, s.
        """
        step = self._mic_rate_hz // 100
        out: list[Samples] = []
        for first in range(0, len(samples), step):
            frame = rtc.AudioFrame(
                bytearray(samples[first : first + step].tobytes()), self._mic_rate_hz, 1, step
            )
            self._apm.set_stream_delay_ms(min(max(round(delay_s * 1000), 0), 500))
            self._apm.process_stream(frame)
            out.append(np.frombuffer(bytes(frame.data), dtype=np.int16))
        return np.concatenate(out) if out else samples
