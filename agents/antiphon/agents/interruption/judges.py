"""Judges: opinions on whether the person who speaks wants the floor.

A judge looks at the sound of one speech and gives a probability. It decides nothing: opinions are weighed
by an arbiter (`arbiter.py`), which also works when a judge is absent, late, or has no opinion.

A judge is loaded once a process and asked about every call's speeches, one question at a time, on a
thread of its own: it may take its time, keeps nothing between two questions, and delays nobody's sound.
One that raises or answers with what is no probability counts as absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAD_S", "LONGEST_S", "OVER_AGENT", "RATE_HZ", "Judge", "Occasion", "Question"]

RATE_HZ: Final = 16_000  # Hz; of the audio in a question
LEAD_S: Final = 0.3  # s; audio from before the voice that a question brings
LONGEST_S: Final = 8.0  # s; audio in a question; older audio is left out


class Occasion(Enum):
    """Why a judge is asked now."""

    EARLY = "early"
    """The speech is young and goes on: what does it sound like?"""
    PAUSE = "pause"
    """The voice has stopped, for the moment at least."""
    LONG = "long"
    """The speech has gone on for so long that words should tell."""
    ASIDE = "aside"
    """The voice has stopped, and the agent said nothing: was it a turn, or a hum, a cough, a laugh? Here
    "yes" and "okay" are a turn."""


OVER_AGENT: Final = (Occasion.EARLY, Occasion.PAUSE, Occasion.LONG)
"""The occasions of a speech over the agent."""


@dataclass(frozen=True, slots=True)
class Question:
    """One speech as heard so far."""

    occasion: Occasion
    audio: NDArray[np.int16]
    """Mono, 16 kHz, shape (n,): from up to `LEAD_S` before the voice to now, at most `LONGEST_S`."""
    voice_at: int
    """Sample of ``audio`` at which the voice was found to begin; 0 if that is left out."""
    voiced_s: float
    """Voice in it, pauses left out, s."""
    quiet_s: float = 0.0
    """Since its last voice, s; 0 while it goes on."""
    language: str = ""
    """What the call speaks, as BCP 47 ("en", "zh-CN"); empty when it is not known."""
    asked: bool = True
    """Whether the agent's last words may have been a question, which "mm-hm" answers."""


class Judge(Protocol):
    """Gives opinions. Shared by all calls of a process."""

    @property
    def name(self) -> str:
        """For weights, timeline and meters: ``acoustic``, ``lexical``, …"""
        ...

    @property
    def occasions(self) -> frozenset[Occasion]:
        """When it is worth asking."""
        ...

    def warm_up(self) -> None:
        """Loads what it needs, before the first question. Blocks."""

    def opinion(self, question: Question) -> float | None:
        """The probability, 0 to 1, that the person wants the floor; None for no opinion. Of an aside: that
        it is to be answered.

        Blocks for as long as it takes. Called by one thread at a time.
        """
        ...
