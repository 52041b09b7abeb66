"""Does it sound like a voice, where the detector is not sure yet? Pitch that moves, in the last 96 ms.

A voiced sound repeats itself within 2.5 to 13 ms, and its spectrum changes from one window to the next: the
mouth moves. Keys, hisses and breath have no pitch; a ringing phone, a tone or a held note has one and stands
still. Looked at only where it matters, a window costs about 60 us.

Pure numpy over windows of 512 samples at 16 kHz. The numbers were chosen over the clips of shared/audio and
checked on made-up noises that had no part in it (tests/bench/openings.py).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.media.router import Samples
from antiphon.agents.media.windows import WINDOW_OUT

__all__ = ["STILL", "Voicing", "likeness", "periodicity"]

RATE_HZ: Final = 16_000
STILL: Final = 0.85  # cosine of two windows' spectra from which nothing moves; flat from 0.7 to 0.9
_LAGS: Final = (RATE_HZ // 400, RATE_HZ // 75)  # samples; periods of 400 to 75 Hz
_SIZE: Final = 2048  # of the transforms; twice the stretch, so that the correlation does not wrap
_STRETCH: Final = np.hanning(2 * WINDOW_OUT)
_WINDOW: Final = np.hanning(WINDOW_OUT)
_BINS: Final = slice(3, 128)  # of a window's spectrum: 94 to 4000 Hz
_SMALL: Final = 1e-9


def _correlation(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    correlated: NDArray[np.float64] = np.fft.irfft(np.square(np.abs(np.fft.rfft(sound, _SIZE))), _SIZE)
    return correlated[: _LAGS[1] + 1]


_OWN: Final = _correlation(_STRETCH) / _correlation(_STRETCH)[0]  # what the taper takes away


def periodicity(sound: Samples) -> float:
    """How well two windows, shape (1024,), repeat themselves within a pitch period: about 0 to 1."""
    whole = sound.astype(np.float64)
    correlated = _correlation((whole - whole.mean()) * _STRETCH)
    if correlated[0] <= 0.0:
        return 0.0
    return float((correlated / correlated[0] / _OWN)[_LAGS[0] :].max())


def likeness(first: Samples, second: Samples) -> float:
    """How alike the spectra of two windows are, 0 to 1; 1 for silence."""
    a, b = (np.abs(np.fft.rfft(one.astype(np.float64) * _WINDOW))[_BINS] for one in (first, second))
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > _SMALL else 1.0


class Voicing:
    """One call's: keeps the last windows."""

    def __init__(self) -> None:
        self._before: list[Samples] = []

    def window(self, window: Samples, look: bool) -> float:
        """Takes the next window, shape (512,).

        Args:
            window: Mono int16 at 16 kHz; kept, must not change.
            look: Whether the answer is wanted.

        Returns:
            How much the last three windows sound like a voice, 0 to 1; 0 where it was not looked at.
        """
        before, self._before = self._before, [*self._before[-1:], window]
        if not look or len(before) < 2 or likeness(before[-1], window) >= STILL:
            return 0.0
        found = min(periodicity(np.concatenate(pair)) for pair in (before, self._before))
        return min(max(found, 0.0), 1.0)

    def reset(self) -> None:
        """The audio has a gap."""
        self._before = []
