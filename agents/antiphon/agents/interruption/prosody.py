"""The sound of one speech in numbers: level, pitch, syllables, spectrum.

Fed with the 32 ms windows of one speech. A window costs a few microseconds; pitch and spectrum are worked
out when `Prosody.summary` is asked, for all windows that came since, in one go, because at this size
numpy costs by the call and not by the sample.

Pitch: normalised autocorrelation of 64 ms at 4 kHz, the shortest lag that is nearly as good as the best,
a parabola through it. Syllables: peaks of the level in steps of 16 ms that rise and fall by 3 dB. Both
are evidence, not measurements: good for "it falls" and "it has four beats", not for phonetics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.verdicts import WINDOW_S

__all__ = ["RATE_HZ", "SILENCE_DB", "WINDOW", "Prosody", "Summary", "level_db"]

RATE_HZ: Final = 16_000
WINDOW: Final = 512  # samples; 32 ms
SILENCE_DB: Final = -90.0  # dBFS; no level is said to be lower

_KEPT: Final = 250  # windows whose pitch is kept (8 s)
_LOWEST_HZ, _HIGHEST_HZ = 70.0, 400.0  # Hz; pitch of adults and most children
_PITCH_RATE_HZ: Final = 4_000  # Hz; enough for that pitch, with a parabola between lags
_PITCHED: Final = 0.5  # normalised autocorrelation from which a window has a pitch (chosen)
_NEARLY: Final = 0.9  # share of the best peak that a shorter lag needs: against octaves too low (chosen)
_DIP_DB: Final = 3.0  # dB that the level falls between two syllables (chosen)
_CLEAR_DB: Final = 8.0  # dB above the noise floor at which a peak may be a syllable (chosen)
_SLOPE_S: Final = 0.4  # s of voice over which the movement of pitch is told
_SURE: Final = 0.9  # probability from which a detector counts as sure

_DECIMATE: Final = RATE_HZ // _PITCH_RATE_HZ
_FRAME: Final = 2 * WINDOW // _DECIMATE  # samples at 4 kHz in the 64 ms of one pitch
_FFT: Final = 2 * _FRAME
_SHORTEST = math.floor(_PITCH_RATE_HZ / _HIGHEST_HZ)
_LONGEST = math.ceil(_PITCH_RATE_HZ / _LOWEST_HZ)
_HANN: Final = np.hanning(_FRAME).astype(np.float32)


def _window_autocorrelation() -> NDArray[np.float32]:
    """Of the Hann window, normalised: what a steady tone's autocorrelation falls off by."""
    spectrum = np.abs(np.fft.rfft(_HANN, _FFT)) ** 2
    correlation = np.fft.irfft(spectrum)[: _LONGEST + 2]
    falloff: NDArray[np.float32] = (correlation / correlation[0]).astype(np.float32)
    return falloff


_FALLOFF: Final = _window_autocorrelation()
_LOW_BIN, _HIGH_BIN = 200 * WINDOW // RATE_HZ, 7_000 * WINDOW // RATE_HZ
_BINS_HZ: Final = (np.arange(_LOW_BIN, _HIGH_BIN) * RATE_HZ / WINDOW).astype(np.float32)
_WINDOW_HANN: Final = np.hanning(WINDOW).astype(np.float32)


def level_db(samples: NDArray[np.int16]) -> float:
    """The level of mono int16 samples, dBFS of a square wave, at least `SILENCE_DB`."""
    sound = samples.astype(np.float32)
    power = float(np.dot(sound, sound)) / (len(sound) * 32768.0**2)
    return max(10.0 * math.log10(power), SILENCE_DB) if power > 0 else SILENCE_DB


@dataclass(frozen=True, slots=True)
class Summary:
    """The speech so far. Means are over its voiced windows; `Evidence` says what each number is."""

    level_db: float = SILENCE_DB
    peak_db: float = SILENCE_DB
    echo: float = 0.0
    above_echo_db: float = math.inf
    pitch_hz: float = 0.0
    pitched: float = 0.0
    pitch_range_st: float = 0.0
    pitch_slope_st_s: float = 0.0
    syllables: int = 0
    flatness: float = 0.0
    centroid_hz: float = 0.0
    speech_mean: float = 0.0
    speech_max: float = 0.0
    speech_sure: float = 0.0


class Prosody:
    """One speech's sound.

    Args:
        before: The window before the first one, int16, shape (512,).
        noise_db: The room's noise floor, dBFS.
    """

    def __init__(self, before: NDArray[np.int16], noise_db: float = SILENCE_DB) -> None:
        self.noise_db = noise_db
        """The room's noise floor when it began, dBFS."""
        self._pending: list[NDArray[np.int16]] = [before]  # the first was worked out, or is no part of it
        self._pending_voiced: list[bool] = []
        self._syllables = _Syllables(noise_db + _CLEAR_DB)
        self._windows = 0
        self._voiced = 0
        self._level_sum = 0.0
        self._peak_db = SILENCE_DB
        self._echo_sum = 0.0
        self._above_sum, self._above = 0.0, 0
        self._speech_sum, self._speech_max, self._sure = 0.0, 0.0, 0
        self._pitches: list[tuple[int, float]] = []  # window's number, semitones above 1 Hz
        self._analysed = 0  # voiced windows whose pitch and spectrum are known
        self._pitched = 0
        self._flatness_sum = 0.0
        self._centroid_sum = 0.0

    def window(
        self,
        samples: NDArray[np.int16],
        level: float,
        speech: float,
        voiced: bool,
        echo: float,
        above_echo_db: float,
    ) -> None:
        """Takes the next window; ``samples`` are kept until the next summary and must not change."""
        self._pending.append(samples)
        self._pending_voiced.append(voiced)
        if len(self._pending) > _KEPT:
            self._analyse()
        if not voiced:
            return
        self._voiced += 1
        self._level_sum += level
        self._peak_db = max(self._peak_db, level)
        self._echo_sum += echo
        if math.isfinite(above_echo_db):
            self._above_sum += above_echo_db
            self._above += 1
        self._speech_sum += speech
        self._speech_max = max(self._speech_max, speech)
        self._sure += speech >= _SURE

    def summary(self) -> Summary:
        """The speech so far."""
        self._analyse()
        if not self._voiced:
            return Summary()
        analysed = max(self._analysed, 1)
        middle, spread, slope = self._movement()
        return Summary(
            level_db=self._level_sum / self._voiced,
            peak_db=self._peak_db,
            echo=self._echo_sum / self._voiced,
            above_echo_db=self._above_sum / self._above if self._above else math.inf,
            pitch_hz=middle,
            pitched=self._pitched / analysed,
            pitch_range_st=spread,
            pitch_slope_st_s=slope,
            syllables=self._syllables.count,
            flatness=self._flatness_sum / analysed,
            centroid_hz=self._centroid_sum / analysed,
            speech_mean=self._speech_sum / self._voiced,
            speech_max=self._speech_max,
            speech_sure=self._sure / self._voiced,
        )

    def _analyse(self) -> None:
        """Works out the windows that came since the last time."""
        voiced = self._pending_voiced
        if not voiced:
            return
        sound = np.concatenate(self._pending).astype(np.float32)
        sound *= 1 / 32768
        self._pending = self._pending[-1:]
        self._pending_voiced = []
        halves = sound[WINDOW:].reshape(-1, WINDOW // 2)
        powers = np.einsum("ij,ij->i", halves, halves) * (2 / WINDOW)
        for power in powers.tolist():
            self._syllables.step(10.0 * math.log10(power + 1e-9))
        first = self._windows
        self._windows += len(voiced)
        which = [i for i, is_voiced in enumerate(voiced) if is_voiced]
        if which:
            self._pitch(sound, which, first)
            self._spectrum(sound, which)
            self._analysed += len(which)

    def _pitch(self, sound: NDArray[np.float32], which: list[int], first: int) -> None:
        low = sound.reshape(-1, _DECIMATE).sum(axis=1).reshape(-1, _FRAME // 2)
        frames = np.concatenate([low[:-1], low[1:]], axis=1)[which]
        frames = frames - frames.mean(axis=1, keepdims=True)
        frames *= _HANN
        spectrum = np.fft.rfft(frames, _FFT)
        power = spectrum.real**2 + spectrum.imag**2
        correlation = np.fft.irfft(power, _FFT)[:, : _LONGEST + 2]
        correlation /= (correlation[:, :1] + 1e-9) * _FALLOFF
        left = correlation[:, _SHORTEST - 1 : _LONGEST]
        top = correlation[:, _SHORTEST : _LONGEST + 1]
        right = correlation[:, _SHORTEST + 1 : _LONGEST + 2]
        # Only where it is a peak, as a slope towards lag 0 is none, and as high as a parabola through it:
        # a high voice's period is a few lags long and falls between them.
        bend = left - 2 * top + right
        lean = left - right
        peak = (top >= right) & (top >= left) & (bend < -1e-6)
        heights = np.where(peak, top - lean * lean / (8 * np.minimum(bend, -1e-6)), 0.0)
        best = heights.max(axis=1)
        lags = (heights >= (_NEARLY * best)[:, None]).argmax(axis=1)
        for row, (at, height) in enumerate(zip(lags.tolist(), best.tolist(), strict=True)):
            if height < _PITCHED:
                continue
            exact = _SHORTEST + at + 0.5 * float(lean[row, at]) / float(bend[row, at])
            self._pitched += 1
            self._pitches.append((first + which[row], 12 * math.log2(_PITCH_RATE_HZ / exact)))
        del self._pitches[:-_KEPT]

    def _spectrum(self, sound: NDArray[np.float32], which: list[int]) -> None:
        frames = sound[WINDOW:].reshape(-1, WINDOW)[which] * _WINDOW_HANN
        spectrum = np.fft.rfft(frames)[:, _LOW_BIN:_HIGH_BIN]
        power = spectrum.real**2 + spectrum.imag**2 + 1e-9
        means = power.mean(axis=1)
        self._flatness_sum += float((np.exp(np.log(power).mean(axis=1)) / means).sum())
        self._centroid_sum += float((power @ _BINS_HZ / (means * len(_BINS_HZ))).sum())

    def _movement(self) -> tuple[float, float, float]:
        """Median pitch, Hz; its range, semitones; its slope at the end, semitones a second."""
        if not self._pitches:
            return 0.0, 0.0, 0.0
        ordered = sorted(semitones for _, semitones in self._pitches)
        count = len(ordered)
        middle = ordered[count // 2]
        spread = ordered[min(count * 9 // 10, count - 1)] - ordered[count // 10]
        last = self._pitches[-1][0]
        # An octave jump is the method's, not the voice's.
        near = [
            (number * WINDOW_S, semitones)
            for number, semitones in self._pitches[-round(_SLOPE_S / WINDOW_S) :]
            if last - number <= _SLOPE_S / WINDOW_S and abs(semitones - middle) < 9
        ]
        slope = 0.0
        if len(near) >= 4:
            mean_at = sum(at for at, _ in near) / len(near)
            mean = sum(semitones for _, semitones in near) / len(near)
            over = sum((at - mean_at) * (semitones - mean) for at, semitones in near)
            slope = over / sum((at - mean_at) ** 2 for at, _ in near)
        return 2 ** (middle / 12), spread, slope


class _Syllables:
    """Counts the peaks of a level in steps of 16 ms, with a dip of `_DIP_DB` between them."""

    def __init__(self, least_db: float) -> None:
        self.count = 0
        self._least = least_db
        self._smooth: float | None = None
        self._low = math.inf
        self._high = -math.inf
        self._rising = True

    def step(self, level: float) -> None:
        """Takes the next level, dBFS."""
        smooth = level if self._smooth is None else 0.5 * (self._smooth + level)
        self._smooth = smooth
        if self._rising:
            self._high = max(self._high, smooth)
            if smooth < self._high - _DIP_DB:
                self._rising = False
                self._low = smooth
        else:
            self._low = min(self._low, smooth)
        if not self._rising and smooth > self._low + _DIP_DB:
            self._rising = True
            self._high = smooth
            self._counted = False
        if self._rising and not self._counted and smooth > self._least:
            self.count += 1
            self._counted = True

    _counted = False
