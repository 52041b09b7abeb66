from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.endpointing import TurnEndEstimator
from antiphon.agents.endpointing.estimator import LONGEST_S, RATE_HZ


class Loudness:
    name = "loudness"

    def probability(self, audio: NDArray[np.int16], quiet_s: float) -> float | None:
        return float(np.abs(audio).max() < 1000) if len(audio) else None


def test_a_class_with_a_name_and_an_answer_is_one() -> None:
    asked: TurnEndEstimator = Loudness()
    assert asked.probability(np.zeros(int(LONGEST_S * RATE_HZ), np.int16), 0.2) == 1.0
    assert asked.probability(np.zeros(0, np.int16), 0.2) is None
