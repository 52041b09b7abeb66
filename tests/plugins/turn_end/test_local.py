from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from antiphon.agents.endpointing import TurnEndEstimator
from antiphon.agents.errors import ConfigError
from antiphon.plugins.turn_end import LiveKitTurnEnd, local
from antiphon.workers.caller import read_audio

QUESTION = Path(__file__).parents[2] / "data" / "weather_question.flac"


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_model", None)
    monkeypatch.setitem(sys.modules, "livekit.local_inference", None)
    with pytest.raises(ConfigError, match="livekit-local-inference"):
        LiveKitTurnEnd()


@pytest.mark.weights
class TestLiveKitTurnEnd:
    def test_one_model_serves_the_process(self) -> None:
        assert local.load() is local.load()

    def test_it_takes_what_the_model_takes(self) -> None:
        from livekit.local_inference import EOT_MAX_SAMPLES

        assert local._HEARD == EOT_MAX_SAMPLES

    def test_it_gives_a_probability_whatever_the_length(self) -> None:
        asked: TurnEndEstimator = LiveKitTurnEnd()
        rng = np.random.default_rng(0)
        for samples in (2_000, 19_200, 19_201, 128_000):
            answer = asked.probability(rng.normal(0, 300, samples).astype(np.int16), 0.2)
            assert answer is not None
            assert 0.0 <= answer <= 1.0

    def test_it_has_no_opinion_on_next_to_nothing(self) -> None:
        assert LiveKitTurnEnd().probability(np.zeros(100, np.int16), 0.2) is None

    def test_a_question_is_over_at_its_end_rather_than_within_a_word(self) -> None:
        asked = LiveKitTurnEnd()
        sound = read_audio(QUESTION, 16_000)
        voiced = np.flatnonzero(np.abs(sound.astype(np.int32)) > 1000)
        quiet = np.zeros(1_600, np.int16)
        end = asked.probability(np.concatenate([sound[: voiced[-1]], quiet]), 0.1)
        middle = int(voiced[0] + 0.45 * (voiced[-1] - voiced[0]))
        within = asked.probability(np.concatenate([sound[:middle], quiet]), 0.1)
        assert end is not None
        assert within is not None
        assert end > within
