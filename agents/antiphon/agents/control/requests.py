"""What a page may ask of a call, read and checked. Pure.

A payload is JSON of a limited size. `Refused` carries the code and the message that the page gets; the
codes are those of HTTP, which lie outside the range that LiveKit keeps for itself (1001 to 1999).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from antiphon.agents.errors import ConfigError
from antiphon.agents.options import TurnTaking

__all__ = [
    "ALLOWED_TO_CHANGE",
    "DEFAULT_REMOTE",
    "METHODS",
    "START_TURN",
    "TALK_ATTRIBUTE",
    "TURN_METHODS",
    "UPDATE_METHOD",
    "Changes",
    "Refused",
    "check_remote",
    "check_size",
    "read_update",
    "turn_taking_of",
]

START_TURN: Final = "start_turn"
TURN_METHODS: Final = (START_TURN, "end_turn", "cancel_turn")
"""As LiveKit's push-to-talk example names them."""
UPDATE_METHOD: Final = "antiphon.update"
METHODS: Final = (*TURN_METHODS, UPDATE_METHOD)
TALK_ATTRIBUTE: Final = "antiphon.talk"
"""A participant's attribute: ``1`` while the key is down, ``0`` when it is up, ``cancel`` drops the turn."""

ALLOWED_TO_CHANGE: Final = (
    "turns",
    "talk_attribute",
    "push_to_talk",
    "turn_taking",
    "instructions",
    "tools",
    "voice",
)
"""What an application can allow a person to do: the turn methods, the attribute, and each change."""
DEFAULT_REMOTE: Final = frozenset({"turns", "push_to_talk"})

MAX_TURN_BYTES: Final = 1024  # of a turn method's payload, which says nothing; chosen
_MAX_UPDATE_BYTES = 15_000  # LiveKit's own limit of an RPC payload is 15 KiB
_CHANGES = ("instructions", "tools", "voice", "turn_taking", "policy", "push_to_talk")

BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
NOT_NOW: Final = 409
TOO_LARGE: Final = 413
REFUSED: Final = 422


class Refused(Exception):
    """A request that is not carried out.

    Args:
        code: Which kind of no.
        message: Why, for the person who wrote the page.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be changed; None for what is to stay."""

    instructions: str | None = None
    tools: Mapping[str, bool] | None = None
    """By name: whether the agent has it."""
    voice: str | None = None
    policy: str | None = None
    """All of turn taking but push-to-talk, by a policy's name."""
    turn_taking: TurnTaking | Mapping[str, object] | None = None
    """All of it, or fields to change, over the policy if there is one."""
    push_to_talk: bool | None = None


def check_remote(allowed: Collection[str]) -> frozenset[str]:
    """What a person may do, checked.

    Raises:
        ConfigError: There is no such thing.
    """
    if isinstance(allowed, str):
        raise ConfigError("VoiceSession(remote_control)", allowed, "a set of names")
    for name in allowed:
        if name not in ALLOWED_TO_CHANGE:
            raise ConfigError("VoiceSession(remote_control)", name, ", ".join(ALLOWED_TO_CHANGE))
    return frozenset(allowed)


def check_size(method: str, payload: str) -> None:
    """Refuses a payload that is larger than its method needs.

    Raises:
        Refused: It is too large.
    """
    limit = _MAX_UPDATE_BYTES if method == UPDATE_METHOD else MAX_TURN_BYTES
    size = len(payload.encode("utf-8", "surrogatepass"))
    if size > limit:
        raise Refused(TOO_LARGE, f"the payload of {method} has {size} bytes; at most {limit} are taken")


def read_update(payload: str, allowed: Collection[str]) -> Changes:
    """The changes that a payload asks for.

    Args:
        payload: A JSON object: ``{"push_to_talk": true, "turn_taking": {"silence_s": 0.7}, ...}``.
        allowed: What a person may change.

    Raises:
        Refused: It is no such object, or asks for what is not allowed.
    """
    try:
        asked = json.loads(payload)
    except (ValueError, RecursionError):
        raise Refused(BAD_REQUEST, f"{UPDATE_METHOD} takes a JSON object with {_names()}") from None
    if not isinstance(asked, dict) or not asked:
        raise Refused(BAD_REQUEST, f"{UPDATE_METHOD} takes a JSON object with {_names()}")
    for name in asked:
        if name not in _CHANGES:
            raise Refused(
                BAD_REQUEST, f"there is nothing called {str(name)[:40]!r} to change; {_names()} are"
            )
        needed = "turn_taking" if name == "policy" else name
        if needed not in allowed:
            raise Refused(FORBIDDEN, f"{name} may not be changed from the room")
    return _typed(asked)


def _typed(asked: Mapping[str, object]) -> Changes:
    instructions, voice, policy = (asked.get(name) for name in ("instructions", "voice", "policy"))
    for name, text in (("instructions", instructions), ("voice", voice), ("policy", policy)):
        if name in asked and not isinstance(text, str):
            raise Refused(BAD_REQUEST, f"{name} is a text")
    tools, fields, talk = (asked.get(name) for name in ("tools", "turn_taking", "push_to_talk"))
    if "tools" in asked and not (
        isinstance(tools, dict) and tools and all(isinstance(value, bool) for value in tools.values())
    ):
        raise Refused(BAD_REQUEST, 'tools are given by name, such as {"book_table": false}')
    if "turn_taking" in asked and not (isinstance(fields, dict) and fields):
        raise Refused(BAD_REQUEST, 'turn_taking is given by field, such as {"silence_s": 0.7}')
    if "push_to_talk" in asked and not isinstance(talk, bool):
        raise Refused(BAD_REQUEST, "push_to_talk is true or false")
    return Changes(
        instructions=instructions if isinstance(instructions, str) else None,
        tools=tools if isinstance(tools, dict) else None,
        voice=voice if isinstance(voice, str) else None,
        policy=policy if isinstance(policy, str) else None,
        turn_taking=fields if isinstance(fields, dict) else None,
        push_to_talk=talk if isinstance(talk, bool) else None,
    )


def turn_taking_of(current: TurnTaking, changes: Changes) -> TurnTaking:
    """The turn taking after the changes. A policy leaves push-to-talk as it is.

    Raises:
        ConfigError: There is no such policy or field, or a value is wrong.
    """
    made = current
    if changes.policy is not None:
        made = TurnTaking.policy(changes.policy, push_to_talk=current.push_to_talk)
    if isinstance(changes.turn_taking, TurnTaking):
        made = changes.turn_taking
    elif changes.turn_taking is not None:
        made = TurnTaking.from_mapping({**asdict(made), **changes.turn_taking})
    if changes.push_to_talk is None:
        return made
    return TurnTaking.from_mapping({**asdict(made), "push_to_talk": changes.push_to_talk})


def _names() -> str:
    return ", ".join(_CHANGES)
