"""Hums made from nothing: "mm", "mm-hm", the Chinese "嗯", as a listener makes them in every language.

What they share is no word but a sound: voiced, through the nose or on its way there, short, with a pitch that
lies, falls, or rises once. Each is made by overtones of a moving pitch under the resonances of a closed mouth
(a strong one near 280 Hz, a gap above, little beyond 2.5 kHz; Fujimura 1962), some with a neutral vowel
before. Mono float32 at 16 kHz; the generator decides everything.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.plugins.judges.training.noises import coloured

__all__ = ["HUMS", "hum"]

RATE_HZ: Final = 16_000
HUMS: Final = ("mm", "mm-hm", "en", "en-en", "uh-hum")
Sound = NDArray[np.float32]

# (Hz, width in Hz, dB) of the resonances of a closed mouth and of a neutral vowel.
_NASAL: Final = ((280.0, 80.0, 0.0), (1000.0, 180.0, -19.0), (2200.0, 250.0, -27.0), (3000.0, 400.0, -34.0))
_VOWEL: Final = ((520.0, 90.0, 0.0), (1450.0, 140.0, -8.0), (2500.0, 200.0, -16.0), (3500.0, 300.0, -24.0))


def hum(number: int, seed: int) -> tuple[str, Sound]:
    """One hum: which of `HUMS`, and its sound, peak 0.5."""
    rng = np.random.default_rng((seed, number, 5))
    name = HUMS[number % len(HUMS)]
    pitch_hz = float(np.exp(rng.uniform(np.log(85), np.log(300))))
    size = float(rng.uniform(0.88, 1.2))  # of the speaker: moves all resonances
    if name == "mm":
        parts = [_voiced(rng, pitch_hz, size, rng.uniform(0.14, 0.75), opens=0.0)]
    elif name == "en":
        parts = [_voiced(rng, pitch_hz, size, rng.uniform(0.14, 0.7), opens=rng.uniform(0.1, 0.5))]
    elif name == "en-en":
        opens = rng.uniform(0.0, 0.4)
        parts = []
        for _ in range(int(rng.integers(2, 4))):
            parts.append(_voiced(rng, pitch_hz, size, rng.uniform(0.12, 0.3), opens=opens))
            parts.append(np.zeros(int(rng.uniform(0.0, 0.12) * RATE_HZ), dtype=np.float32))
        parts.pop()
    else:
        opens = 0.0 if name == "mm-hm" else 1.0
        first = _voiced(rng, pitch_hz, size, rng.uniform(0.1, 0.25), opens=opens)
        breath = coloured(rng, int(rng.uniform(0.03, 0.09) * RATE_HZ), 1.0) * np.float32(
            rng.uniform(0.02, 0.3)
        )
        higher = pitch_hz * 2 ** (rng.uniform(-1, 6) / 12)
        parts = [first, breath, _voiced(rng, higher, size, rng.uniform(0.14, 0.4), opens=0.0)]
    made = np.concatenate(parts)
    return name, np.asarray(made * (0.5 / (np.abs(made).max() + 1e-9)), dtype=np.float32)


def _voiced(
    rng: np.random.Generator, pitch_hz: float, size: float, length_s: float, *, opens: float
) -> Sound:
    """A voiced stretch. ``opens``: share of it that begins as a vowel before the mouth closes; 1 for all."""
    n = int(length_s * RATE_HZ)
    t = np.linspace(0, 1, n)
    moves = {0: 0.0, 1: rng.uniform(-6, -1), 2: rng.uniform(1, 6), 3: rng.uniform(-1, 1)}[
        int(rng.integers(4))
    ]
    bend = rng.uniform(-2, 2) * np.sin(np.pi * t)
    shake = 0.15 * np.cumsum(rng.standard_normal(n)) / np.sqrt(n)
    pitch = pitch_hz * 2 ** ((moves * t + bend + shake) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    closed = np.clip((t - opens) / 0.15 + 0.5, 0, 1) if 0 < opens < 1 else np.full(n, 1.0 - opens)
    tilt = rng.uniform(0.8, 1.6)
    made = np.zeros(n)
    for k in range(1, int(4000 / pitch.mean()) + 1):
        gain = closed * _response(k * pitch / size, _NASAL) + (1 - closed) * _response(
            k * pitch / size, _VOWEL
        )
        made += np.sin(k * phase + rng.uniform(0, 6.28)) * gain * k ** -(tilt - 0.5)
    edge = np.minimum(t * length_s / rng.uniform(0.02, 0.08), (1 - t) * length_s / rng.uniform(0.04, 0.12))
    made *= np.clip(edge, 0, 1) * (1 + 0.4 * rng.uniform(-1, 1) * t)
    made /= np.abs(made).max() + 1e-9
    return np.asarray(
        made + rng.uniform(0.0, 0.02) * rng.standard_normal(n) * np.clip(edge, 0, 1), np.float32
    )


def _response(hz: NDArray[np.float64], peaks: tuple[tuple[float, float, float], ...]) -> NDArray[np.float64]:
    return np.sum([10 ** (db / 20) / np.sqrt(1 + ((hz - f) / w) ** 2) for f, w, db in peaks], axis=0)
