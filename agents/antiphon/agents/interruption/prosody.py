"""How something is said: about thirty cheap numbers of a stretch of sound, whatever the language.

A listener's "mm-hm" is short, soft, hummed and flat or gently rising, in English as in Chinese; an
interruption starts firmly, changes its spectrum from syllable to syllable and goes on. A cough is a burst
without pitch; a horn has pitch and no syllables. Nothing here depends on the level of the microphone.

Pure: sound and a few times in, a vector out. Order and meaning are in `NAMES`; a change of either needs
new weights of the acoustic judge, whose network reads it. `Evidence` has some of it for people to read.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NAMES", "RATE_HZ", "Measures", "prosody"]

RATE_HZ: Final = 16_000  # Hz
_FRAME: Final = 512  # samples, 32 ms: two periods of the lowest voice measured
_HOP: Final = 256  # samples, 16 ms
_FFT: Final = 1_024  # zero-padded, so that the autocorrelation does not wrap
_HOP_S: Final = _HOP / RATE_HZ
_LONGEST: Final = 2 * RATE_HZ  # samples measured, the last ones; chosen: longer speech is a turn anyway
_LOWEST_HZ: Final = 70.0
_HIGHEST_HZ: Final = 450.0
_PERIODIC: Final = 0.45  # normalised autocorrelation from which a frame has pitch; chosen
_NEARLY: Final = 0.9  # of the highest peak; chosen
_ACTIVE_DB: Final = 25.0  # below the loudest frames, still part of the sound; chosen
_DIP_DB: Final = 3.0  # between two syllables at least; chosen
_SYLLABLE_DB: Final = 15.0  # below the loudest frames, still a syllable; chosen
_SMALL: Final = np.float32(1e-10)

_WINDOW: Final = np.hanning(_FRAME).astype(np.float32)
_CORRELATED: Final = np.fft.irfft(np.square(np.abs(np.fft.rfft(_WINDOW, _FFT))), _FFT)
_OWN: Final = _CORRELATED / _CORRELATED[0]  # the window's own autocorrelation
_FREQUENCIES: Final = (np.arange(_FFT // 2 + 1) * RATE_HZ / _FFT).astype(np.float32)

NAMES: Final = (
    "log_voiced_s",  # ln(0.1 + voice so far)
    "log_elapsed_s",  # ln(0.1 + time since the voice began)
    "quiet_s",
    "voiced_share",
    "contrast_db",  # loud frames over the quiet ones before and around
    "level_spread_db",
    "level_slope_db_s",
    "attack_s",  # from the voice's beginning to its loudest frame
    "tail_db",  # last sixth of the sound against its loudest frames
    "zero_crossings",
    "zero_crossings_spread",
    "flatness",
    "flatness_spread",
    "centroid_khz",
    "centroid_spread_khz",
    "rolloff_khz",
    "low_share",  # energy below 500 Hz
    "high_share",  # energy above 3 kHz
    "flux",  # change of the spectrum's shape from frame to frame
    "flux_spread",
    "periodic_share",
    "clarity",
    "pitch_octaves",  # median pitch, octaves over 100 Hz
    "pitch_spread_octaves",
    "pitch_slope_octaves_s",
    "pitch_final_octaves",  # its last third against its first
    "syllables",
    "syllables_a_second",
    "longest_steady_s",  # the longest run of frames without change: a hum, a horn
)


class Measures:
    """Spectra of a stretch of sound, frame by frame; made once and read by the groups below."""

    def __init__(self, audio: NDArray[np.float32], voice_at: int) -> None:
        cut = max(0, audio.size - _LONGEST)
        audio = audio[cut:]
        if audio.size < 2 * _FRAME:
            audio = np.concatenate([np.zeros(2 * _FRAME - audio.size, dtype=np.float32), audio])
        frames = np.lib.stride_tricks.sliding_window_view(audio, _FRAME)[::_HOP]
        self.frames = frames
        self.spectra = np.square(np.abs(np.fft.rfft(frames * _WINDOW, _FFT))).astype(np.float32) + _SMALL
        self.changes = _changes(self.spectra)
        self.level_db = 10 * np.log10(np.mean(np.square(frames), axis=1) + _SMALL)
        first = min(max(0, voice_at - cut) // _HOP, len(frames) - 1)
        self.lead_db = self.level_db[:first]
        loud = float(np.percentile(self.level_db[first:], 90))
        active = self.level_db > loud - _ACTIVE_DB
        active[:first] = False
        if not active.any():
            active[first:] = True
        self.loud_db = loud
        self.first = first
        self.active = active


def prosody(
    audio: NDArray[np.float32], *, voice_at: int, voiced_s: float, quiet_s: float = 0.0
) -> NDArray[np.float32]:
    """Measures one speech.

    Args:
        audio: Mono, 16 kHz, -1 to 1, shape (n,).
        voice_at: Sample at which the voice begins.
        voiced_s: Voice in it, pauses left out, s.
        quiet_s: Since its last voice, s.

    Returns:
        Shape (len(NAMES),), finite.
    """
    measures = Measures(audio, voice_at)
    elapsed_s = max(0.0, (audio.size - voice_at) / RATE_HZ)
    made = np.array(
        [
            np.log(0.1 + max(0.0, voiced_s)),
            np.log(0.1 + elapsed_s),
            quiet_s,
            min(2.0, voiced_s / max(0.05, elapsed_s - quiet_s)),
            *_levels(measures),
            *_spectrum(measures),
            *_pitch(measures),
            *_rhythm(measures),
        ],
        dtype=np.float32,
    )
    return np.nan_to_num(made, nan=0.0, posinf=0.0, neginf=0.0)


def _levels(m: Measures) -> tuple[float, ...]:
    levels = m.level_db[m.active]
    times = np.flatnonzero(m.active) * _HOP_S
    floor = float(np.percentile(m.lead_db, 50)) if m.lead_db.size >= 4 else float(m.level_db.min())
    tail = m.level_db[m.first :][-max(1, (len(m.level_db) - m.first) // 6) :]
    return (
        float(np.clip(m.loud_db - floor, 0, 60)),
        float(levels.std()),
        _slope(times, levels, 60.0),
        float((np.argmax(np.where(m.active, m.level_db, -200)) - m.first) * _HOP_S),
        float(np.clip(tail.mean() - m.loud_db, -60, 0)),
    )


def _spectrum(m: Measures) -> tuple[float, ...]:
    power = m.spectra[m.active]
    signs = np.signbit(m.frames[m.active])
    crossings = np.mean(signs[:, 1:] != signs[:, :-1], axis=1)
    total = power.sum(axis=1)
    band = power[:, 8:448]  # 125 Hz to 7 kHz
    flatness = np.log10(np.exp(np.mean(np.log(band), axis=1)) / np.mean(band, axis=1))
    centroid = (power @ _FREQUENCIES) / total / 1000
    summed = np.cumsum(power, axis=1)
    rolloff = _FREQUENCIES[np.argmax(summed >= 0.85 * total[:, None], axis=1)] / 1000
    low = power[:, :32].sum(axis=1) / total
    high = power[:, 192:].sum(axis=1) / total
    change = m.changes[m.active]
    return (
        float(crossings.mean()),
        float(crossings.std()),
        float(flatness.mean()),
        float(flatness.std()),
        float(centroid.mean()),
        float(centroid.std()),
        float(rolloff.mean()),
        float(low.mean()),
        float(high.mean()),
        float(change.mean()),
        float(change.std()),
    )


def _changes(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each frame's spectrum, in 32 wide bands, is from that of the frame before: 0 to 1."""
    bands = np.log10(spectra[:, :512].reshape(len(spectra), 32, 16).mean(axis=2))
    bands -= bands.mean(axis=1, keepdims=True)
    bands /= np.linalg.norm(bands, axis=1, keepdims=True) + _SMALL
    alike = np.sum(bands[1:] * bands[:-1], axis=1)
    return np.concatenate([[np.float32(0)], np.clip(1 - alike, 0, 1)]).astype(np.float32)


def _pitch(m: Measures) -> tuple[float, ...]:
    shifts = np.fft.irfft(m.spectra[m.active], _FFT)
    shortest, longest = int(RATE_HZ / _HIGHEST_HZ), int(RATE_HZ / _LOWEST_HZ)
    # Of the windowed frame, against that of the window alone: otherwise low voices look less periodic.
    alike = shifts[:, shortest:longest] / (shifts[:, :1] + _SMALL) / _OWN[shortest:longest]
    # The first peak that is nearly the highest: the later ones are whole periods more.
    first = np.argmax(alike >= _NEARLY * alike.max(axis=1, keepdims=True), axis=1)
    beyond = np.arange(alike.shape[1]) > (1.2 * (first + shortest) - shortest)[:, None]
    best = np.argmax(np.where(beyond, -1.0, alike), axis=1)
    clarity = np.clip(alike[np.arange(len(best)), best], 0, 1)
    periodic = clarity >= _PERIODIC
    share = float(periodic.mean())
    if periodic.sum() < 3:
        return (share, float(clarity.mean()), 0.0, 0.0, 0.0, 0.0)
    octaves = np.log2(RATE_HZ / (shortest + best[periodic]) / 100.0)
    middle = float(np.percentile(octaves, 50, method="lower"))  # one of them, not between two
    near = np.abs(octaves - middle) < 0.8  # a jump by an octave is the method's mistake
    octaves = octaves[near]
    times = (np.flatnonzero(m.active)[periodic] * _HOP_S)[near]
    third = max(1, len(octaves) // 3)
    return (
        share,
        float(clarity.mean()),
        middle,
        float(octaves.std()),
        _slope(times, octaves, 5.0),
        float(octaves[-third:].mean() - octaves[:third].mean()),
    )


def _rhythm(m: Measures) -> tuple[float, ...]:
    smooth = np.convolve(np.pad(m.level_db[m.first :], 2, mode="edge"), np.full(5, 0.2), mode="valid")
    count, extreme, rising = 0, float(smooth[0]), True
    for value in map(float, smooth):  # a syllable: a peak near the loudest, 3 dB above the dips around it
        if rising and value < extreme - _DIP_DB:
            count += extreme > m.loud_db - _SYLLABLE_DB
            extreme, rising = value, False
        elif not rising and value > extreme + _DIP_DB:
            extreme, rising = value, True
        else:
            extreme = max(extreme, value) if rising else min(extreme, value)
    count += rising and extreme > m.loud_db - _SYLLABLE_DB
    steady = (m.changes < 0.1) & m.active
    edges = np.flatnonzero(np.diff(np.concatenate([[0], steady.astype(np.int8), [0]])))
    longest = float((edges[1::2] - edges[::2]).max() * _HOP_S) if edges.size else 0.0
    length_s = max(0.1, float(m.active.sum()) * _HOP_S)
    return float(count), count / length_s, longest


def _slope(times: NDArray[np.floating], values: NDArray[np.floating], most: float) -> float:
    """Change a second of the straight line through the values, within ±``most``."""
    if len(times) < 3:
        return 0.0
    centred = times - times.mean()
    spread = float(centred @ centred)
    return float(np.clip(centred @ (values - values.mean()) / spread, -most, most)) if spread > 0 else 0.0
