"""24 kHz audio as 16 kHz windows for voice detection.

The ingress is 24 kHz, which the models speak; Silero wants 512 samples at 16 kHz. 3:2 by a short
polyphase filter (windowed sinc, cut at 7.2 kHz), as one small matrix product a window: 768 samples in,
512 out, about 25 us. The band of the filter is laid out for a block of 64 outputs, so that BLAS gets
whole rows (a row an output takes 2.5 times as long). Its delay of 16 input samples (0.7 ms) is left in.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.media.router import Samples

__all__ = ["RATE_IN_HZ", "WINDOW_IN", "WINDOW_OUT", "Windows", "level_dbfs"]

RATE_IN_HZ = 24_000
WINDOW_OUT = 512  # samples at 16 kHz: one Silero window, 32 ms
WINDOW_IN = 768  # the same at 24 kHz
_TAPS = 33
_FULL_SCALE_DB = 20 * math.log10(32_768)


def _phases() -> NDArray[np.float32]:
    """The filter for outputs at input positions 3k and 3k + 1.5, shape (_TAPS, 2)."""
    middle = (_TAPS - 1) / 2
    window = np.hamming(_TAPS)
    columns = []
    for shift in (0.0, 1.5):
        n = np.arange(_TAPS) - middle - shift + 0.75
        taps = np.sinc(n * 0.6) * window  # 7.2 kHz of 12
        columns.append(taps / taps.sum())
    return np.stack(columns, axis=1).astype(np.float32)


_BLOCK_IN, _BLOCK_OUT = 96, 64  # samples that one row of the product takes in and gives out


def _band() -> NDArray[np.float32]:
    """The filter for a block, shape (_BLOCK_IN + _TAPS, _BLOCK_OUT)."""
    phases = _phases()
    band = np.zeros((_BLOCK_IN + _TAPS, _BLOCK_OUT), dtype=np.float32)
    for step in range(_BLOCK_OUT // 2):
        band[3 * step : 3 * step + _TAPS, 2 * step : 2 * step + 2] = phases
    return band


_FILTER = _band()


class Windows:
    """Cuts a stream of 24 kHz audio into 16 kHz windows."""

    def __init__(self) -> None:
        self._buffer = np.zeros(_TAPS + WINDOW_IN * 4, dtype=np.int16)
        self._filled = _TAPS  # the filter's history first
        # Made once: views and results of numpy cost as much here as the product itself.
        self._block = np.zeros(_TAPS + WINDOW_IN, dtype=np.float32)
        size = self._block.itemsize
        self._overlapping = np.lib.stride_tricks.as_strided(
            self._block, (WINDOW_IN // _BLOCK_IN, _BLOCK_IN + _TAPS), (_BLOCK_IN * size, size)
        )
        self._rows = np.empty(self._overlapping.shape, dtype=np.float32)
        self._out = np.empty((WINDOW_IN // _BLOCK_IN, _BLOCK_OUT), dtype=np.float32)

    def push(self, samples: Samples) -> list[NDArray[np.int16]]:
        """Takes mono int16 at 24 kHz, any length; returns the windows it completes, shape (512,)."""
        windows: list[NDArray[np.int16]] = []
        start = 0
        while start < len(samples):
            room = min(len(self._buffer) - self._filled, len(samples) - start)
            self._buffer[self._filled : self._filled + room] = samples[start : start + room]
            self._filled += room
            start += room
            while self._filled >= _TAPS + WINDOW_IN:
                windows.append(self._window())
        return windows

    def reset(self) -> None:
        """Drops an incomplete window and the filter's history."""
        self._buffer.fill(0)
        self._filled = _TAPS

    def _window(self) -> NDArray[np.int16]:
        self._block[:] = self._buffer[: _TAPS + WINDOW_IN]
        self._rows[:] = self._overlapping
        out = np.matmul(self._rows, _FILTER, out=self._out)
        np.rint(out, out=out)
        np.minimum(out, 32767, out=out)
        np.maximum(out, -32768, out=out)
        self._filled -= WINDOW_IN
        self._buffer[: self._filled] = self._buffer[WINDOW_IN : WINDOW_IN + self._filled].copy()
        window: Samples = out.astype(np.int16).reshape(WINDOW_OUT)
        return window


def level_dbfs(samples: Samples) -> float:
    """The level of int16 samples, shape (n,), n > 0: RMS, dB over a full-scale square wave; -inf for none."""
    sound = samples.astype(np.float32)
    power = float(np.dot(sound, sound)) / len(samples)
    return 10.0 * math.log10(power) - _FULL_SCALE_DB if power else -math.inf
