"""Sounds made from nothing: what is heard beside a voice, and what a voice makes without words.

Each generator takes a random generator and gives mono float32 at 16 kHz, about -1 to 1, of its own length.
They are caricatures: they teach the classifier that such spectra and rhythms are no words. Real recordings
of other sources, where the training has some, come on top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOISES", "VOCALS", "coloured", "make"]

RATE_HZ: Final = 16_000
Sound = NDArray[np.float32]


def _single(sound: NDArray[np.floating]) -> Sound:
    return np.asarray(sound, dtype=np.float32)


def coloured(rng: np.random.Generator, samples: int, slope: float) -> Sound:
    """Noise whose spectrum falls by ``slope`` * 3 dB an octave: 0 white, 1 pink, 2 brown. RMS 0.1."""
    size = 1 << max(1, samples - 1).bit_length()  # other sizes take many times as long
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequencies = np.maximum(np.arange(len(spectrum)) * RATE_HZ / size, 20.0)
    made = np.fft.irfft(spectrum * frequencies ** (-slope / 2), size)[:samples]
    return _single(0.1 * made / (np.sqrt(np.mean(np.square(made))) + 1e-9))


def _band(rng: np.random.Generator, samples: int, low: float, high: float) -> Sound:
    """Noise between two frequencies, with soft edges. RMS 0.1."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    f = np.arange(len(spectrum)) * RATE_HZ / samples
    made = np.fft.irfft(spectrum / (1 + (low / np.maximum(f, 1)) ** 4) / (1 + (f / high) ** 4), samples)
    return _single(0.1 * made / (np.sqrt(np.mean(np.square(made))) + 1e-9))


def _harmonic(pitch_hz: NDArray[np.float64], tilt: float, count: int, rng: np.random.Generator) -> Sound:
    """Overtones of a moving pitch; overtone k has amplitude k to the minus ``tilt``."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    made = np.zeros(len(pitch_hz))
    for k in range(1, count + 1):
        heard = pitch_hz * k < 7600
        made += heard * np.sin(k * phase + rng.uniform(0, 6.28)) * k**-tilt * rng.uniform(0.4, 1.0)
    return _single(0.3 * made / (np.abs(made).max() + 1e-9))


def _envelope(samples: int, attack_s: float, decay_s: float) -> NDArray[np.float64]:
    t = np.arange(samples) / RATE_HZ
    return np.minimum(1.0, t / max(attack_s, 1e-3)) * np.exp(-np.maximum(0.0, t - attack_s) / decay_s)


def _place(parts: Sequence[tuple[float, NDArray[np.floating]]], length_s: float) -> Sound:
    made = np.zeros(int(length_s * RATE_HZ), dtype=np.float32)
    for at_s, part in parts:
        start = int(at_s * RATE_HZ)
        end = min(len(made), start + len(part))
        if end > start:
            made[start:end] += part[: end - start].astype(np.float32)
    return made


def keys(rng: np.random.Generator) -> Sound:
    """Typing: clicks of 5 to 30 ms, four to nine a second."""
    parts, at = [], 0.0
    length = rng.uniform(0.8, 2.5)
    while at < length:
        n = int(rng.uniform(0.01, 0.04) * RATE_HZ)
        click = _band(rng, n, rng.uniform(300, 1500), rng.uniform(3000, 7000)) * _envelope(n, 0.001, 0.006)
        parts.append((at, rng.uniform(0.3, 1.0) * 4 * click))
        at += rng.gamma(4.0, 0.04)
    return _place(parts, length)


def knock(rng: np.random.Generator) -> Sound:
    """A door, a cup set down, a dropped thing: one to four resonant thuds."""
    parts = []
    for i in range(int(rng.integers(1, 5))):
        n = int(0.25 * RATE_HZ)
        tone = np.sin(2 * np.pi * rng.uniform(80, 900) * np.arange(n) / RATE_HZ)
        body = (tone + 3 * _band(rng, n, 100, 3000)) * _envelope(n, 0.002, rng.uniform(0.02, 0.08))
        parts.append((i * rng.uniform(0.15, 0.4), 0.5 * body))
    return _place(parts, 1.2)


def phone(rng: np.random.Generator) -> Sound:
    """A ringing telephone: two tones, or a melody of beeps."""
    length = rng.uniform(0.8, 2.5)
    t = np.arange(int(length * RATE_HZ)) / RATE_HZ
    if rng.random() < 0.5:
        low, high = sorted(rng.uniform(400, 1400, 2))
        made = (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t)) * (1 + np.sin(2 * np.pi * 20 * t))
        return _single(0.15 * made)
    step = rng.uniform(0.08, 0.25)
    notes = rng.uniform(500, 2500, int(length / step) + 1)
    pitch = notes[(t / step).astype(int)]
    made = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ)) * ((t % step) < 0.8 * step)
    return _single(0.15 * made)


def beep(rng: np.random.Generator) -> Sound:
    """An appliance: one to five equal tones."""
    n = int(rng.uniform(0.06, 0.5) * RATE_HZ)
    tone = np.sin(2 * np.pi * rng.uniform(400, 3500) * np.arange(n) / RATE_HZ)
    every = n / RATE_HZ + rng.uniform(0.05, 0.4)
    count = int(rng.integers(1, 6))
    return _place([(i * every, 0.3 * tone) for i in range(count)], count * every)


def siren(rng: np.random.Generator) -> Sound:
    """A wail or a two-tone horn."""
    t = np.arange(int(rng.uniform(1.0, 3.0) * RATE_HZ)) / RATE_HZ
    rate = rng.uniform(0.2, 4.0)
    wave = np.sin(2 * np.pi * rate * t + rng.uniform(0, 6.28))
    if rng.random() < 0.4:
        wave = np.sign(wave)
    return _harmonic(rng.uniform(500, 1100) * 2 ** (rng.uniform(0.2, 0.8) * wave), 1.2, 8, rng)


def horn(rng: np.random.Generator) -> Sound:
    """A car's horn: a steady chord, once or twice."""
    n = int(rng.uniform(0.2, 1.2) * RATE_HZ)
    low, high = (_harmonic(np.full(n, f), 0.6, 14, rng) for f in rng.uniform(280, 520, 2))
    made = low + high
    every = n / RATE_HZ + rng.uniform(0.1, 0.5)
    return _place([(0.0, made), (every, made)][: int(rng.integers(1, 3))], every * 2)


def bark(rng: np.random.Generator) -> Sound:
    """A dog: one to four short falling bursts, rough."""
    parts, at = [], 0.0
    for _ in range(int(rng.integers(1, 5))):
        n = int(rng.uniform(0.1, 0.3) * RATE_HZ)
        pitch = np.linspace(rng.uniform(500, 1000), rng.uniform(250, 500), n)
        burst = _harmonic(pitch, 0.7, 12, rng) + rng.uniform(0.5, 2.0) * _band(rng, n, 400, 4000)
        parts.append((at, burst * _envelope(n, 0.015, 0.08)))
        at += rng.uniform(0.25, 0.7)
    return _place(parts, at)


def engine(rng: np.random.Generator) -> Sound:
    """Traffic, an idling engine, a fan: low, steady."""
    n = int(rng.uniform(1.0, 3.0) * RATE_HZ)
    pitch = rng.uniform(25, 90) * (1 + 0.03 * np.cumsum(rng.standard_normal(n)) / np.sqrt(n))
    made = _harmonic(np.maximum(pitch, 15.0), rng.uniform(0.6, 1.5), 30, rng)
    return _single(made * rng.uniform(0.2, 1.0) + coloured(rng, n, rng.uniform(1.0, 2.2)))


def music(rng: np.random.Generator) -> Sound:
    """Plucked or bowed notes of a scale, two or three at a time, sometimes with a beat."""
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12) * 2 ** rng.uniform(-0.8, 0.8)
    length, step = rng.uniform(1.2, 3.0), rng.uniform(0.12, 0.5)
    parts: list[tuple[float, NDArray[np.floating]]] = []
    for i in range(int(length / step)):
        n = int(rng.uniform(0.3, 0.8) * RATE_HZ)
        for _ in range(int(rng.integers(1, 4))):
            note = _harmonic(np.full(n, rng.choice(scale)), rng.uniform(0.8, 2.0), 8, rng)
            parts.append((i * step, note * _envelope(n, rng.uniform(0.003, 0.08), rng.uniform(0.1, 0.5))))
        if rng.random() < 0.3:
            parts.append((i * step, 2 * _band(rng, 1600, 50, 6000) * _envelope(1600, 0.002, 0.03)))
    return _place(parts, length)


def cry(rng: np.random.Generator) -> Sound:
    """A baby: long high calls with vibrato."""
    parts, at = [], 0.0
    for _ in range(int(rng.integers(1, 4))):
        n = int(rng.uniform(0.4, 1.0) * RATE_HZ)
        t = np.arange(n) / n
        pitch = (
            rng.uniform(350, 550) * (1 + 0.25 * np.sin(np.pi * t)) * (1 + 0.02 * np.sin(2 * np.pi * 40 * t))
        )
        parts.append((at, _harmonic(pitch, 0.4, 14, rng) * np.sin(np.pi * t) ** 0.5))
        at += n / RATE_HZ + rng.uniform(0.1, 0.4)
    return _place(parts, at)


def gust(rng: np.random.Generator) -> Sound:
    """Wind on the microphone, rustling, running water: noise that swells."""
    n = int(rng.uniform(0.4, 2.5) * RATE_HZ)
    swell = np.interp(np.arange(n), np.linspace(0, n, 9), rng.uniform(0.1, 1.0, 9))
    return _single(coloured(rng, n, rng.uniform(-0.5, 2.0)) * swell * 2)


def _tract(rng: np.random.Generator, sound: Sound, wide: float = 1.0) -> Sound:
    """The sound through three resonances at random places, as of a mouth and throat."""
    spectrum = np.fft.rfft(sound)
    f = np.arange(len(spectrum)) * RATE_HZ / len(sound)
    shape = np.full(len(f), 0.05)
    for low, high in ((350, 900), (900, 2000), (2200, 3600)):
        centre = rng.uniform(low, high)
        shape += rng.uniform(0.3, 1.0) / (1 + ((f - centre) / (wide * rng.uniform(60, 250))) ** 2)
    made = np.fft.irfft(spectrum * shape, len(sound))
    return _single(0.3 * made / (np.abs(made).max() + 1e-9))


def cough(rng: np.random.Generator) -> Sound:
    """One to four: a burst, a rough vowel, and sometimes a second burst at the end."""
    parts, at = [], 0.0
    for _ in range(int(rng.integers(1, 5))):
        n = int(rng.uniform(0.15, 0.45) * RATE_HZ)
        noise = _tract(rng, coloured(rng, n, rng.uniform(-0.5, 1.0)), 3.0) * _envelope(n, 0.008, 0.07)
        m = int(rng.uniform(0.08, 0.25) * RATE_HZ)
        pitch = np.linspace(rng.uniform(180, 400), rng.uniform(80, 200), m)
        pitch *= 1 + 0.08 * rng.standard_normal(m)
        vowel = _tract(rng, _harmonic(pitch, 0.8, 25, rng)) * np.sin(np.pi * np.arange(m) / m)
        parts += [(at, noise), (at + rng.uniform(0.03, 0.1), rng.uniform(0.0, 0.9) * vowel)]
        if rng.random() < 0.4:
            parts.append((at + rng.uniform(0.2, 0.35), 0.5 * noise[: n // 2]))
        at += rng.uniform(0.25, 0.6)
    return _place(parts, at + 0.3)


def laugh(rng: np.random.Generator) -> Sound:
    """ "Ha" three to nine times, four to six a second, pitch and strength falling; breathy."""
    count, every = int(rng.integers(3, 10)), rng.uniform(0.15, 0.28)
    top, parts = rng.uniform(130, 500), []
    for i in range(count):
        n = int(every * rng.uniform(0.5, 0.9) * RATE_HZ)
        pitch = np.linspace(1.1, 0.85, n) * top * (1 - 0.4 * i / count)
        ha = _harmonic(pitch, rng.uniform(0.6, 1.4), 25, rng) * (rng.random() < 0.85)
        ha = _tract(rng, ha + rng.uniform(0.2, 1.5) * coloured(rng, n, 0.5)) * np.sin(
            np.pi * np.arange(n) / n
        )
        parts.append((i * every, ha * rng.uniform(0.7, 1.0) * 0.92**i))
    return _place(parts, count * every + 0.1)


def breath(rng: np.random.Generator) -> Sound:
    """In or out, a sigh, a sniff: shaped noise of 0.1 to 1.2 s."""
    n = int(rng.uniform(0.1, 1.2) * RATE_HZ)
    air = _tract(rng, coloured(rng, n, rng.uniform(-0.5, 1.0)), 4.0)
    swell = np.sin(np.pi * (np.arange(n) / n) ** rng.uniform(0.5, 2.0))
    return _single(air * swell)


def throat(rng: np.random.Generator) -> Sound:
    """Clearing one's throat, a snore: a rough low rattle."""
    n = int(rng.uniform(0.2, 1.0) * RATE_HZ)
    beats = np.cumsum(rng.uniform(20, 60) + rng.normal(0, 8, n)) / RATE_HZ
    rattle = (1 + np.sign(np.sin(2 * np.pi * beats))) / 2
    pitch = rng.uniform(70, 150) * (1 + 0.1 * rng.standard_normal(n))
    air = coloured(rng, n, 1.0) + rng.uniform(0, 0.6) * _harmonic(pitch, 0.8, 30, rng)
    made = _tract(rng, _single(air * rattle))
    return _single(made * np.sin(np.pi * np.arange(n) / n) ** 0.5)


def sneeze(rng: np.random.Generator) -> Sound:
    """A breath in, a burst of hiss."""
    n = int(rng.uniform(0.2, 0.45) * RATE_HZ)
    burst = _band(rng, n, rng.uniform(500, 2000), 7500) * 3 * _envelope(n, 0.02, 0.1)
    return _place([(0.0, 0.3 * breath(rng)), (rng.uniform(0.2, 0.6), burst)], 1.2)


NOISES: Final[tuple[Callable[[np.random.Generator], Sound], ...]] = (
    keys, knock, phone, beep, siren, horn, bark, engine, music, cry, gust,
)  # fmt: skip
VOCALS: Final[tuple[Callable[[np.random.Generator], Sound], ...]] = (cough, laugh, breath, throat, sneeze)


def make(kind: str, number: int, seed: int) -> tuple[str, Sound]:
    """The ``number``-th sound of a kind ("noise" or "vocal"): what it is called, and the sound."""
    generators = NOISES if kind == "noise" else VOCALS
    generator = generators[number % len(generators)]
    return generator.__name__, generator(np.random.default_rng((seed, number, len(generators))))
