"""Speech to put to a model: a recorded question, and where in it the voice is."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from antiphon.workers.caller.audiofile import read_audio
from antiphon.workers.conformance.wire import RATE_HZ

__all__ = ["frames", "question", "silence", "voice_ms"]

_VOICE_DBFS = -45.0  # a 10 ms frame above it has voice in it, as everywhere in this project's figures


@cache
def question() -> NDArray[np.int16]:
    """A spoken question, int16 mono at 24 kHz."""
    return read_audio(str(files("antiphon.workers") / "data" / "weather_question.flac"), RATE_HZ)


def silence(seconds: float) -> NDArray[np.int16]:
    """int16 mono at 24 kHz."""
    return np.zeros(round(seconds * RATE_HZ), dtype=np.int16)


def voice_ms(samples: NDArray[np.int16]) -> tuple[float, float]:
    """Where the first voice begins and the last ends, ms."""
    step = RATE_HZ // 100
    count = len(samples) // step
    power = np.mean((samples[: count * step].reshape(count, step) / 32768.0) ** 2, axis=1)
    loud = np.flatnonzero(power > 10 ** (_VOICE_DBFS / 10))
    return float(loud[0] * 10), float((loud[-1] + 1) * 10)


def frames(samples: NDArray[np.int16], ms: int = 20) -> list[rtc.AudioFrame]:
    """The samples as livekit's frames."""
    step = RATE_HZ * ms // 1000
    parts = [samples[at : at + step] for at in range(0, len(samples), step)]
    return [rtc.AudioFrame(part.tobytes(), RATE_HZ, 1, len(part)) for part in parts]
