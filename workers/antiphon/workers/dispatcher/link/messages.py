"""What a worker and the dispatcher say to each other, as JSON in text frames.

A worker begins with `Hello`, then sends `State` whenever something changed and at least once a second: the
frame itself says that it is alive. `State` is whole, so that one that is lost costs nothing. Endings stay
in it until the dispatcher has `Settled` them. Unknown fields are ignored, so that either side may be newer;
anything else that is not understood is a `LinkError`, and closes the link.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from antiphon.agents.errors import AntiphonError

__all__ = [
    "MAX_FRAME",
    "Answer",
    "Ask",
    "Checkpoint",
    "Drain",
    "HandOver",
    "Hello",
    "LinkError",
    "Message",
    "Settled",
    "State",
    "Welcome",
    "read",
    "write",
]

MAX_FRAME: Final = 2 * 1024 * 1024
"""Longest frame, bytes: a checkpoint of 1 MiB, escaped."""
_MOST_CALLS: Final = 10_000  # agents that one worker may speak of; chosen
_LONGEST_NAME: Final = 512  # characters of a name or reason; chosen


class LinkError(AntiphonError):
    """The other side said something that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Worker to dispatcher, first: who it is."""

    worker: str
    agent: str
    slots: int
    label: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Worker to dispatcher: how it stands."""

    serving: Mapping[str, str] = field(default_factory=dict)
    """Its agents at work: identity to room."""
    finished: Mapping[str, str] = field(default_factory=dict)
    """Agents that ended, each with its reason."""
    draining: bool = False
    behind: bool = False
    """Whether its audio frames are late."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Worker to dispatcher: the state of a conversation."""

    call: str
    version: int
    body: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Worker to dispatcher: what was the last checkpoint of a call?"""

    call: str
    number: int
    """Comes back in the `Answer`."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """Dispatcher to worker, first: it is linked."""

    drain: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """Dispatcher to worker: these endings are written down."""

    identities: list[str]


@dataclass(frozen=True, slots=True)
class Drain:
    """Dispatcher to worker: take no more calls."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Dispatcher to worker: end an agent at the end of its turn, another takes over."""

    identity: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Dispatcher to worker: the checkpoint that was asked for; version 0 and an empty body for none."""

    number: int
    version: int
    body: str


Message = Hello | State | Checkpoint | Ask | Welcome | Settled | Drain | HandOver | Answer

_KINDS: Final[Mapping[str, type[Message]]] = {
    "hello": Hello,
    "state": State,
    "checkpoint": Checkpoint,
    "ask": Ask,
    "welcome": Welcome,
    "settled": Settled,
    "drain": Drain,
    "hand_over": HandOver,
    "answer": Answer,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def write(message: Message) -> str:
    """The frame of a message."""
    return json.dumps({"kind": _NAMES[type(message)], **asdict(message)}, separators=(",", ":"))


def read(frame: str) -> Message:
    """The message of a frame.

    Raises:
        LinkError: It is none, and why.
    """
    if len(frame) > MAX_FRAME:
        raise LinkError("a frame on the link is too long", value=f"{len(frame)} characters")
    try:
        data = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise LinkError("a frame on the link is no JSON", value=frame[:80]) from error
    name = data.get("kind") if isinstance(data, dict) else None
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise LinkError("a frame on the link is of no known kind", value=frame[:80])
    known = {spec.name: str(spec.type) for spec in fields(kind)}
    values = {key: _check(kind, key, data[key], known[key]) for key in known if key in data}
    try:
        return kind(**values)
    except TypeError as error:
        missing = sorted(known.keys() - values.keys())
        raise LinkError("a frame on the link lacks fields", value=f"{name}: {missing}") from error


def _check(kind: type[Message], name: str, value: Any, type_name: str) -> Any:
    """A field's value, if it is of the field's type."""
    limit = MAX_FRAME if name == "body" else _LONGEST_NAME
    match type_name:
        case "str":
            good = isinstance(value, str) and len(value) <= limit
        case "int":
            good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
        case "bool":
            good = isinstance(value, bool)
        case "list[str]":
            good = isinstance(value, list) and len(value) <= _MOST_CALLS and all(map(_is_name, value))
        case _:
            good = isinstance(value, dict) and len(value) <= _MOST_CALLS
            good = good and all(_is_name(k) and _is_name(v) for k, v in value.items())
    if not good:
        raise LinkError("a field on the link is wrong", value=f"{_NAMES[kind]}.{name} = {str(value)[:80]}")
    return value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME
