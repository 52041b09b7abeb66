"""How far a recogniser's reading can be believed: a logistic curve over two pieces of evidence.

On coughs, laughs, keys and horns Whisper invents words and half knows it: many texts, each hardly likely, and
a high no-speech probability. Each model is sure in its own way, so each has its own curve. The numbers are
``data/lexical.json``, made by ``python -m antiphon.plugins.judges.train_lexical`` from synthesised voices and
made-up sounds; `train_lexical.py` says how.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Final

__all__ = ["BASE", "TINY_EN", "Trust", "curve"]

TINY_EN: Final = "whisper-tiny.en"
BASE: Final = "whisper-base"


@dataclass(frozen=True, slots=True)
class Trust:
    """One model's curve."""

    likely: float
    """Log-probability a word at which a reading is worth half, at a no-speech probability of one half."""
    likely_slope: float
    """Log-odds for each further one."""
    no_speech_slope: float
    """Log-odds for a no-speech probability of 0 instead of 1."""

    def of(self, logprob: float, words: float, no_speech: float) -> float:
        """How far a reading can be believed, 0 to 1.

        Args:
            logprob: Natural logarithm of the probability of all texts that amount to it.
            words: How many it has.
            no_speech: Whisper's probability that there was no speech.
        """
        likely = _a_word(logprob, words) - self.likely
        value = self.likely_slope * likely + self.no_speech_slope * (0.5 - no_speech)
        return 1.0 / (1.0 + math.exp(-min(max(value, -50.0), 50.0)))

    def record(self) -> dict[str, float]:
        """For the file."""
        return asdict(self)


def _a_word(logprob: float, words: float) -> float:
    """Log-probability a word. The first costs about twice what each further one does: whether there is a
    capital, a full stop, an end."""
    return logprob / ((words + 1.0) / 2.0)


@cache
def curve(model: str) -> Trust:
    """The curve of a model that comes in a package; KeyError for another."""
    file = resources.files(__package__ or "antiphon.plugins.judges") / "data" / "lexical.json"
    told = json.loads(file.read_text(encoding="utf-8"))[model]
    return Trust(**{name: float(value) for name, value in told["curve"].items()})
