"""What goes into the tables and comes out of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from antiphon.workers.dispatcher.calls import Call, Phase

__all__ = ["DECIDED", "NewCall", "StoredEvent", "StoredWorker", "call_from", "row_of", "story_of"]

DECIDED = (
    "phase", "since", "attempt", "identity", "worker", "tries", "not_before", "ghosts", "restores", "met",
    "alone_since", "missing_since", "ending",
)  # fmt: skip
"""Columns of a call that the reconciler decides."""
_FIELDS = tuple(spec.name for spec in fields(Call))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """A call that is asked for."""

    id: str
    agent: str
    room: str
    priority: int = 0
    deadline_at: float | None = None
    """s since the epoch."""
    own_room: bool = False
    body: str = "{}"
    """What the agent is to get, JSON."""
    idempotency_key: str | None = None
    """A second call of the same agent with this key is the first one."""


@dataclass(frozen=True, slots=True)
class StoredWorker:
    """A worker that was linked once."""

    id: str
    agent: str
    host: str
    label: str
    slots: int
    seen_at: float
    drain: bool


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Something that became of a call."""

    number: int
    call: str
    at: float
    kind: str
    data: Mapping[str, Any]


def row_of(call: Call) -> dict[str, Any]:
    row = {name: getattr(call, name) for name in _FIELDS}
    return {**row, "phase": call.phase.value, "ghosts": json.dumps(call.ghosts)}


def call_from(row: Mapping[Any, Any]) -> Call:
    values = {name: row[name] for name in _FIELDS}
    return Call(**{**values, "phase": Phase(row["phase"]), "ghosts": tuple(json.loads(row["ghosts"]))})


def story_of(call: Call) -> dict[str, Any]:
    told: dict[str, Any] = {"attempt": call.attempt, "worker": call.worker, "restores": call.restores}
    return {**told, "ending": call.ending} if call.phase is Phase.ENDED else told
