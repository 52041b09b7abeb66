"""Sound with the time it came, on the monotonic clock.

A receiver is handed 10 ms of sound every 10 ms; what arrives late was late in this process, not at the
ear. So each frame is placed right behind the one before, but never later than it arrived: the row of
them settles at once where the least delayed frames were. After a real gap it starts afresh.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mix", "Recording", "dbfs_onset", "level_dbfs", "silent_after", "voice_spans"]

Samples = NDArray[np.int16]
_SILENT_S = 0.3  # s without a voice that are a silence (measures.md)
_GAP_S = 0.25  # s; a longer hole is no scheduling delay


class Recording:
    """A mono recording.

    Args:
        rate_hz: Sample rate of its frames.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._at: list[float] = []
        self._samples: list[Samples] = []
        self._next = 0.0

    def add(self, samples: Samples, at: float) -> None:
        """Adds a frame: int16 mono, shape (n,); ``at`` is when its first sample was heard or sent, s."""
        fresh = not self._at or at - self._next > _GAP_S
        placed = at if fresh else min(self._next, at)
        self._at.append(placed)
        self._samples.append(samples)
        self._next = placed + len(samples) / self.rate_hz

    def __len__(self) -> int:
        return len(self._at)

    @property
    def began_at(self) -> float:
        """When the first frame began, s; 0 for an empty recording."""
        return self._at[0] if self._at else 0.0

    @property
    def ends_at(self) -> float:
        """When the last frame ended, s; 0 for an empty recording."""
        return self._next

    def render(self, start: float, end: float) -> Samples:
        """What was heard from ``start`` to ``end`` (s, monotonic) at ``rate_hz``; silence where nothing was.

        Returns:
            int16 mono, shape (round((end - start) * rate_hz),).
        """
        out = np.zeros(max(round((end - start) * self.rate_hz), 0), dtype=np.int16)
        index = max(bisect.bisect_right(self._at, start) - 1, 0)
        while index < len(self._at) and self._at[index] < end:
            samples = self._samples[index]
            first = round((self._at[index] - start) * self.rate_hz)
            skip = max(-first, 0)
            first = max(first, 0)
            count = min(len(samples) - skip, len(out) - first)
            if count > 0:
                out[first : first + count] = samples[skip : skip + count]
            index += 1
        return out


class Mix:
    """Several recordings of one rate heard at once, as one.

    An agent may have more than one track (background sound), and two may follow each other or overlap (a
    worker replaced by another): each is recorded by itself, since frames of two in one row would be
    placed behind each other.

    Args:
        rate_hz: Sample rate of all.
        parts: What it is made of at first.
    """

    def __init__(self, rate_hz: int, *parts: Recording | Mix) -> None:
        self.rate_hz = rate_hz
        self._parts: list[Recording | Mix] = list(parts)

    def track(self) -> Recording:
        """A new recording, heard with the others."""
        recording = Recording(self.rate_hz)
        self._parts.append(recording)
        return recording

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    @property
    def began_at(self) -> float:
        """When the earliest began, s; 0 if nothing was heard."""
        return min((part.began_at for part in self._parts if len(part)), default=0.0)

    @property
    def ends_at(self) -> float:
        """When the latest ended, s; 0 if nothing was heard."""
        return max((part.ends_at for part in self._parts if len(part)), default=0.0)

    def render(self, start: float, end: float) -> Samples:
        """As `Recording.render`: the sum, cut at full scale."""
        made = [part.render(start, end) for part in self._parts if len(part)]
        if len(made) == 1:
            return made[0]
        out = np.zeros(max(round((end - start) * self.rate_hz), 0), dtype=np.int32)
        for part in made:
            out += part
        return np.clip(out, -32768, 32767).astype(np.int16)


def level_dbfs(samples: Samples) -> float:
    """Root mean square level, dB below full scale; -120 for silence."""
    if not len(samples):
        return -120.0
    power = float(np.mean(samples.astype(np.float64) ** 2))
    return max(10 * np.log10(power / 32768.0**2), -120.0) if power else -120.0


def dbfs_onset(samples: Samples, threshold_dbfs: float = -45.0) -> tuple[int, int] | None:
    """The first and last sample above a level, or None (measures.md: -45 dBFS)."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 32768 * 10 ** (threshold_dbfs / 20))
    return (int(loud[0]), int(loud[-1])) if len(loud) else None


def voice_spans(
    samples: Samples, rate_hz: int, *, threshold_dbfs: float = -35.0, gap_s: float = _SILENT_S
) -> list[tuple[float, float]]:
    """Spans with a voice: 10 ms frames above a level, gaps shorter than ``gap_s`` closed. In s."""
    step = rate_hz // 100
    count = len(samples) // step
    if not count:
        return []
    frames = samples[: count * step].reshape(count, step).astype(np.float64)
    loud = 10 * np.log10(np.mean(frames**2, axis=1) / 32768.0**2 + 1e-12) > threshold_dbfs
    spans: list[tuple[float, float]] = []
    for index in np.flatnonzero(loud):
        at = float(index) / 100
        if spans and at - spans[-1][1] < gap_s:
            spans[-1] = (spans[-1][0], at + 0.01)
        else:
            spans.append((at, at + 0.01))
    return spans


def silent_after(spans: Sequence[tuple[float, float]], onset: float, end: float) -> float | None:
    """From a moment to the end of the voice that was there, s.

    Args:
        spans: Where there was voice, s.
        onset: The moment, s.
        end: To when it was listened to, s.

    Returns:
        None if there was no voice at that moment, or it had not ended by ``end``.
    """
    for began, ended in spans:
        if began <= onset < ended:
            return ended - onset if ended < end - _SILENT_S else None
    return None
