"""Other mouths, rooms and lines: what happens to a sound between a person and the judge.

Each function takes and gives mono float32 at 16 kHz. `heard` draws a whole chain at random: size of the
speaker, speed, room, noise, the agent's own voice leaking in, a telephone line.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.plugins.judges.training.noises import coloured
from antiphon.plugins.local.resample import resample

__all__ = ["heard", "line", "resize", "room", "stretch"]

RATE_HZ: Final = 16_000
_STEP_HZ: Final = 400  # sizes are multiples of this rate, so that the resampler has few phases
Sound = NDArray[np.float32]


def resize(sound: Sound, factor: float) -> Sound:
    """A larger (above 1) or smaller speaker: pitch and resonances move together, and so does the length."""
    step = 400
    return (
        resample(sound, RATE_HZ // step * step, int(RATE_HZ / step * factor) * step) if factor != 1 else sound
    )


def stretch(sound: Sound, factor: float) -> Sound:
    """Longer (above 1) or shorter at the same pitch: overlapping pieces, each moved to where it fits best."""
    size, hop, search = 640, 320, 160
    if abs(factor - 1) < 0.01 or sound.size < 4 * size:
        return sound
    window = np.hanning(size).astype(np.float32)
    padded = np.pad(sound, (search, size + search))
    length = int(sound.size * factor)
    made = np.zeros(length + size, dtype=np.float32)
    weight = np.full(length + size, 1e-3, dtype=np.float32)
    follow = padded[search : search + size]
    for at in range(0, length, hop):
        wanted = search + int(at / factor)
        if at:
            near = padded[wanted - search : wanted + search + size]
            if near.size < size + 2 * search:
                break
            fits = np.correlate(near, follow, mode="valid")
            wanted += int(np.argmax(fits)) - search
        made[at : at + size] += window * padded[wanted : wanted + size]
        weight[at : at + size] += window
        follow = padded[wanted + hop : wanted + hop + size]
        if follow.size < size:
            break
    return (made / weight)[:length]


def room(sound: Sound, rng: np.random.Generator) -> Sound:
    """Reflections: noise that dies away within 0.1 to 0.6 s, behind the direct sound."""
    decay_s = rng.uniform(0.1, 0.6)
    n = int(decay_s * RATE_HZ)
    tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    tail *= rng.uniform(0.05, 0.6) / np.sqrt(np.sum(np.square(tail)))
    tail[0] += 1.0
    size = 1 << int(np.ceil(np.log2(sound.size + n)))
    made = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: sound.size + n // 2]
    return made.astype(np.float32)


def line(sound: Sound) -> Sound:
    """A telephone: 300 to 3,400 Hz, 8 kHz, mu-law (ITU-T G.711) and back."""
    size = 1 << max(1, sound.size - 1).bit_length()
    spectrum = np.fft.rfft(sound, size)
    f = np.arange(len(spectrum)) * RATE_HZ / size
    spectrum *= 1 / (1 + (250 / np.maximum(f, 1)) ** 4) / (1 + (f / 3500) ** 12)
    narrow = np.clip(np.fft.irfft(spectrum, size)[: sound.size : 2], -1, 1)
    squeezed = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
    coded = np.round(squeezed * 127) / 127
    back = np.sign(coded) * (np.expm1(np.abs(coded) * np.log(256))) / 255
    return resample(back.astype(np.float32), RATE_HZ // 2, RATE_HZ)[: sound.size]


def _tilt(sound: Sound, rng: np.random.Generator) -> Sound:
    """A microphone's colour: up to 6 dB an octave either way around 1 kHz, and a cut at the top."""
    size = 1 << max(1, sound.size - 1).bit_length()
    spectrum = np.fft.rfft(sound, size)
    f = np.maximum(np.arange(len(spectrum)) * RATE_HZ / size, 60.0)
    shape = (f / 1000) ** rng.uniform(-0.6, 0.6)
    shape /= 1 + (f / rng.uniform(4500, 9000)) ** 8
    return np.fft.irfft(spectrum * shape, size)[: sound.size].astype(np.float32)


def _root(sound: NDArray[np.floating]) -> float:
    loud = sound[np.abs(sound) > 0.05 * np.abs(sound).max()] if sound.size else sound
    return float(np.sqrt(np.mean(np.square(loud)))) if loud.size else 0.0


def heard(
    sound: Sound,
    rng: np.random.Generator,
    *,
    agent: Sound | None = None,
    voice: bool = True,
    lead_s: float = 0.7,
    tail_s: float = 0.6,
) -> tuple[Sound, int, int]:
    """One rendering of a sound: with a lead and a tail of the room's own noise.

    Args:
        sound: What is heard.
        rng: Decides everything.
        agent: Speech that may leak in from a loudspeaker.
        voice: Whether it is a voice that may become another speaker's.
        lead_s: Before it.
        tail_s: After it.

    Returns:
        The rendering (peak at most 1), and the samples at which the sound begins and ends in it.
    """
    if voice and rng.random() < 0.85:
        size = float(np.exp(rng.normal(0.0, 0.13)))
        sound = resize(sound, float(np.clip(size, 0.72, 1.4)))
        sound = stretch(sound, float(np.clip(np.exp(rng.normal(0.0, 0.16)) / size, 0.65, 1.5)))
    elif not voice:
        sound = resize(sound, float(rng.uniform(0.8, 1.25)))
    if rng.random() < 0.6:
        sound = room(sound, rng)
    lead, tail = int(lead_s * RATE_HZ), int(tail_s * RATE_HZ)
    made = np.concatenate([np.zeros(lead, np.float32), sound, np.zeros(tail, np.float32)])
    level = _root(sound) + 1e-6
    bed = coloured(rng, made.size, rng.uniform(0.3, 2.0))
    made += bed * np.float32(level / 0.1 * 10 ** (-rng.uniform(12, 60) / 20))
    if agent is not None and rng.random() < 0.25:
        start = int(rng.integers(0, max(1, agent.size - made.size)))
        leak = np.resize(agent[start : start + made.size], made.size)
        made += leak * np.float32(level / (_root(leak) + 1e-6) * 10 ** (-rng.uniform(14, 40) / 20))
    if rng.random() < 0.7:
        made = _tilt(made, rng)
    gain = 10 ** (rng.uniform(-32, -3) / 20) / (float(np.abs(made).max()) + 1e-6)
    made = made * np.float32(gain)
    if rng.random() < 0.05:
        made = np.clip(made * 4, -0.9, 0.9)  # an overdriven microphone
    if rng.random() < 0.3:
        made = line(made)
    return made.astype(np.float32), lead, lead + sound.size
