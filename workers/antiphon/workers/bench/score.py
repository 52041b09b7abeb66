"""From what the ear got and the wire saw to figures. Pure; definitions as in docs/figures.md.

Times are s on one monotonic clock. A recording is given as int16 mono with the moment of its first
sample. Voice is present where a 10 ms frame is above -35 dBFS; it is gone once it was absent for 300 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon.workers.bench import chirp

__all__ = ["Ear", "Gap"]

VOICE_DBFS = -35.0
GONE_S = 0.3
_FRAME_S = 0.01


@dataclass(frozen=True, slots=True)
class Gap:
    """Silence in a reply."""

    began_at: float
    ended_at: float | None
    """None if the voice did not come back."""
    before_s: float | None
    """Position of the reply at its beginning."""
    after_s: float | None
    """Position at its end."""

    @property
    def seconds(self) -> float | None:
        """Its length, s."""
        return None if self.ended_at is None else self.ended_at - self.began_at

    @property
    def lost_ms(self) -> float | None:
        """Reply that was never heard (+) or heard twice (-), ms."""
        if self.before_s is None or self.after_s is None:
            return None
        return (self.after_s - self.before_s) * 1000


class Ear:
    """What was heard.

    Args:
        samples: int16 mono.
        rate_hz: Its rate.
        start: Moment of the first sample, s.
    """

    def __init__(self, samples: NDArray[np.int16], rate_hz: int, start: float) -> None:
        self._samples = samples
        self._rate = rate_hz
        self._start = start
        step = round(rate_hz * _FRAME_S)
        count = len(samples) // step
        frames = samples[: count * step].reshape(count, step).astype(np.float64) / 32768
        self._voice = np.mean(frames**2, axis=1) > 10 ** (VOICE_DBFS / 10)

    def first_voice(self, after: float) -> float | None:
        """When voice is first present from ``after`` on."""
        first = max(int(np.ceil((after - self._start) / _FRAME_S)), 0)
        found = np.flatnonzero(self._voice[first:])
        return self._start + (first + found[0]) * _FRAME_S if len(found) else None

    def gone(self, after: float) -> float | None:
        """When the voice that is present at ``after`` is gone for 300 ms or to the end."""
        index = max(round((after - self._start) / _FRAME_S), 0)
        need = round(GONE_S / _FRAME_S)
        last = None
        for at in range(index, len(self._voice)):
            if self._voice[at]:
                last = at
            elif last is not None and at - last >= need:
                return self._start + (last + 1) * _FRAME_S
        return None

    def longest_silence(self, start: float, end: float) -> float:
        """The longest stretch without voice between two moments, s."""
        first = max(round((start - self._start) / _FRAME_S), 0)
        last = round((end - self._start) / _FRAME_S)
        longest = run = 0
        for present in self._voice[first:last]:
            run = 0 if present else run + 1
            longest = max(longest, run)
        return longest * _FRAME_S

    def gap(self, start: float, end: float, *, least_s: float = 0.03) -> Gap | None:
        """The first silence of at least ``least_s`` that begins between two moments."""
        first = max(round((start - self._start) / _FRAME_S), 0)
        last = min(round((end - self._start) / _FRAME_S), len(self._voice))
        need = round(least_s / _FRAME_S)
        at = first
        while at < last:
            if self._voice[at]:
                at += 1
                continue
            after = at
            while after < len(self._voice) and not self._voice[after]:
                after += 1
            if after - at >= need:
                began = self._start + at * _FRAME_S
                ended = self._start + after * _FRAME_S if after < len(self._voice) else None
                before = self.position_at_end(began)
                behind = None if ended is None else self.position_at_start(ended)
                return Gap(began, ended, before, behind)
            at = after
        return None

    def position_at_end(self, at: float) -> float | None:
        """Position of the reply where a stretch of voice ends, s."""
        track = self._track(at - 0.4, at + 0.05)
        return chirp.ended_at(track, 0.4) if track is not None else None

    def position_at_start(self, at: float) -> float | None:
        """Position of the reply where a stretch of voice begins, s."""
        track = self._track(at - 0.05, at + 0.4)
        return chirp.began_at(track, 0.05) if track is not None else None

    def on_schedule(self, start: float, end: float) -> tuple[int, int]:
        """20 ms slots of the reply heard in order without a gap, of all between two moments.

        A slot is good if its voice is present and its position is within 60 ms of where the median says.
        """
        track = self._track(start, end)
        slots = int((end - start) / 0.02)
        if track is None or not len(track):
            return 0, slots
        offset = np.median(track.position_s - track.at_s)
        good = track.at_s[np.abs(track.position_s - track.at_s - offset) < 0.06]
        return len(np.unique((good / 0.02).astype(int)[good < slots * 0.02])), slots

    def _track(self, start: float, end: float) -> chirp.Track | None:
        first = round((start - self._start) * self._rate)
        last = round((end - self._start) * self._rate)
        if first < 0:
            return None
        part = self._samples[first:last]
        return chirp.follow(part, self._rate) if len(part) else None
