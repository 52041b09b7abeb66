"""Sound as levels in bands: what survives codecs, jitter buffers, cheap loudspeakers and rooms.

17 critical bands, a row each 8 ms at either rate. Pure numpy.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BANDS",
    "FLOOR_DB",
    "KEPT",
    "Frames",
    "Levels",
    "alike",
    "band_of_bins",
    "levels_of",
    "levels_of_spectra",
    "with_tails",
]

Levels = NDArray[np.float32]
"""Levels, dB, shape (frames, bands)."""

_BIN_HZ: Final = 62.5  # of a frame's spectrum, 16 ms, at either rate
_EDGES_HZ: Final = (
    200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300,
)  # fmt: skip
BANDS: Final = len(_EDGES_HZ) - 1  # Zwicker's critical bands; below them small loudspeakers are silent
FLOOR_DB: Final = -90.0
_DECAYS_DB: Final = np.array([[2.0], [0.7]], dtype=np.float32)  # dB a frame: 60 dB in 0.24 s and 0.7 s
KEPT: Final = 320  # frames kept: span, delay and tail


class Frames:
    """The last `KEPT` frames of levels, by number."""

    def __init__(self, width: int) -> None:
        self._rows = np.full((2 * KEPT, width), FLOOR_DB, dtype=np.float32)
        self._origin = -KEPT  # number of the first row
        self.end = 0
        """Number after the last frame."""
        self.begin = 0
        """Number of the first frame of this stretch."""

    def append(self, rows: Levels) -> None:
        if self.end + len(rows) - self._origin > len(self._rows):
            keep = self._rows[self.end - KEPT - self._origin : self.end - self._origin].copy()
            self._rows[: len(keep)] = keep
            self._origin = self.end - KEPT
        start = self.end - self._origin
        self._rows[start : start + len(rows)] = rows
        self.end += len(rows)

    def move(self, end: int) -> None:
        """Goes on at another number; frames that are skipped are silent."""
        if self.end - KEPT < end <= self.end:
            self.end = end
            return
        skipped = end - self.end
        if 0 < skipped < KEPT:
            self.append(np.full((skipped, self._rows.shape[1]), FLOOR_DB, dtype=np.float32))
            return
        self._rows[:] = FLOOR_DB
        self._origin = end - KEPT
        self.end = end
        self.begin = end

    def rows(self, first: int, stop: int) -> Levels:
        """Frames from one number to another, of the last `KEPT`; a view."""
        return self._rows[first - self._origin : stop - self._origin]


def _weights() -> NDArray[np.float32]:
    """Bins to bands, shape (bins, bands)."""
    bins_hz = np.arange(1, math.ceil(_EDGES_HZ[-1] / _BIN_HZ) + 1) * _BIN_HZ
    columns = [(bins_hz >= low) & (bins_hz < high) for low, high in pairwise(_EDGES_HZ)]
    return np.stack(columns, axis=1).astype(np.float32)


_WEIGHTS: Final = _weights()
_BINS: Final = len(_WEIGHTS)
_SHAPES: Final[dict[int, NDArray[np.float32]]] = {}


def _shape(hop: int) -> NDArray[np.float32]:
    """A Hann window of two hops, scaled so that levels are dBFS of a sine whatever its length."""
    if hop not in _SHAPES:
        _SHAPES[hop] = (np.hanning(2 * hop + 1)[:-1] / (hop / 2) / 32768 / math.sqrt(2)).astype(np.float32)
    return _SHAPES[hop]


def levels_of(sound: NDArray[np.float32], hop: int, count: int) -> Levels:
    """Levels of ``count`` frames of two hops each, of float32 sound, shape ((count + 1) * hop,)."""
    overlapping = np.lib.stride_tricks.as_strided(
        sound, (count, 2 * hop), (hop * sound.itemsize, sound.itemsize)
    )
    return _levels(np.fft.rfft(overlapping * _shape(hop)))


def levels_of_spectra(spectra: NDArray[np.complexfloating], hop: int) -> Levels:
    """Levels of frames of two hops, from their spectra under a plain Hann window, shape (frames, hop + 1)."""
    return _levels(spectra / np.float32(hop / 2 * 32768 * math.sqrt(2)))


def _levels(spectra: NDArray[np.complexfloating]) -> Levels:
    spectrum = spectra[:, 1 : _BINS + 1]
    power = (spectrum.real**2 + spectrum.imag**2) @ _WEIGHTS
    power += 1e-9
    levels: Levels = (10 * np.log10(power)).astype(np.float32, copy=False)
    return levels


def band_of_bins(bins: int) -> NDArray[np.intp]:
    """The band that each bin of a spectrum lies in; the nearest for those below and above them all."""
    bins_hz = np.arange(bins) * _BIN_HZ
    return np.clip(np.searchsorted(_EDGES_HZ, bins_hz, side="right") - 1, 0, BANDS - 1)


def with_tails(levels: Levels, before: NDArray[np.float32]) -> Levels:
    """Levels, the louder of two neighbours, and the tails of a small and a large room after them.

    Args:
        levels: Shape (n, bands).
        before: The row before, shape (3 * bands,).

    Returns:
        Shape (n, 3 * bands).
    """
    rows = np.empty((len(levels), 3, BANDS), dtype=np.float32)
    rows[0, 0] = np.maximum(levels[0], before[:BANDS] - 3.0)
    np.maximum(levels[1:], levels[:-1], out=rows[1:, 0])
    tails = before[BANDS:].reshape(2, BANDS)
    for row in rows:
        np.subtract(tails, _DECAYS_DB, out=row[1:])
        np.maximum(row[1:], row[0], out=row[1:])
        tails = row[1:]
    return rows.reshape(len(levels), 3 * BANDS)


def alike(heard: Levels, played: Levels) -> float:
    """How alike two sides move, -1 to 1; shape (n, bands) each."""
    near, far = _moves(heard), _moves(played)
    energy = float((near * near).sum()) * float((far * far).sum())
    return float((near * far).sum()) / math.sqrt(energy) if energy > 0 else 0.0


def _moves(levels: Levels) -> Levels:
    """What moves in the levels: less its mean, and nothing far below the loudest."""
    clipped = np.maximum(levels, np.maximum(levels.max(axis=0) - 30.0, -75.0))
    moves: Levels = clipped - clipped.mean(axis=0)
    return moves
