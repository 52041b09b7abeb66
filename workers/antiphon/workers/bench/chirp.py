"""The time-coded reply: its pitch is its position.

The scripted model answers with a linear chirp (`antiphon.plugins.local.testing.chirp_reply`). Whoever
records it can tell from the pitch of any 24 ms of sound which part of the reply that was. This survives
Opus, packet-loss concealment and the stretching of a jitter buffer, to about 10 ms (docs/figures.md,
"How it is measured").

Pure: numpy in, numpy out. Times are seconds from the first sample of the array given; positions are
seconds from the start of the reply. `follow` reads a recording; `ended_at` and `began_at` read the edges
of one stretch of it, `fell_behind` the worst delay within.

The estimate: a Hann window, the peak of its spectrum refined by a parabola through the log magnitudes.
A window that is cut by silence is dated by the centre of its energy, so that an edge does not bias it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HISTORY_S",
    "WHOLE_DBFS",
    "Track",
    "began_at",
    "ended_at",
    "fell_behind",
    "follow",
    "pitch_at",
]

START_HZ = 400.0  # Hz; shared definition of the figures
SLOPE_HZ_S = 450.0  # Hz a second; likewise
DURATION_S = 12.0  # s; likewise
LEVEL_DBFS = -10.0  # dBFS of the peak; likewise

WINDOW_S = 0.024  # s; chosen: 11 Hz of sweep and ten periods at the lowest pitch
HOP_S = 0.005  # s; chosen: finer than a 10 ms frame
_EDGE_S = 0.08  # s; chosen: how much of a stretch dates its edge
_REACH_S = 0.012  # s; chosen: half a window, how far an edge may lie beyond the last window read
_FFT_BIN_HZ = 6.0  # Hz at most, by zero padding; the parabola then errs by far less than 1 Hz
_TONAL_SHARE = 0.5  # of the energy within 150 Hz of the peak; chosen: speech and noise stay below
_FLOOR_DBFS = -45.0  # dBFS; a quieter window is silence
_OUTLIER_S = 0.06  # s; chosen: a window further than this from its neighbours' median is misread
WHOLE_DBFS = LEVEL_DBFS - 3.0 - 4.0  # dBFS, mean power; chosen: below, over half of a window is missing
HISTORY_S = 0.5  # s; chosen: how much of the reply says where it should be
_STEADY_S = 0.012  # s; chosen: a window on a jump between two pitches lies further from its neighbours


def pitch_at(position_s: float) -> float:
    """The reply's pitch in Hz at a position in s."""
    return START_HZ + SLOPE_HZ_S * position_s


@dataclass(frozen=True, slots=True)
class Track:
    """What was read from a recording: one entry a window in which the reply was heard.

    Windows with silence, speech or noise in them are left out, so ``at_s`` has holes there.
    """

    at_s: NDArray[np.float64]
    """When in the recording, s, rising."""
    position_s: NDArray[np.float64]
    """Which part of the reply, s."""

    def between(self, start_s: float, end_s: float) -> Track:
        """The windows of ``start_s <= at_s <= end_s``."""
        keep = (self.at_s >= start_s) & (self.at_s <= end_s)
        return Track(self.at_s[keep], self.position_s[keep])

    def __len__(self) -> int:
        return len(self.at_s)


def follow(samples: NDArray[np.int16], rate: int, *, floor_dbfs: float = _FLOOR_DBFS) -> Track:
    """Reads the positions heard in a recording.

    Args:
        samples: Mono int16.
        rate: Hz, any from 16,000 up (the chirp ends at 5,800 Hz).
        floor_dbfs: Mean power below which a window is left out.
    """
    size = round(WINDOW_S * rate)
    hop = round(HOP_S * rate)
    empty = np.empty(0)
    if len(samples) < size:
        return Track(empty, empty)
    x = samples.astype(np.float64) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::hop]
    window = np.hanning(size + 2)[1:-1]
    starts = np.arange(len(frames)) * hop

    power = np.mean(frames**2, axis=1)
    loud = np.flatnonzero(power > 10 ** (floor_dbfs / 10))
    at = np.full(len(frames), np.nan)
    position = np.full(len(frames), np.nan)
    fft_size = 1 << int(np.ceil(np.log2(rate / _FFT_BIN_HZ)))
    step = rate / fft_size
    low, high = int((START_HZ - 150) / step), int((pitch_at(DURATION_S) + 150) / step)
    near = int(150 / step)
    offsets = np.arange(size)
    for chunk in np.array_split(loud, max(1, len(loud) // 256)):
        if not len(chunk):
            continue
        tapered = frames[chunk] * window
        spectrum = np.abs(np.fft.rfft(tapered, fft_size, axis=1))
        total = np.sum(spectrum**2, axis=1) + 1e-12
        peaks = low + np.argmax(spectrum[:, low:high], axis=1)
        rows = np.arange(len(chunk))
        sums = np.cumsum(spectrum**2, axis=1)
        upper = np.minimum(peaks + near, spectrum.shape[1] - 1)
        share = (sums[rows, upper] - sums[rows, np.maximum(peaks - near, 0)]) / total
        a, b, c = (np.log(spectrum[rows, peaks + d] + 1e-12) for d in (-1, 0, 1))
        bend = a - 2 * b + c
        shift = np.where(bend < 0, 0.5 * (a - c) / np.where(bend < 0, bend, -1.0), 0.0)
        hz = (peaks + shift) * step
        energy = tapered**2
        centre = energy @ offsets / (energy.sum(axis=1) + 1e-12)
        good = share > _TONAL_SHARE
        at[chunk] = np.where(good, (starts[chunk] + centre) / rate, np.nan)
        position[chunk] = np.where(good, (hz - START_HZ) / SLOPE_HZ_S, np.nan)
    keep = np.isfinite(position)
    return _without_outliers(Track(at[keep], position[keep]))


def _median_of_five(lag: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each value, the two before and the two after."""
    padded = np.pad(lag, 2, mode="edge")
    smooth: NDArray[np.float64] = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    return smooth


def _without_outliers(track: Track, tolerance_s: float = _OUTLIER_S) -> Track:
    """Drops windows that disagree with their neighbours' median."""
    if len(track) < 5:
        return track
    lag = track.at_s - track.position_s
    keep = np.abs(lag - _median_of_five(lag)) <= tolerance_s
    return Track(track.at_s[keep], track.position_s[keep])


def ended_at(track: Track, end_s: float) -> float | None:
    """The position at ``end_s``, where a stretch of sound ends. None if nothing was read before it.

    A receiver that conceals a loss goes on for a while at the last pitch; the position then stays
    where the reply stopped.
    """
    last = track.between(end_s - _EDGE_S, end_s + _REACH_S)
    if not len(last):
        return None
    along = float(np.median(last.position_s + (end_s - last.at_s)))
    return min(along, float(np.max(last.position_s)) + _REACH_S)


def began_at(track: Track, start_s: float) -> float | None:
    """The position at ``start_s``, where a stretch of sound begins. None if nothing was read after it."""
    first = track.between(start_s - _REACH_S, start_s + _EDGE_S)
    if not len(first):
        return None
    return float(np.median(first.position_s - (first.at_s - start_s)))


def fell_behind(track: Track, start_s: float, end_s: float) -> float | None:
    """The most by which the reply came to lag behind its own schedule between two moments, s.

    Whatever is heard meanwhile: in silence, in noise and in a pitch that is held, as a receiver does that
    conceals, the position stands still and the lag rises second by second. What is skipped afterwards
    lowers the lag and takes nothing back. The rise is from the least lag since `HISTORY_S` before the
    start, so slow stretching adds up; a part heard again counts with its length.

    Args:
        track: Of whole windows (`follow` with `WHOLE_DBFS`), from `HISTORY_S` before the start to 0.1 s
            beyond the end; the last window read would else pass for the last of the reply.
        start_s: From here on.
        end_s: To here.

    Returns:
        Right to about 10 ms, and up to 15 short where a pitch was held and what it hid was lost; None
        unless half of the time before the start can be read.
    """
    track = _without_outliers(track, _STEADY_S)
    before = track.between(start_s - HISTORY_S, start_s)
    if len(before) < HISTORY_S / HOP_S / 2:
        return None
    track = track.between(start_s - HISTORY_S, np.inf)
    lag = track.at_s - track.position_s
    least = np.minimum.accumulate(_median_of_five(lag))
    until = np.append(track.at_s[1:], max(end_s, track.at_s[-1]))  # a reading stands until the next
    rise = lag + (until - track.at_s - HOP_S) - least
    return max(float(np.max(rise[(until >= start_s) & (track.at_s <= end_s)])), 0.0)
