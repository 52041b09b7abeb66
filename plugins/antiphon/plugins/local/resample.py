"""Changing the sample rate of whole stretches of audio, with a polyphase windowed-sinc filter.

For the local model only: 24 kHz to Whisper's 16, Piper's 22.05 kHz to 24. Whole stretches in, whole
stretches out, so there is no state to carry; each call is one gather and one product in numpy.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

__all__ = ["resample"]

_HALF_WIDTH = 16  # input samples (at the lower rate) each side of the centre; chosen
_ROLLOFF = 0.94  # of the lower Nyquist frequency; chosen: alias below -60 dB with the window here
_KAISER_BETA = 8.6  # about 90 dB in the stop band, the usual value


def resample(audio: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """Mono audio of shape (n,) at ``from_hz`` as shape (ceil(n * to / from),) at ``to_hz``.

    No delay is added: sample k of the result is the signal at k / ``to_hz`` seconds.
    """
    if from_hz == to_hz or audio.size == 0:
        return audio.astype(np.float32, copy=True)
    divisor = gcd(from_hz, to_hz)
    up, down = to_hz // divisor, from_hz // divisor
    bank, half = _filter_bank(up, down)
    length = -(-audio.size * up // down)
    padded = np.pad(audio.astype(np.float32, copy=False), (half, half + down))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    result = np.empty(length, dtype=np.float32)
    for phase in range(min(up, length)):
        # Outputs phase, phase + up, ... share one filter and start ``down`` input samples apart.
        first, which = divmod(phase * down, up)
        count = -(-(length - phase) // up)
        rows = windows[first : first + (count - 1) * down + 1 : down]
        result[phase::up] = rows @ bank[which]
    return result


@lru_cache(maxsize=8)
def _filter_bank(up: int, down: int) -> tuple[NDArray[np.float32], int]:
    """One filter a fractional position 0, 1/up, ...: shape (up, 2 * half + 1), each summing to 1."""
    cutoff = min(1.0, up / down) * _ROLLOFF  # of the input's Nyquist frequency
    half = int(np.ceil(_HALF_WIDTH / min(1.0, up / down)))
    offsets = np.arange(-half, half + 1)[None, :] - (np.arange(up) / up)[:, None]
    inside = np.clip(1.0 - (offsets / (half + 1)) ** 2, 0.0, None)
    bank = np.sinc(cutoff * offsets) * np.i0(_KAISER_BETA * np.sqrt(inside))
    bank /= bank.sum(axis=1, keepdims=True)
    return bank.astype(np.float32), half
