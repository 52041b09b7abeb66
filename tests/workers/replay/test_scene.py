from __future__ import annotations

import numpy as np
import pytest

from antiphon.workers.replay.scene import RATE_HZ, Echo, from_call, sum_of


def tone(seconds: float, level: int = 8000) -> np.ndarray:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * 200 * at)).astype(np.int16)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def test_stretches_of_the_agents_voice_become_replies() -> None:
    agent = np.concatenate([quiet(1), tone(0.5), quiet(0.5), tone(0.5), quiet(1.5), tone(1), quiet(1)])
    scene = from_call("a call", quiet(2), agent)
    assert [round(reply.at_s, 2) for reply in scene.replies] == [0.96, 3.96]  # a pause of 0.5 s parts nothing
    assert [round(len(reply.audio) / RATE_HZ, 2) for reply in scene.replies] == [1.58, 1.08]
    assert scene.length_s == pytest.approx(6.0)


def test_a_silent_agent_has_no_replies() -> None:
    assert from_call("a call", tone(1), quiet(1)).replies == ()


def test_an_echos_way_has_the_gain_that_is_stated() -> None:
    for gain in (-20.0, -30.0):
        response = Echo(gain).response()
        assert 10 * np.log10(np.sum(response.astype(np.float64) ** 2)) == pytest.approx(gain, abs=0.01)
        assert np.array_equal(response, Echo(gain).response())


def test_sounds_are_laid_over_each_other_and_cut() -> None:
    parts = [(0, np.full(4, 30_000, np.int16)), (2, np.full(9, 10_000, np.int16))]
    assert sum_of(parts, 6).tolist() == [30_000, 30_000, 32_767, 32_767, 10_000, 10_000]
