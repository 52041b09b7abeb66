from __future__ import annotations

import json
from typing import Any

import pytest

from antiphon.agents.control.requests import (
    ALLOWED_TO_CHANGE,
    DEFAULT_REMOTE,
    UPDATE_METHOD,
    Changes,
    Refused,
    check_remote,
    check_size,
    read_update,
    turn_taking_of,
)
from antiphon.agents.errors import ConfigError
from antiphon.agents.options import TurnTaking


def test_a_page_may_take_turns_and_nothing_else_by_default() -> None:
    assert frozenset({"turns", "push_to_talk"}) == DEFAULT_REMOTE
    assert check_remote(ALLOWED_TO_CHANGE) == frozenset(ALLOWED_TO_CHANGE)
    with pytest.raises(ConfigError, match="everything"):
        check_remote({"everything"})
    with pytest.raises(ConfigError, match="a set of names"):
        check_remote("turns")


def test_an_update_is_read() -> None:
    asked = {
        "instructions": "Be kind.",
        "tools": {"book": False},
        "voice": "cedar",
        "policy": "attentive",
        "turn_taking": {"silence_s": 0.7},
        "push_to_talk": True,
    }
    assert read_update(json.dumps(asked), ALLOWED_TO_CHANGE) == Changes(**asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ("", "a JSON object with instructions"),
        ("{", "a JSON object"),
        ("[1]", "a JSON object"),
        ("{}", "a JSON object"),
        ("null", "a JSON object"),
        ("[" * 5000, "a JSON object"),
        ('{"model": "x"}', "nothing called 'model'"),
        ('{"instructions": 5}', "instructions is a text"),
        ('{"voice": null}', "voice is a text"),
        ('{"policy": ["attentive"]}', "policy is a text"),
        ('{"tools": ["book"]}', "by name"),
        ('{"tools": {"book": "off"}}', "by name"),
        ('{"tools": {}}', "by name"),
        ('{"turn_taking": "attentive"}', "by field"),
        ('{"push_to_talk": 1}', "true or false"),
    ],
)
def test_what_is_no_update_is_refused_with_the_reason(payload: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        read_update(payload, ALLOWED_TO_CHANGE)
    assert caught.value.code == 400


@pytest.mark.parametrize("name", ["instructions", "voice", "tools", "turn_taking", "policy"])
def test_what_the_application_does_not_allow_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=f"{name} may not be changed") as caught:
        read_update(json.dumps({"push_to_talk": True, name: "x"}), DEFAULT_REMOTE)
    assert caught.value.code == 403


def test_a_payload_has_a_size() -> None:
    check_size("start_turn", "")
    check_size(UPDATE_METHOD, "x" * 15_000)
    for method, payload in (("start_turn", "x" * 1025), (UPDATE_METHOD, "é" * 7501)):
        with pytest.raises(Refused, match=f"{method} has .* bytes") as caught:
            check_size(method, payload)
        assert caught.value.code == 413


def test_turn_taking_is_changed_by_field_by_policy_and_as_a_whole() -> None:
    current = TurnTaking(push_to_talk=True, silence_s=0.9)
    assert turn_taking_of(current, Changes()) is current
    by_field = turn_taking_of(current, Changes(turn_taking={"hold_s": 3.0}))
    assert (by_field.hold_s, by_field.silence_s, by_field.push_to_talk) == (3.0, 0.9, True)
    by_policy = turn_taking_of(current, Changes(policy="attentive", turn_taking={"turn_at": 0.4}))
    assert (by_policy.turn_at, by_policy.yield_at, by_policy.silence_s) == (0.4, 0.7, 0.48)
    assert by_policy.push_to_talk
    whole = TurnTaking(silence_s=0.5)
    assert turn_taking_of(current, Changes(turn_taking=whole)) == whole
    assert turn_taking_of(current, Changes(turn_taking=whole, push_to_talk=True)).push_to_talk


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (Changes(policy="rude"), "TurnTaking.policy"),
        (Changes(turn_taking={"silence_s": 99}), "TurnTaking.silence_s"),
        (Changes(turn_taking={"silence": 1}), "TurnTaking.silence"),
        (Changes(turn_taking={"silence_s": [1]}), "TurnTaking.silence_s"),
    ],
)
def test_a_wrong_value_names_its_field(changes: Changes, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        turn_taking_of(TurnTaking(), changes)
    assert caught.value.field == field


def told(payload: str) -> str:
    """What a page is told of a payload."""
    try:
        turn_taking_of(TurnTaking(), read_update(payload, ALLOWED_TO_CHANGE))
    except (Refused, ConfigError) as error:
        return str(error)
    return "fine"


def test_the_payload_of_a_page_never_raises_anything_else() -> None:
    values: list[Any] = [None, True, 1, 1e400, "x", [], {}, {"a": {"b": 1}}]
    for name in ("instructions", "tools", "voice", "policy", "turn_taking", "push_to_talk"):
        for value in values:
            assert told(json.dumps({name: value}))
