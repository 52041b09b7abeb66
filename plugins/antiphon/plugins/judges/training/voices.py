"""Texts spoken for training, by the local model's voice: Piper, in a process of its own.

What was spoken is kept in a folder, so that a second training does not speak it again and gets the same
sound: the voice itself draws its small variations unseeded, so two folders differ a little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.plugins.local.engines import RATE_HZ as _VOICE_HZ
from antiphon.plugins.local.resample import resample
from antiphon.plugins.local.voice import PiperVoice

__all__ = ["Utterance", "speak", "trimmed"]

RATE_HZ = 16_000
_FRAME = 160  # samples, 10 ms
_QUIET_DB = 40.0  # below the loudest frame: not part of the utterance


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text as spoken."""

    text: str
    kind: str
    speaker: str
    sound: NDArray[np.float32]
    """Mono, 16 kHz, -1 to 1, without silence at its ends."""


def trimmed(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the silence at both ends."""
    frames = sound[: sound.size // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not frames.size:
        return sound
    level = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-10)
    loud = np.flatnonzero(level > level.max() - _QUIET_DB)
    return sound[loud[0] * _FRAME : (loud[-1] + 1) * _FRAME]


async def speak(
    texts: Sequence[tuple[str, str]],
    *,
    folder: Path,
    takes: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Utterance]:
    """Speaks (kind, text) pairs, each ``takes`` times.

    Raises:
        ConfigError: No Piper voice is installed.
        ModelUnavailable: It failed.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - the program waits for nothing else
    voice = PiperVoice()
    made: list[Utterance] = []
    try:
        for take in range(takes):
            for number, (kind, text) in enumerate(texts):
                name = hashlib.sha256(f"{voice.weights.path.stem}|{text}|{take}".encode()).hexdigest()[:16]
                file = folder / f"{name}.npy"
                if file.exists():
                    sound = np.load(file)
                else:
                    parts = [part async for part in voice.speak(text)]
                    whole = np.concatenate(parts) if parts else np.zeros(0, np.int16)
                    sound = trimmed(
                        resample(whole.astype(np.float32) / np.float32(32768), _VOICE_HZ, RATE_HZ)
                    )
                    np.save(file, sound)
                if sound.size > RATE_HZ // 20:
                    made.append(Utterance(text, kind, voice.weights.path.stem, sound))
                progress(take * len(texts) + number + 1, takes * len(texts))
    finally:
        await voice.aclose()
    return made
