from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.agents.interruption.prosody import NAMES, RATE_HZ, prosody

LEAD = 4_800


def tone(hz: NDArray[np.float64] | float, seconds: float) -> NDArray[np.float32]:
    pitch = np.broadcast_to(np.asarray(hz, dtype=np.float64), (int(seconds * RATE_HZ),))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 8))).astype(np.float32)


def led(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    quiet = np.random.default_rng(3).normal(0, 1e-4, LEAD).astype(np.float32)
    return np.concatenate([quiet, sound])


def measured(sound: NDArray[np.float32]) -> dict[str, float]:
    audio = led(sound)
    made = prosody(audio, voice_at=LEAD, voiced_s=sound.size / RATE_HZ)
    return dict(zip(NAMES, map(float, made), strict=True))


def test_pitch_and_its_movement() -> None:
    flat = measured(tone(200.0, 0.6))
    assert flat["pitch_octaves"] == pytest.approx(1.0, abs=0.06)
    assert abs(flat["pitch_slope_octaves_s"]) < 0.1
    rising = measured(tone(np.geomspace(150, 220, int(0.6 * RATE_HZ)), 0.6))
    assert rising["pitch_slope_octaves_s"] == pytest.approx(np.log2(220 / 150) / 0.6, rel=0.2)
    assert rising["pitch_final_octaves"] > 0.2
    assert measured(tone(np.geomspace(220, 150, int(0.6 * RATE_HZ)), 0.6))["pitch_final_octaves"] < -0.2


def test_a_hum_is_steady_and_a_hiss_has_no_pitch() -> None:
    hum = measured(tone(150.0, 0.8))
    hiss = measured(np.random.default_rng(1).normal(0, 0.1, 12_800).astype(np.float32))
    assert hum["longest_steady_s"] > 0.5 > hiss["longest_steady_s"]
    assert hum["clarity"] > 0.8 > hiss["clarity"]
    assert hum["periodic_share"] > hiss["periodic_share"]
    assert hum["flatness"] < hiss["flatness"]
    assert hum["centroid_khz"] < hiss["centroid_khz"]
    assert hum["zero_crossings"] < hiss["zero_crossings"]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_syllables_are_counted(count: int) -> None:
    n = int(0.22 * RATE_HZ)
    syllable = tone(160.0, 0.22) * np.sin(np.pi * np.arange(n) / n).astype(np.float32)
    made = measured(np.concatenate([syllable] * count))
    assert made["syllables"] == count


def test_the_level_of_the_microphone_does_not_matter(clip: Callable[..., NDArray[np.int16]]) -> None:
    audio = clip("en_ast_hang_on_a_second", 16_000).astype(np.float32) / 32768
    loud = prosody(audio, voice_at=1_000, voiced_s=0.9)
    soft = prosody(audio * np.float32(0.1), voice_at=1_000, voiced_s=0.9)
    assert np.allclose(loud, soft, atol=0.3)


def test_times_are_taken_from_the_question() -> None:
    audio = led(tone(150.0, 1.0))
    made = dict(zip(NAMES, prosody(audio, voice_at=LEAD, voiced_s=0.5, quiet_s=0.2), strict=True))
    assert made["log_voiced_s"] == pytest.approx(np.log(0.6))
    assert made["log_elapsed_s"] == pytest.approx(np.log(1.1))
    assert made["quiet_s"] == pytest.approx(0.2)


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(0, 40_000),
    voice_at=st.integers(0, 50_000),
    kind=st.sampled_from(["silence", "noise", "tone", "click"]),
    voiced_s=st.floats(0, 10),
)
def test_every_number_is_finite(length: int, voice_at: int, kind: str, voiced_s: float) -> None:
    audio = np.zeros(length, np.float32)
    if kind == "noise":
        audio = np.random.default_rng(length).normal(0, 0.2, length).astype(np.float32)
    elif kind == "tone":
        audio = tone(300.0, length / RATE_HZ)
    elif kind == "click" and length:
        audio[length // 2] = 1.0
    made = prosody(audio, voice_at=voice_at, voiced_s=voiced_s)
    assert made.shape == (len(NAMES),)
    assert np.isfinite(made).all()
