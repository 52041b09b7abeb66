"""From what the ear got and the wire saw to figures. Pure; definitions as in docs/figures.md.

Times are s on one monotonic clock. A recording is given as int16 mono with the moment of its first
sample. Voice is present where a 10 ms frame is above -35 dBFS; it is gone once it was absent for 300 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import MisuseError
from antiphon.workers.bench import chirp
from antiphon.workers.caller.recording import dbfs_onset

__all__ = ["Ear", "Gap", "rise_s"]

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
        return self._start + (first + int(found[0])) * _FRAME_S if len(found) else None

    def gone(self, after: float) -> float | None:
        """When the first voice from ``after`` on is gone for 300 ms; None if it is not by the end."""
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

    def longest_stall(self, start: float, end: float) -> float | None:
        """The longest time between two moments in which the reply did not go on, s.

        The longest silence, or the most by which the reply fell behind (`chirp.fell_behind`) if that is
        more: sound that a receiver made up to conceal a hole is no reply.

        Returns:
            None if the reply cannot be read in the half second before. What was heard must reach from
            there to 0.1 s beyond the end.
        """
        first = start - chirp.HISTORY_S - 0.02
        track = self._track(first, end + 0.1, floor_dbfs=chirp.WHOLE_DBFS)
        behind = None if track is None else chirp.fell_behind(track, start - first, end - first)
        return None if behind is None else max(behind, self.longest_silence(start, end))

    def skipped_ms(self, start: float, end: float) -> float | None:
        """How far the reply's position jumped ahead (+) or fell back (-) of time between two moments, ms.

        For a reply that kept talking; None if it cannot be read on both sides.
        """
        before = self._track(start - 0.3, start)
        after = self._track(end, end + 0.3)
        if before is None or after is None or not len(before) or not len(after):
            return None
        lead = np.median(after.position_s - after.at_s) - np.median(before.position_s - before.at_s)
        return float(lead - (end - start + 0.3)) * 1000

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

    def _track(self, start: float, end: float, **how: float) -> chirp.Track | None:
        first = round((start - self._start) * self._rate)
        last = round((end - self._start) * self._rate)
        if first < 0:
            return None
        part = self._samples[first:last]
        return chirp.follow(part, self._rate, **how) if len(part) else None


def rise_s(samples: NDArray[np.int16], rate_hz: int) -> float:
    """From a clip's onset (-45 dBFS) to where `Ear.first_voice` finds it (-35 dBFS), undelayed, s.

    The mean over the places that the clip can have in the ear's 10 ms frames.

    Raises:
        MisuseError: It is too quiet to be found.
    """
    onset = dbfs_onset(samples)
    step = round(rate_hz * _FRAME_S)
    rises: list[float] = []
    for shift in range(0, step, max(step // 20, 1)):
        padded = np.concatenate([np.zeros(shift, np.int16), samples, np.zeros(step, np.int16)])
        voice = Ear(padded, rate_hz, 0.0).first_voice(0.0)
        if onset is None or voice is None:
            raise MisuseError("the clip is too quiet", hint="Give one with a 10 ms frame above -35 dBFS.")
        rises.append(voice - (shift + onset[0]) / rate_hz)
    return float(np.mean(rises))
