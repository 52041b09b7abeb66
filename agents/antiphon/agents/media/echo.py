"""Is what the person's microphone sends the agent's own voice coming back?

`EchoEstimator` compares the person's audio with what was played (`EchoReference`) and says, window by
window, how much it looks like an echo. Pure: time is an argument.

How: both sides become levels in 17 bands every 8 ms. Over the last 1.5 s the person's levels are
correlated with the reference at delays of 0 to 0.5 s; the best delay that stays so is the echo's. The
ratio of levels at that delay, band by band and as a median, is the echo path: loudspeaker, room,
microphone, and whatever canceller the person's device runs. From it follow the levels that an echo would
have now, with the room's decay, and what stands above them is the person. Levels survive what waveforms
do not: codecs, jitter buffers, cheap loudspeakers, a canceller's residue.

How it stays cheap: nothing is compared while the agent is silent; audio waits and is worked on in
batches, unless `evidence` is asked; delay and path are looked at four times a second.

Drive it so: `window` with every window the voice detector gets, `evidence` where the detector finds
speech, `reset` when the person's track changes.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.media.bands import (
    BANDS,
    FLOOR_DB,
    KEPT,
    Frames,
    Levels,
    alike,
    levels_of,
    with_tails,
)
from antiphon.agents.media.reference import EchoReference
from antiphon.agents.media.router import Samples

__all__ = ["LONGEST_DELAY_S", "NO_ECHO", "EchoEstimator", "EchoEvidence", "EchoReference"]


HOP_S: Final = 0.008  # s between two frames
LONGEST_DELAY_S: Final = 0.5  # s from the agent's voice in the ear to its echo at our end

_HOP_HEARD: Final = 128  # samples at 16 kHz
_WINDOW: Final = 512
_WINDOW_FRAMES: Final = _WINDOW // _HOP_HEARD
_EACH_BAND: Final = np.arange(BANDS)

_LAGS: Final = round(LONGEST_DELAY_S / HOP_S) + 1
_SHORTEST: Final = 2  # frames: no transport is faster, and what leaks into both sides has no delay
_SPAN: Final = 192  # frames compared for the delay: 1.5 s
_LEAST_SPAN: Final = 16  # frames with which the first comparison is made
_EARLY: Final = 2 * BANDS
_BATCH: Final = 8  # windows that may wait: 0.26 s
_BATCH_SEARCHING: Final = 3  # the same while the person seems to speak and no echo is known
_NOW: Final = 8  # frames that the evidence is about: 64 ms
_LATE: Final = 12  # frames; audio that comes so much later or sooner than due is a new stretch
_LOOK: Final = 32  # frames between two looks at delay and path
_LOOK_SEARCHING: Final = 8  # the same while the person seems to speak and no delay is known
_UNKNOWN: Final = 160  # frames of sound after which a call without an echo counts as one: 1.3 s
_PRESUMED: Final = 6  # windows of voice that may be an echo as long as nothing is known
_PRESUMPTION: Final = 0.75  # their likeness (chosen)
# How far a delay must stand out, to be believed, from what the others reach by chance:
_SURE_AT_FIRST: Final = 3.0  # as long as nothing is known; one of a hundred by chance
_SURE: Final = 4.0  # later; one of a thousand
_VOTED: Final = 4.0  # what it is above chance, summed up over looks
_ALIKE: Final = 0.35  # correlation of the levels' movement that a delay must have
_LOUD_DB: Final = -50.0  # dB in some band: the agent is heard
_LEARNT: Final = 4  # compared frames from which a band's path can be told
# dB that a path may be wrong by, by times it was learnt:
_NOVICE_DB: Final = (8.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0)
_LEAST_SOUND: Final = 20.0  # dB, summed over bands and frames, above the noise: less says nothing
_COMPARED: Final = 16  # windows compared for the delay: half a second tells more than twice a quarter
_RATE_COMPARED_HZ: Final = 8_000
_HOP_COMPARED: Final = round(HOP_S * _RATE_COMPARED_HZ)
_NEAR: Final = _COMPARED * _WINDOW // 2
_FAR: Final = _NEAR + _LAGS * _HOP_COMPARED
_FFT: Final = 8192
_FFT_LOW, _FFT_HIGH = 200 * _FFT // _RATE_COMPARED_HZ, 3_600 * _FFT // _RATE_COMPARED_HZ
# The newest sound counts in full: an echo that has just begun is all at the end.
_COMPARED_SHAPE: Final = np.concatenate(
    [np.linspace(0, 1, _NEAR // 2), np.ones(_NEAR // 2 - 128), np.hanning(256)[128:]]
).astype(np.float32)


@dataclass(frozen=True, slots=True)
class EchoEvidence:
    """How much a window looks like the agent's own voice coming back."""

    likeness: float = 0.0
    """0: it is not; 1: it is nothing else. At 0.5 it is as likely as not that a person speaks too."""
    above_db: float = math.inf
    """Mean level above the echo that was predicted, dB, where there is any sound; infinite when none was
    predicted."""
    delay_s: float | None = None
    """From the agent's voice in the ear to its echo here, s; None while no echo was ever found."""
    gain_db: float = -math.inf
    """Of the echo against what was played, mean over the bands, dB."""


NO_ECHO: Final = EchoEvidence()


class EchoEstimator:
    """One call's echo.

    Args:
        reference: What was played.
    """

    def __init__(self, reference: EchoReference) -> None:
        self._reference = reference
        self._hop_played = round(reference.rate_hz * HOP_S)
        self._heard = Frames(BANDS)
        self._played = Frames(3 * BANDS)
        self._pending: list[Samples] = []
        self._before = np.zeros(_HOP_HEARD, dtype=np.int16)
        self._recent: deque[Samples] = deque(maxlen=_COMPARED)
        self._drift = 0.0
        self._placed = False
        self._looked = 0  # frame at which delay and path were last looked at
        self._votes = np.zeros(_LAGS, dtype=np.float32)
        self._delay: int | None = None
        self._unknown = True  # whether there is an echo: not enough was played yet
        self._sounded = 0.0  # frames of the agent's sound that were looked at
        self._asked = 0  # windows with speech since the agent sounds
        self._last = NO_ECHO
        self._path = np.full(BANDS, FLOOR_DB, dtype=np.float32)
        self._early_db = -6.0  # of the room's tails against what was played, dB
        self._late_db = -15.0
        self._learnt = np.zeros(BANDS, dtype=np.int64)  # frames that each band was learnt from
        self._fits = 0  # times that the path was learnt
        self._noise = np.full(BANDS, -70.0, dtype=np.float32)

    def window(self, now: float, samples: Samples) -> int | None:
        """Takes the next window.

        Args:
            now: Arrival of its last sample, s, the reference's clock.
            samples: Mono int16, 16 kHz, shape (512,). Kept for a while: must not change.

        Returns:
            Number of the frame after its last, for `expected`; None where nothing can have come back.
        """
        if now > self._reference.sound_until + LONGEST_DELAY_S + 0.3:
            self._pending.clear()
            self._recent.clear()
            self._placed = False
            self._before = samples[-_HOP_HEARD:]
            return None
        self._place(now)
        self._pending.append(samples)
        if len(self._pending) >= _BATCH:
            self._analyse()
        return self._heard.end + len(self._pending) * _WINDOW_FRAMES

    def expected(self, first: int, stop: int) -> tuple[Levels, NDArray[np.float32]] | None:
        """What an echo is like in frames that were heard lately.

        Args:
            first: Number of the first, as `window` counts.
            stop: After the last.

        Returns:
            Levels of the echo, dB, shape (stop - first, BANDS), and of the room's noise, shape (BANDS,);
            None where no echo is known, or the frames are older than what is kept.
        """
        if self._delay is None:
            return None
        self._analyse()
        if self._played.end < stop - self._delay:
            self._catch_up()
        if first - self._delay < self._played.end - KEPT or stop - self._delay > self._played.end:
            return None
        return self._predict(first, stop, self._delay), self._noise

    def evidence(self) -> EchoEvidence:
        """About the last window or two. Ask where the voice detector finds speech: asking works on what
        waits, and until an echo is known it looks for one."""
        if not self._placed:
            return NO_ECHO
        if self._delay is None and not self._unknown and len(self._pending) < _BATCH_SEARCHING:
            return NO_ECHO  # most calls have no echo: theirs is not looked for in every window
        self._analyse()
        if self._delay is None:
            self._asked += 1
        if self._fits < len(_NOVICE_DB) and self._heard.end - self._looked >= _LOOK_SEARCHING:
            self._look()
        if self._delay is None:
            presumed = self._unknown and self._asked <= _PRESUMED
            return EchoEvidence(likeness=_PRESUMPTION) if presumed else NO_ECHO
        stop = self._heard.end
        first = max(stop - _NOW, self._heard.begin)
        heard = self._heard.rows(first, stop)
        if self._played.end < stop - self._delay:  # older sound of the agent's is what comes back now
            self._catch_up()
        predicted = self._predict(first, stop, self._delay)
        above = heard - np.maximum(predicted, self._noise)
        weight = np.clip(heard - self._noise - 6.0, 0.0, 20.0)
        total = float(weight.sum())
        if total >= _LEAST_SOUND:
            above_db = float((weight * above).sum()) / total
            self._last = EchoEvidence(
                _likeness(above_db - _NOVICE_DB[min(self._fits, len(_NOVICE_DB) - 1)]),
                above_db,
                self._delay * HOP_S,
                float(self._path.mean()),
            )
        return self._last

    def reset(self) -> None:
        """Forgets the echo's path: another microphone, another room."""
        self._pending.clear()
        self._placed = False
        self._delay = None
        self._unknown = True
        self._sounded = 0.0
        self._asked = 0
        self._last = NO_ECHO
        self._recent.clear()
        self._unlearn()
        self._votes[:] = 0.0

    def _unlearn(self) -> None:
        self._fits = 0
        self._learnt[:] = 0

    def _place(self, now: float) -> None:
        """Finds where on the reference's line of time the next window lies."""
        epoch = self._reference.epoch or 0.0
        due = (now - epoch) / HOP_S - (len(self._pending) + 1) * _WINDOW_FRAMES
        off = due - self._heard.end
        if self._placed and abs(off) < _LATE:
            self._drift += 0.02 * (off - self._drift)  # arrivals jitter, samples do not
            if abs(self._drift) < 2.0:
                return
            off = self._drift
        if self._pending:
            self._analyse()
        self._heard.move(self._heard.end + round(off))
        if abs(off) >= _LATE:
            self._recent.clear()
        self._drift = 0.0
        self._placed = True

    def _analyse(self) -> None:
        """Works out the windows that wait."""
        if not self._pending:
            return
        sound = np.concatenate([self._before, *self._pending]).astype(np.float32)
        count = len(self._pending) * _WINDOW_FRAMES
        self._before = self._pending[-1][-_HOP_HEARD:]
        self._recent.extend(self._pending)
        self._pending.clear()
        self._heard.append(levels_of(sound, _HOP_HEARD, count))
        if self._heard.end - self._looked >= _LOOK or self._heard.end < self._looked:
            self._look()

    def _catch_up(self) -> None:
        stop = self._heard.end
        changed = self._reference.take_changed()
        if changed is not None and changed // self._hop_played < self._played.end:
            self._played.move(max(changed // self._hop_played, stop - KEPT))
        if stop <= self._played.end:
            return
        if stop - self._played.end > KEPT:
            self._played.move(stop - KEPT)
        first = self._played.end
        hop = self._hop_played
        sound = self._reference.between((first - 1) * hop, stop * hop).astype(np.float32)
        self._played.append(
            with_tails(levels_of(sound, hop, stop - first), self._played.rows(first - 1, first)[0])
        )

    def _look(self) -> None:
        """Looks at the delay and the path again."""
        self._catch_up()
        stop = self._heard.end
        first = max(stop - _SPAN, self._heard.begin)
        since = min(stop - self._looked, _LOOK)
        self._looked = stop
        if stop - first < _LEAST_SPAN:
            return
        heard = self._heard.rows(first, stop)
        self._noise = np.maximum(_quantiles(heard, 0.1), -80.0)
        if not self._sounds(stop):
            return
        self._sounded += since
        peaks = self._vote(stop, since / _LOOK)
        best = int(peaks.argmax())
        sure = peaks[best] >= (_SURE_AT_FIRST if self._unknown else _SURE)
        if not sure:
            best = int(self._votes.argmax())
            sure = self._votes[best] >= _VOTED
        if sure and alike(heard, self._played.rows(first - best, stop - best)[:, :BANDS]) > _ALIKE:
            if self._delay is not None and abs(best - self._delay) > 1:
                self._unlearn()
            self._delay = best
        if self._delay is not None:
            self._fit(heard, first, stop, self._delay)
            self._unknown = False
        elif self._sounded >= _UNKNOWN:
            self._unknown = False

    def _sounds(self, stop: int) -> bool:
        """Whether the agent was loud enough, in what the last half second may be an echo of."""
        return bool(self._played.rows(stop - _LAGS - 2 * _LOOK_SEARCHING, stop)[:, :BANDS].max() > _LOUD_DB)

    def _vote(self, stop: int, share: float) -> NDArray[np.float32]:
        """Lets the last half second say at which delay it is an echo.

        Returns:
            How far each delay stands out: up to 2 for none, above 3 in one of a hundred by chance.
        """
        near = np.zeros(2 * _NEAR, dtype=np.float32)
        recent = np.concatenate(self._recent)
        near[-len(recent) :] = recent
        near = near[0::2] + near[1::2]
        end = stop * self._hop_played
        far = self._reference.between(end - 3 * _FAR, end).astype(np.float32)
        far = far[0::3] + far[1::3] + far[2::3]
        product = np.fft.rfft(near * _COMPARED_SHAPE, _FFT)[_FFT_LOW:_FFT_HIGH].conj()
        product *= np.fft.rfft(far, _FFT)[_FFT_LOW:_FFT_HIGH]
        product /= (np.abs(product) + 1e-3) ** 0.8  # less of what is loud: a pitch looks alike at many delays
        full = np.zeros(_FFT // 2 + 1, dtype=np.complex64)
        full[_FFT_LOW:_FFT_HIGH] = product
        peaks: NDArray[np.float32] = (
            np.abs(np.fft.irfft(full, _FFT)[: _FAR - _NEAR]).reshape(_LAGS, -1).max(axis=1)[::-1]
        )
        usual = float(np.sort(peaks)[_LAGS // 2 :].mean())
        peaks /= usual + 1e-9
        peaks[:_SHORTEST] = 0.0
        self._votes *= 1.0 - 0.1 * share
        self._votes += share * np.clip(peaks - 2.2, 0.0, 4.0)
        return peaks

    def _fit(self, heard: Levels, first: int, stop: int, delay: int) -> None:
        """Learns the path anew from the frames at hand, each number a median: a person who speaks in
        less than half of them moves none."""
        heard = heard[::2]  # every other frame says as much for half the cost
        played = self._played.rows(first - delay, stop - delay)[::2]
        direct, early, late = played[:, :BANDS], played[:, BANDS:_EARLY], played[:, _EARLY:]
        share = max(0.3, 1.0 / (self._fits + 1))
        self._fits += 1
        loud = (direct > early - 3.0) & (direct > np.maximum(direct.max(axis=0) - 20.0, -65.0))
        counts = loud.sum(axis=0)
        np.maximum(self._learnt, counts, out=self._learnt)
        known = self._learnt >= _LEARNT
        middles = _middles(heard - direct, loud, counts)
        moved = known & (counts >= 2)
        self._path[moved] += share * (middles - self._path)[moved]
        if not known.all() and counts.any():  # as the bands that are known, or as what little there is
            self._path[~known] = self._path[known].mean() if known.any() else middles[counts > 0].mean()
        echo = heard - self._path
        self._early_db += share * (
            _middle(echo - early, direct < early - 8.0, self._early_db) - self._early_db
        )
        self._late_db += share * (_middle(echo - late, early < late - 8.0, self._late_db) - self._late_db)

    def _predict(self, first: int, stop: int, delay: int) -> Levels:
        """The levels an echo has from one frame of the person's to another."""
        played = self._played.rows(first - delay, stop - delay)
        tail = np.maximum(played[:, BANDS:_EARLY] + self._early_db, played[:, _EARLY:] + self._late_db)
        predicted: Levels = np.maximum(played[:, :BANDS], tail) + self._path
        return predicted


def _quantiles(values: Levels, share: float) -> NDArray[np.float32]:
    """A quantile of each column."""
    columns = np.ascontiguousarray(values.T)
    at = int(share * len(values))
    columns.partition(at, axis=1)
    return columns[:, at]


def _middles(values: Levels, which: NDArray[np.bool_], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """The median of some values of each column; infinite for a column without any."""
    columns = np.where(which, values, np.float32(np.inf)).T.copy()
    columns.sort(axis=1)
    return columns[_EACH_BAND, counts // 2]


def _middle(values: Levels, which: NDArray[np.bool_], otherwise: float) -> float:
    """The median of some values, within what a room may do; ``otherwise`` if they are few."""
    chosen = values[which]
    if len(chosen) < 20:
        return otherwise
    at = len(chosen) // 2
    chosen.partition(at)
    return min(max(float(chosen[at]), -40.0), 3.0)


def _likeness(above_db: float) -> float:
    return 1.0 / (1.0 + math.exp(min(max((above_db - 7.5) / 1.2, -30.0), 30.0)))
