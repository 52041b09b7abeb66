from __future__ import annotations

import pytest

from antiphon.plugins.judges.trust import BASE, TINY_EN, Trust, curve


@pytest.mark.parametrize("model", [TINY_EN, BASE])
def test_each_packaged_model_has_a_curve_that_rises_with_the_evidence(model: str) -> None:
    trust = curve(model)
    assert trust.of(-0.3, 1.0, 0.0) > 0.8
    assert trust.of(-9.0, 1.0, 0.9) < 0.1
    assert trust.of(-1.0, 1.0, 0.1) > trust.of(-2.0, 1.0, 0.1)
    assert trust.of(-1.0, 1.0, 0.1) > trust.of(-1.0, 1.0, 0.9)


def test_half_is_where_it_says() -> None:
    trust = Trust(likely=-2.0, likely_slope=3.0, no_speech_slope=2.0)
    assert trust.of(-2.0, 1.0, 0.5) == pytest.approx(0.5)
    assert trust.of(-1e9, 1.0, 1.0) < 1e-9
    assert trust.record() == {"likely": -2.0, "likely_slope": 3.0, "no_speech_slope": 2.0}


def test_the_first_word_costs_twice_what_a_further_one_does() -> None:
    trust = Trust(likely=-2.0, likely_slope=3.0, no_speech_slope=2.0)
    assert trust.of(-2.0, 1.0, 0.2) == trust.of(-4.0, 3.0, 0.2)


def test_a_model_without_a_curve_is_an_error() -> None:
    with pytest.raises(KeyError):
        curve("somebody's")
