"""Estimators: has the person finished, by the sound of it?

An estimator is asked at a pause about the turn so far, and gives a probability. It decides nothing: an
`Endpointer` makes a waiting time of it, and also works when the estimator is absent, late, or has no
opinion.

An estimator is loaded once a process and asked about every call's pauses, one question at a time, on a
thread of its own: it may take its time, keeps nothing between two questions, and delays nobody's sound.
One that raises or answers with what is no probability counts as absent.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST_S", "RATE_HZ", "TurnEndEstimator"]

RATE_HZ: Final = 16_000  # Hz; of the audio in a question
LONGEST_S: Final = 8.0  # s; audio in a question; older audio is left out


class TurnEndEstimator(Protocol):
    """Estimates that a turn is over. Shared by all calls of a process."""

    @property
    def name(self) -> str:
        """For timeline and meters: ``prosody``, ``livekit``, …"""
        ...

    def warm_up(self) -> None:
        """Loads what it needs, before the first question. Blocks."""

    def probability(self, audio: NDArray[np.int16], quiet_s: float) -> float | None:
        """The probability, 0 to 1, that the person has finished; None for no opinion.

        Blocks for as long as it takes. Called by one thread at a time.

        Args:
            audio: Mono, 16 kHz, shape (n,): the turn's last `LONGEST_S` at most, the quiet at its end
                included.
            quiet_s: Since the last voice, s.
        """
        ...
