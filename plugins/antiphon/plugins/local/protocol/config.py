"""The session's settings: defaults, validation and partial merge.

An update is checked whole before anything of it is taken. Absent keys keep their value; ``null``, ``""``
and ``[]`` clear. The tables below say, for each key, what it may be; what they do not name is unknown.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from antiphon.plugins.local.protocol.outputs import Refusal

__all__ = ["UNNAMED", "VOICES", "default_session", "merge_session", "response_settings"]

Check = Callable[[Any], bool]

UNNAMED = "local"  # the model of a session whose client named none; an update may still name it

# The provider's own names, so that its clients run unchanged; they all sound like the local voice.
VOICES = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse")


def _number(low: float, high: float) -> Check:
    return lambda v: isinstance(v, int | float) and not isinstance(v, bool) and low <= v <= high


def _one_of(*values: object) -> Check:
    return lambda v: any(v is w or (v == w and type(v) is type(w)) for w in values)


def _text(v: Any) -> bool:
    return isinstance(v, str)


def _maybe(check: Check) -> Check:
    return lambda v: v is None or check(v)


def _bool(v: Any) -> bool:
    return isinstance(v, bool)


def _any_object(v: Any) -> bool:
    return isinstance(v, dict)


def _strings(v: Any) -> bool:
    return isinstance(v, list) and all(isinstance(entry, str) for entry in v)


def _tools(v: Any) -> bool:
    return isinstance(v, list) and all(
        isinstance(tool, dict)
        and (
            (tool.get("type") == "function" and isinstance(tool.get("name"), str) and tool["name"])
            or tool.get("type") == "mcp"
        )
        for tool in v
    )


def _voice(v: Any) -> bool:
    return (isinstance(v, str) and bool(v)) or (isinstance(v, dict) and isinstance(v.get("id"), str))


def _format(v: Any) -> bool:
    if not isinstance(v, dict):
        return False
    kind = v.get("type")
    return (kind == "audio/pcm" and v.get("rate", 24000) == 24000) or kind in ("audio/pcmu", "audio/pcma")


def _tokens(v: Any) -> bool:
    return v == "inf" or (isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= 4096)


def _tool_choice(v: Any) -> bool:
    return v in ("auto", "none", "required") or (isinstance(v, dict) and "type" in v)


_FORMAT_HELP = "audio/pcm at 24000 Hz, audio/pcmu or audio/pcma"
_SERVER_VAD: dict[str, Check] = {
    "type": _one_of("server_vad"),
    "threshold": _number(0, 1),
    "prefix_padding_ms": _number(0, 5000),
    "silence_duration_ms": _number(0, 10_000),
    "idle_timeout_ms": _maybe(_number(1000, 60_000)),
    "create_response": _bool,
    "interrupt_response": _bool,
}
_SEMANTIC_VAD: dict[str, Check] = {
    "type": _one_of("semantic_vad"),
    "eagerness": _one_of("low", "medium", "high", "auto"),
    "create_response": _bool,
    "interrupt_response": _bool,
}
_TRANSCRIPTION: dict[str, Check] = {
    "model": _text,
    "language": _maybe(_text),
    "languages": _maybe(_strings),
    "keywords": _maybe(_strings),
    "prompt": _maybe(_text),
    "delay": _maybe(lambda v: isinstance(v, str | int | float)),
}
_NOISE: dict[str, Check] = {"type": _one_of("near_field", "far_field"), "strength": _number(0, 1)}
_INPUT = ("format", "noise_reduction", "transcription", "turn_detection")
_OUTPUT: dict[str, Check] = {"format": _format, "voice": _voice, "speed": _number(0.25, 1.5)}
_SESSION: dict[str, Check] = {
    "type": _one_of("realtime"),
    "model": _text,
    "instructions": _maybe(_text),
    "output_modalities": _one_of(["audio"], ["text"]),
    "tools": _tools,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _bool,
    "reasoning": _maybe(_any_object),
    "max_output_tokens": _tokens,
    "tracing": _maybe(lambda v: v == "auto" or isinstance(v, dict)),
    "truncation": lambda v: v in ("auto", "disabled") or isinstance(v, dict),
    "prompt": _maybe(_any_object),
    "include": _maybe(_strings),
}
_CLEARED_BY_NULL = (
    "output_modalities",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "truncation",
)
_READ_ONLY = ("id", "object", "expires_at")

_VAD_DEFAULTS: dict[str, dict[str, Any]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}


def default_session(session_id: str, model: str, expires_at: int) -> dict[str, Any]:
    """A new session's settings, as ``session.created`` shows them."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "expires_at": expires_at,
        "instructions": "",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": None,
                "transcription": None,
                "turn_detection": dict(_VAD_DEFAULTS["server_vad"]),
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": "marin",
                "speed": 1.0,
            },
        },
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "max_output_tokens": "inf",
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "include": None,
    }


def _refuse(param: str, value: object, allowed: str = "") -> Refusal:
    hint = f" Expected {allowed}." if allowed else ""
    return Refusal("invalid_value", f"Invalid value for '{param}': {value!r}.{hint}", param)


def _check(table: Mapping[str, Check], given: object, path: str) -> None:
    if not isinstance(given, dict):
        raise _refuse(path, given, "an object")
    for key, value in given.items():
        if key not in table:
            raise Refusal("unknown_parameter", f"Unknown parameter: '{path}.{key}'.", f"{path}.{key}")
        if not table[key](value):
            raise _refuse(f"{path}.{key}", value)


def _check_input(given: object) -> None:
    if not isinstance(given, dict):
        raise _refuse("session.audio.input", given, "an object")
    path = "session.audio.input"
    for key, value in given.items():
        if key not in _INPUT:
            raise Refusal("unknown_parameter", f"Unknown parameter: '{path}.{key}'.", f"{path}.{key}")
        if key == "format":
            if value is not None and not _format(value):
                raise _refuse(f"{path}.format", value, _FORMAT_HELP)
        elif value is None:
            continue
        elif key == "turn_detection":
            kind = value.get("type") if isinstance(value, dict) else None
            if kind not in _VAD_DEFAULTS:
                raise _refuse(f"{path}.turn_detection.type", kind, "server_vad or semantic_vad")
            table = _SERVER_VAD if kind == "server_vad" else _SEMANTIC_VAD
            _check(table, value, f"{path}.turn_detection")
        else:
            _check(_TRANSCRIPTION if key == "transcription" else _NOISE, value, f"{path}.{key}")


def merge_session(session: Mapping[str, Any], update: object, *, has_spoken: bool) -> dict[str, Any]:
    """The session with an update merged in.

    Args:
        session: The settings now; not changed.
        update: The ``session`` of a ``session.update``.
        has_spoken: Whether the model has produced audio: its voice is fixed from then on.

    Raises:
        Refusal: Something of the update cannot be; nothing of it was taken.
    """
    if not isinstance(update, dict):
        raise _refuse("session", update, "an object")
    if "type" not in update:
        raise Refusal(
            "missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type"
        )
    if update["type"] == "transcription":
        raise _refuse("session.type", "transcription", "'realtime': the local model holds conversations")
    # null clears: the setting is again what a new session has.
    fresh = default_session("", "", 0)
    update = {
        key: fresh[key] if value is None and key in _CLEARED_BY_NULL else value
        for key, value in update.items()
    }
    for key, value in update.items():
        if key in _READ_ONLY or (key not in _SESSION and key != "audio"):
            raise Refusal("unknown_parameter", f"Unknown parameter: 'session.{key}'.", f"session.{key}")
        if key != "audio" and not _SESSION[key](value):
            raise _refuse(f"session.{key}", value)
    if "model" in update and session["model"] not in (UNNAMED, update["model"]):
        raise Refusal(
            "cannot_update_model",
            f"The model of a session cannot be changed from '{session['model']}'.",
            "session.model",
        )
    if session["tracing"] and "tracing" in update and update["tracing"] != session["tracing"]:
        raise Refusal("cannot_update_tracing", "Tracing cannot be changed once it is on.", "session.tracing")
    merged = copy.deepcopy(dict(session))
    for key, value in update.items():
        if key != "audio":
            merged[key] = "" if key == "instructions" and value is None else copy.deepcopy(value)
    if update.get("audio") is not None:
        _merge_audio(merged, update["audio"], has_spoken)
    return merged


def _merge_audio(merged: dict[str, Any], audio: object, has_spoken: bool) -> None:
    if not isinstance(audio, dict):
        raise _refuse("session.audio", audio, "an object")
    for key in audio:
        if key not in ("input", "output"):
            raise Refusal(
                "unknown_parameter", f"Unknown parameter: 'session.audio.{key}'.", f"session.audio.{key}"
            )
    fresh = default_session("", "", 0)["audio"]
    if audio.get("input") is not None:
        _check_input(audio["input"])
        for key, value in audio["input"].items():
            if key == "format" and value is None:
                value = fresh["input"]["format"]
            if key == "turn_detection" and value is not None:
                now = merged["audio"]["input"]["turn_detection"]
                base = now if now and now["type"] == value["type"] else _VAD_DEFAULTS[value["type"]]
                value = {**base, **value}
            merged["audio"]["input"][key] = copy.deepcopy(value)
    if audio.get("output") is not None:
        output = audio["output"]
        if isinstance(output, dict):
            output = {
                key: fresh["output"].get(key) if value is None else value for key, value in output.items()
            }
        _check(_OUTPUT, output, "session.audio.output")
        voice = output.get("voice")
        if has_spoken and voice is not None and voice != merged["audio"]["output"]["voice"]:
            raise Refusal(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
                "session.audio.output.voice",
            )
        merged["audio"]["output"].update(copy.deepcopy(output))


_RESPONSE: dict[str, Check] = {
    "conversation": _one_of("auto", "none"),
    "input": lambda v: v is None or isinstance(v, list),
    "instructions": _maybe(_text),
    "output_modalities": _one_of(["audio"], ["text"]),
    "audio": _maybe(_any_object),
    "tools": _tools,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _bool,
    "reasoning": _maybe(_any_object),
    "max_output_tokens": _tokens,
    "metadata": _maybe(
        lambda v: (
            isinstance(v, dict)
            and len(v) <= 16
            and all(isinstance(key, str) and isinstance(value, str) for key, value in v.items())
        )
    ),
    "prompt": _maybe(_any_object),
}


def response_settings(session: Mapping[str, Any], given: object) -> dict[str, Any]:
    """What a ``response.create`` asks for, with the session's settings where it says nothing.

    Raises:
        Refusal: Something of it cannot be.
    """
    given = {} if given is None else given
    if isinstance(given, dict):
        given = {key: value for key, value in given.items() if value is not None or key not in _RESPONSE}
    _check(_RESPONSE, given, "response")
    assert isinstance(given, dict)
    output = {**session["audio"]["output"]}
    if given.get("audio"):
        _check({"output": _any_object}, given["audio"], "response.audio")
        _check(_OUTPUT, given["audio"].get("output", {}), "response.audio.output")
        output.update(given["audio"].get("output", {}))
    return {
        "conversation": given.get("conversation", "auto"),
        "input": given.get("input"),
        "instructions": given.get("instructions", session["instructions"]),
        "output_modalities": given.get("output_modalities", session["output_modalities"]),
        "output": output,
        "tools": given.get("tools", session["tools"]),
        "tool_choice": given.get("tool_choice", session["tool_choice"]),
        "max_output_tokens": given.get("max_output_tokens", session["max_output_tokens"]),
        "metadata": given.get("metadata"),
    }
