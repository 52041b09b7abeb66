"""The person's audio without the agent's voice in it, for the judges.

They are asked what a person said, and an open microphone brings the agent's words, too: over a key or a
cough those are all the words there are. What the estimator expects of the echo, level by level, is taken
out of the spectrum (a Wiener gain a band), down to the room's own noise and no further. That needs no
waveforms that match: it works on what codecs, jitter buffers and cheap loudspeakers leave of them. It is
for judges alone: speech under an echo comes out thin, which a recogniser bears and a person should not.

Pure numpy: 0.3 ms of a core for a second of audio, when a question is asked.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.media.bands import Levels, band_of_bins, levels_of_spectra
from antiphon.agents.media.router import Samples

__all__ = ["HOP", "without_echo"]

HOP: Final = 128  # samples at 16 kHz: the estimator's frames, 8 ms
_OVER: Final = 2.0  # how many times the expected power is taken out; chosen
_EDGES: Final = np.hanning(2 * HOP + 1)[:-1].astype(np.float32)


def without_echo(sound: Samples, before: Samples, expected: Levels, noise: NDArray[np.float32]) -> Samples:
    """Takes an echo out.

    Args:
        sound: Mono int16, 16 kHz, shape (n * HOP,).
        before: What came before it, shape (HOP,).
        expected: Levels of the echo in dB, shape (n, BANDS): of the frames of two hops each that begin with
            ``before``.
        noise: Levels of the room's noise, shape (BANDS,).

    Returns:
        Mono int16, shape (n * HOP,).
    """
    count = len(sound) // HOP
    padded = np.concatenate([before, sound, np.zeros(HOP, dtype=np.int16)]).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP] * _EDGES
    spectra = np.fft.rfft(frames)
    heard = levels_of_spectra(spectra, HOP)
    echo = np.concatenate([expected, expected[-1:]])
    left = 1.0 - _OVER * 10 ** ((echo - heard) / 10)
    least = 10 ** ((np.minimum(noise - heard, 0.0)) / 10)
    gains = np.sqrt(np.maximum(left, least))
    spectra *= gains[:, band_of_bins(spectra.shape[1])]
    pieces = np.fft.irfft(spectra, 2 * HOP)
    made = np.zeros(padded.size, dtype=np.float32)
    made[: (count + 1) * HOP] += pieces[:, :HOP].ravel()
    made[HOP:] += pieces[:, HOP:].ravel()
    cleared: Samples = np.clip(np.rint(made[HOP:-HOP]), -32768, 32767).astype(np.int16)
    return cleared
