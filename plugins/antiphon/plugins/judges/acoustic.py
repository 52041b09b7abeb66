"""The acoustic judge: does it sound like someone who wants the floor?

It tells four kinds of sound apart: words that want the floor (an interruption, a command), a listener's
"mm-hm", a voice that says nothing (cough, laugh, breath) and noise. The probability of the first is its
opinion. It looks at embeddings of the speech so far (`embeddings.py`) and at its prosody (`prosody.py`)
with a network of one hidden layer, a few thousand weights in numpy. It knows no words and no language; on
what it has not learnt it answers near one half, which weighs nothing.

`features` is what the network sees; training (`train_acoustic.py`) uses the same function. The weights are
in ``data/acoustic.npz``, and what they were made of and how good they are in ``data/acoustic.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import OVER_AGENT, RATE_HZ, Occasion, Question
from antiphon.agents.interruption.prosody import NAMES, prosody
from antiphon.plugins.judges.embeddings import DIMENSIONS, HOP_SAMPLES, SpeechEmbeddings, load

__all__ = ["FEATURES", "KINDS", "AcousticJudge", "Head", "features"]

KINDS: Final = ("turn", "backchannel", "vocal", "noise")
FEATURES: Final = 3 * DIMENSIONS + len(NAMES) + len(OVER_AGENT)

_EVERY: Final = 2  # hops of 80 ms between two embeddings; chosen: each costs 1.7 ms of a core
_MOST: Final = 8  # embeddings looked at, the last 1.9 s of sound; chosen, for the cost
_LEVEL: Final = 0.1  # root mean square that the loud frames are brought to
_MOST_GAIN: Final = 200.0  # 46 dB; chosen: what is quieter is no voice to a detector either
_FRAME: Final = 320  # samples, 20 ms; for the level
_QUIET_S: Final = 0.06  # s of the quiet after the voice that are looked at; chosen
_SCALE: Final = np.float32(1 / 32768)


def features(question: Question, embeddings: SpeechEmbeddings) -> NDArray[np.float32] | None:
    """What the network sees of one question, shape (FEATURES,); None where there is no sound in it."""
    # The quiet after the voice says nothing about it; without it a word looks alike whenever one asks.
    quiet_s = min(max(0.0, question.quiet_s), _QUIET_S)
    end = question.audio.size - round((max(0.0, question.quiet_s) - quiet_s) * RATE_HZ)
    voice_at = min(max(0, question.voice_at), max(0, end - _FRAME))
    audio = _levelled(question.audio[: max(0, end)].astype(np.float32) * _SCALE, voice_at)
    if audio is None:
        return None
    span = audio.size - voice_at
    windows = min(_MOST, max(1, -(-span // (_EVERY * HOP_SAMPLES))))
    embedded = embeddings.embed(audio, every=_EVERY, most=windows)
    said = prosody(audio, voice_at=voice_at, voiced_s=question.voiced_s, quiet_s=quiet_s)
    occasion = np.zeros(len(OVER_AGENT), dtype=np.float32)
    occasion[OVER_AGENT.index(question.occasion)] = 1.0
    return np.concatenate([embedded[-1], embedded.mean(axis=0), embedded.max(axis=0), said, occasion])


def _levelled(audio: NDArray[np.float32], voice_at: int) -> NDArray[np.float32] | None:
    """The sound at one level for all microphones; None for silence."""
    voice = audio[voice_at:] if audio.size - voice_at >= _FRAME else audio
    if voice.size < _FRAME:
        return None
    frames = voice[: voice.size // _FRAME * _FRAME].reshape(-1, _FRAME)
    loud = float(np.percentile(np.sqrt(np.mean(np.square(frames), axis=1)), 90))
    if loud <= 0.0 or not math.isfinite(loud):
        return None
    return np.asarray(np.clip(audio * min(_MOST_GAIN, _LEVEL / loud), -1.0, 1.0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Head:
    """Standardises, then some networks of one hidden layer whose answers are averaged."""

    mean: NDArray[np.float32]
    """Of each feature, shape (FEATURES,)."""
    scale: NDArray[np.float32]
    """One over each feature's spread, shape (FEATURES,)."""
    inner: NDArray[np.float32]
    """Shape (networks, FEATURES + 1, hidden); the last row is the bias."""
    outer: NDArray[np.float32]
    """Shape (networks, hidden + 1, len(KINDS)); the last row is the bias."""
    temperature: float
    """What the sums are divided by before the softmax, found on held-out speakers."""

    def probabilities(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each of `KINDS`; shape (..., FEATURES) to (..., len(KINDS))."""
        standard = np.clip((seen - self.mean) * self.scale, -6.0, 6.0)
        hidden = np.maximum(standard @ self.inner[:, :-1] + self.inner[:, -1:], 0.0)
        sums = (hidden @ self.outer[:, :-1] + self.outer[:, -1:]).mean(axis=0) / self.temperature
        raised = np.exp(sums - sums.max(axis=-1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float32)

    def save(self, file: Path) -> None:
        """Writes it; the weights as float16."""
        np.savez_compressed(
            file,
            mean=self.mean,
            scale=self.scale,
            inner=self.inner.astype(np.float16),
            outer=self.outer.astype(np.float16),
            temperature=np.float32(self.temperature),
            names=np.array(NAMES),
        )

    @classmethod
    def read(cls, file: Path | IO[bytes]) -> Head:
        """Reads what `save` wrote.

        Raises:
            ConfigError: It is no such file, or one of other features.
        """
        try:
            with np.load(file) as stored:
                named = {name: stored[name] for name in stored.files}
            if tuple(named["names"]) != NAMES or named["mean"].shape != (FEATURES,):
                raise ConfigError("acoustic.npz", str(file), "weights trained on this version's features")
            return cls(
                mean=named["mean"].astype(np.float32),
                scale=named["scale"].astype(np.float32),
                inner=named["inner"].astype(np.float32),
                outer=named["outer"].astype(np.float32),
                temperature=float(named["temperature"]),
            )
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise ConfigError("acoustic.npz", str(file), "weights made by train_acoustic") from error


class AcousticJudge:
    """Gives opinions on the sound of a speech; about 12 ms of one core for 1.2 s.

    Args:
        weights: Made by ``train_acoustic``; the packaged ones when not given.

    Raises:
        ConfigError: livekit-wakeword is not installed, or these are no such weights.
    """

    name = "acoustic"
    occasions = frozenset({*OVER_AGENT, Occasion.ASIDE})

    def __init__(self, weights: Path | None = None) -> None:
        self._embeddings = load()
        if weights is not None:
            self._head = Head.read(weights)
        else:
            with (resources.files(__package__) / "data" / "acoustic.npz").open("rb") as file:
                self._head = Head.read(file)

    def warm_up(self) -> None:
        """Runs the models once: the first run of each is the slowest."""
        silence = np.zeros(RATE_HZ, dtype=np.int16)
        self.opinion(Question(Occasion.EARLY, silence, voice_at=RATE_HZ // 4, voiced_s=0.3))

    def opinion(self, question: Question) -> float | None:
        """The probability that the person wants the floor; None where there is no sound."""
        kinds = self.kinds(question)
        return None if kinds is None else kinds["turn"]

    def kinds(self, question: Question) -> dict[str, float] | None:
        """The probability of each of `KINDS`; None where there is no sound."""
        seen = features(question, self._embeddings)
        if seen is None:
            return None
        return dict(zip(KINDS, map(float, self._head.probabilities(seen[None])[0]), strict=True))
