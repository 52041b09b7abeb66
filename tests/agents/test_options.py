from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.agents.options import POLICIES, TurnTaking

NUMBERS = [spec for spec in fields(TurnTaking) if "low" in spec.metadata]


@pytest.mark.parametrize("spec", NUMBERS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("wrong", ["below", "above", "nan", "text", "switch"])
def test_a_wrong_value_names_field_value_and_range(spec, wrong) -> None:  # type: ignore[no-untyped-def]
    low, high = spec.metadata["low"], spec.metadata["high"]
    value = {"below": low - 0.001, "above": high + 1, "nan": math.nan, "text": "1", "switch": True}[wrong]
    with pytest.raises(ConfigError) as caught:
        TurnTaking(**{spec.name: value})
    assert caught.value.field == f"TurnTaking.{spec.name}"
    assert repr(value) in str(caught.value)
    assert f"{low:g} to {high:g}" in str(caught.value)


def test_every_field_has_a_unit_in_its_name_or_is_a_share_and_is_described() -> None:
    for spec in fields(TurnTaking):
        assert spec.metadata["doc"]
        assert spec.name.endswith("_s") == (spec.metadata["unit"] == "s")


def test_fields_that_contradict_each_other_are_refused() -> None:
    for wrong in (
        {"onset_exit": 0.6},
        {"silence_s": 0.15, "speech_gap_s": 0.2},
        {"hold_s": 0.4, "yield_after_s": 0.42},
    ):
        with pytest.raises(ConfigError):
            TurnTaking(**wrong)  # type: ignore[arg-type]


def test_options_come_from_names_and_texts() -> None:
    made = TurnTaking.from_mapping({"silence_s": "0.6", "interruptions": "off", "tail_s": 0.1})
    assert (made.silence_s, made.interruptions, made.tail_s) == (0.6, False, 0.1)
    with pytest.raises(ConfigError, match="silence_ms"):
        TurnTaking.from_mapping({"silence_ms": 500})
    with pytest.raises(ConfigError, match="silence_s"):
        TurnTaking.from_mapping({"silence_s": "long"})


def test_options_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        TurnTaking().silence_s = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_is_valid_and_sets_what_it_says(name: str) -> None:
    made = TurnTaking.policy(name)
    for field, value in POLICIES[name].items():
        assert getattr(made, field) == value
    assert TurnTaking.policy(name, silence_s=0.9).silence_s == 0.9


def test_policies_give_the_floor_up_in_the_order_of_their_names() -> None:
    attentive, balanced, determined = map(TurnTaking.policy, ("attentive", "balanced", "determined"))
    for field in ("turn_at", "yield_at", "yield_after_s", "decide_s"):
        values = [getattr(made, field) for made in (attentive, balanced, determined)]
        assert values == sorted(set(values))


def test_an_unknown_policy_names_the_known() -> None:
    with pytest.raises(ConfigError, match="balanced, attentive, determined"):
        TurnTaking.policy("stubborn")


def test_a_verdicts_thresholds_must_rise() -> None:
    with pytest.raises(ConfigError, match="turn_at"):
        TurnTaking(turn_at=0.9)
