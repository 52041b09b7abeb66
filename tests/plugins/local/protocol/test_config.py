from __future__ import annotations

import copy
from typing import Any

import pytest

from antiphon.plugins.local.protocol.config import (
    VOICES,
    default_session,
    merge_session,
    response_settings,
)
from antiphon.plugins.local.protocol.outputs import Refusal

BASE = default_session("sess_1", "local", 1_700_000_000)


def merged(update: dict[str, Any], **options: Any) -> dict[str, Any]:
    return merge_session(BASE, {"type": "realtime", **update}, has_spoken=options.get("has_spoken", False))


def test_a_merge_leaves_the_old_settings_alone() -> None:
    before = copy.deepcopy(BASE)
    made = merged({"instructions": "x", "audio": {"output": {"speed": 1.2}}})
    assert made["audio"]["output"] == {**BASE["audio"]["output"], "speed": 1.2}
    assert before == BASE


def test_turn_detection_keeps_its_numbers_within_a_kind_and_starts_afresh_in_another() -> None:
    one = merged({"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}})
    assert one["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    two = merged({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    assert two["audio"]["input"]["turn_detection"]["eagerness"] == "auto"
    assert "threshold" not in two["audio"]["input"]["turn_detection"]


@pytest.mark.parametrize(
    ("update", "code", "param"),
    [
        ({"temperature": 1}, "unknown_parameter", "session.temperature"),
        ({"audio": {"sidetone": {}}}, "unknown_parameter", "session.audio.sidetone"),
        ({"audio": {"input": {"gain": 2}}}, "unknown_parameter", "session.audio.input.gain"),
        ({"id": "mine"}, "unknown_parameter", "session.id"),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        ({"tools": [{"type": "function"}]}, "invalid_value", "session.tools"),
    ],
)
def test_a_refusal_names_what_is_wrong(update: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(Refusal) as refused:
        merged(update)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_the_voice_is_fixed_once_heard_and_the_same_voice_is_no_change() -> None:
    same = {"audio": {"output": {"voice": BASE["audio"]["output"]["voice"]}}}
    assert merged(same, has_spoken=True)
    with pytest.raises(Refusal, match="voice"):
        merged({"audio": {"output": {"voice": VOICES[0]}}}, has_spoken=True)


def test_a_response_takes_the_sessions_settings_where_it_says_nothing() -> None:
    session = merged({"instructions": "base"})
    made = response_settings(session, {"output_modalities": ["text"], "metadata": {"k": "v"}})
    assert made["instructions"] == "base"
    assert made["output_modalities"] == ["text"]
    assert made["conversation"] == "auto"
    with pytest.raises(Refusal):
        response_settings(session, {"metadata": {str(n): "v" for n in range(17)}})
    with pytest.raises(Refusal):
        response_settings(session, {"mood": "good"})


@pytest.mark.parametrize(
    "key", ["output_modalities", "tools", "tool_choice", "max_output_tokens", "truncation", "instructions"]
)
def test_null_is_what_a_new_session_has(key: str) -> None:
    changed = {
        "output_modalities": ["text"],
        "tools": [{"type": "function", "name": "look"}],
        "tool_choice": "none",
        "max_output_tokens": 10,
        "truncation": "disabled",
        "instructions": "x",
    }
    session = merged(changed)
    assert session[key] != BASE[key]
    cleared = merge_session(session, {"type": "realtime", key: None}, has_spoken=False)
    assert cleared == {**session, key: BASE[key]}


def test_null_clears_inside_audio_too() -> None:
    law = {"type": "audio/pcmu"}
    session = merged({"audio": {"input": {"format": law}, "output": {"format": law, "speed": 1.5}}})
    nulls = {"input": {"format": None}, "output": {"format": None, "speed": None}}
    assert merge_session(session, {"type": "realtime", "audio": nulls}, has_spoken=True) == BASE
    assert response_settings(BASE, {"tools": None, "conversation": None, "output_modalities": None}) == (
        response_settings(BASE, None)
    )
