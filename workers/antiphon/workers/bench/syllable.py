"""Whether the beginning of what a person said reached the model. Pure.

The clip and what the model got are compared by their envelopes, since a codec keeps no samples: RMS in
frames of 10 ms, normalised. The lag with the best likeness says where the clip lies in what the model got;
the first voice is whole if those of its frames that count are there and as loud as the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Opening", "opening"]

Samples = NDArray[np.int16]
_FRAME_S = 0.01
_VOICE_DBFS = -45.0  # as everywhere in the figures: where a clip's voice begins
_FIRST_S = 0.1  # s; the syllable that push-to-talk is known to cut
_LOWEST_DB = -12.0  # dB under the clip's level, the rest's difference taken off: below it is cut or faded
_LIKENESS = 0.7  # of the envelopes, 0 to 1; chosen: other sounds reach 0.4


@dataclass(frozen=True, slots=True)
class Opening:
    """What became of a clip's beginning and end."""

    likeness: float
    """Of the envelopes where they fit best, -1 to 1."""
    lead_s: float
    """Audio before the clip's voice in what the model got, s; negative by what is missing of the voice."""
    lost_start_s: float
    """Voice at the clip's beginning that the model did not get, s, in steps of 10 ms."""
    lost_end_s: float
    """Voice at its end, likewise."""

    @property
    def recognised(self) -> bool:
        """Whether the clip is in what the model got."""
        return self.likeness >= _LIKENESS

    @property
    def whole(self) -> bool:
        """Whether the first 100 ms of the voice are there."""
        return self.recognised and self.lost_start_s < _FRAME_S / 2


def opening(clip: Samples, got: Samples, rate_hz: int) -> Opening:
    """Looks for a clip in what the model got.

    Args:
        clip: What was played, int16 mono, shape (n,).
        got: What arrived, int16 mono, shape (m,).
        rate_hz: Of both.
    """
    played, arrived = _levels(clip, rate_hz), _levels(got, rate_hz)
    voiced = np.flatnonzero(played > _VOICE_DBFS)
    if not len(voiced) or not len(arrived):
        return Opening(0.0, 0.0, 0.0, 0.0)
    first, last = int(voiced[0]), int(voiced[-1]) + 1
    voice = played[first:last]
    lag, likeness = _best_lag(voice, arrived)
    there = _at(arrived, lag, len(voice))
    louder = float(np.median((there - voice)[there > -90.0])) if np.any(there > -90.0) else 0.0
    present = there - louder > voice + _LOWEST_DB
    # A quiet frame between two loud ones says nothing: codecs and noise floors differ there.
    present |= voice < _VOICE_DBFS + 6
    edge = round(_FIRST_S / _FRAME_S)
    return Opening(
        likeness,
        lag * _FRAME_S,
        _missing(present[:edge]) * _FRAME_S,
        _missing(present[::-1]) * _FRAME_S,
    )


def _missing(present: NDArray[np.bool_]) -> int:
    """Frames up to the last that is missing before three in a row are there."""
    missing = 0
    for position in range(len(present)):
        if not present[position]:
            missing = position + 1
        elif position - missing >= 3:
            break
    return missing


def _levels(samples: Samples, rate_hz: int) -> NDArray[np.float64]:
    step = round(rate_hz * _FRAME_S)
    count = len(samples) // step
    frames = samples[: count * step].reshape(count, step).astype(np.float64) / 32768
    levels: NDArray[np.float64] = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
    return levels


def _at(levels: NDArray[np.float64], lag: int, count: int) -> NDArray[np.float64]:
    """``count`` frames from ``lag`` on, silence where there are none."""
    made = np.full(count, -100.0)
    start, end = max(lag, 0), min(lag + count, len(levels))
    if end > start:
        made[start - lag : end - lag] = levels[start:end]
    return made


def _best_lag(voice: NDArray[np.float64], levels: NDArray[np.float64]) -> tuple[int, float]:
    """Where the voice lies in what came, in frames, and how alike they are there."""
    most = len(voice) // 2  # of it may be missing at either end
    best, found = -2.0, 0
    shape = np.maximum(voice, -60.0)
    for lag in range(-most, len(levels) - len(voice) + most + 1):
        piece = np.maximum(_at(levels, lag, len(voice)), -60.0)
        if np.std(piece) < 1e-6 or np.std(shape) < 1e-6:
            continue
        likeness = float(np.corrcoef(shape, piece)[0, 1])
        if likeness > best:
            best, found = likeness, lag
    return found, max(best, -1.0)
