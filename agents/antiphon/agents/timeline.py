"""What happened in a call: `Timeline` keeps its events, files have them as JSON lines.

The session, its controller and its playout append; pictures, benchmarks and tests read. The events are
those of `antiphon.agents.timeline_events`; all of their names are here as well.

JSON lines: one event a line, ``{"type": "hold", "at": 12.345678, ...}``; the type is the class's name
in snake case. The first line is ``{"type": "clock", "at": <monotonic>, "wall": <Unix time>}`` and ties
the clock to the wall.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import IO, Any, TypeVar, get_args

from antiphon.agents.timeline_events import (
    AgentState,
    BudgetUsed,
    Changed,
    Clock,
    Commit,
    Discard,
    Event,
    Evidence,
    Failure,
    FirstAudio,
    Handoff,
    Hold,
    Onset,
    Opinion,
    PlayoutEnded,
    PlayoutStarted,
    Press,
    Release,
    Resume,
    SpeechEnded,
    ToolCall,
    Transcript,
    Truncation,
    TurnEnd,
    Usage,
    UserState,
    Yield,
)

__all__ = [
    "EVENT_TYPES",
    "AgentState",
    "BudgetUsed",
    "Changed",
    "Clock",
    "Commit",
    "Discard",
    "Event",
    "Evidence",
    "Failure",
    "FirstAudio",
    "Handoff",
    "Hold",
    "Onset",
    "Opinion",
    "PlayoutEnded",
    "PlayoutStarted",
    "Press",
    "Release",
    "Resume",
    "SpeechEnded",
    "Timeline",
    "ToolCall",
    "Transcript",
    "Truncation",
    "TurnEnd",
    "Usage",
    "UserState",
    "Yield",
    "from_record",
    "read_events",
    "to_record",
]

_E = TypeVar("_E")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


EVENT_TYPES: dict[str, type[Event]] = {_snake(cls.__name__): cls for cls in get_args(Event)}
_NAMES: dict[type[Any], str] = {cls: name for name, cls in EVENT_TYPES.items()}


def to_record(event: Event, *, personal: bool = False) -> dict[str, Any]:
    """The event as a flat dict ready for JSON, times rounded to a microsecond."""
    record: dict[str, Any] = {"type": _NAMES[type(event)]}
    for spec in fields(event):
        if spec.metadata.get("personal") and not personal:
            continue
        value = getattr(event, spec.name)
        record[spec.name] = round(value, 6) if isinstance(value, float) else value
    return record


def from_record(record: dict[str, Any]) -> Event | None:
    """The event of one JSON record; None for a type that this version does not know.

    Unknown fields are dropped, so that an older reader opens a newer file.
    """
    cls = EVENT_TYPES.get(str(record.get("type")))
    if cls is None:
        return None
    known = {spec.name for spec in fields(cls)}
    return cls(**{key: value for key, value in record.items() if key in known})


def read_events(path: str | Path) -> list[Event]:
    """Reads a JSON-lines timeline. A last line cut short by a crash is left out."""
    events: list[Event] = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            event = from_record(json.loads(line))
        except (json.JSONDecodeError, TypeError):
            continue
        if event is not None:
            events.append(event)
    return events


class Timeline:
    """The events of one call, in the order they were appended. Safe to append from any thread.

    Args:
        limit: Events kept in memory; the oldest go first. Files and listeners get every one. A call
            makes about one a second.
        now: The clock, s.
    """

    def __init__(self, *, limit: int = 20_000, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._limit = limit
        self._events: list[Event] = []
        self._gone = 0  # events no longer in memory
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Event], None]] = []
        self._file: IO[str] | None = None
        self._personal = False
        self._clock = Clock(now(), time.time())
        self._events.append(self._clock)

    def append(self, event: Event) -> None:
        """Adds an event, writes it if a file is open, and tells the listeners on this thread."""
        with self._lock:
            self._events.append(event)
            if len(self._events) > self._limit:
                gone = self._limit // 10
                del self._events[1 : 1 + gone]  # the clock stays first
                self._gone += gone
            if self._file is not None:
                self._write(event)
            listeners = list(self._listeners)
        for listener in listeners:
            listener(event)

    def __iter__(self) -> Iterator[Event]:
        with self._lock:
            return iter(list(self._events))

    def __len__(self) -> int:
        return len(self._events)

    def of(self, kind: type[_E]) -> list[_E]:
        """The events of one class, oldest first."""
        return [event for event in self if isinstance(event, kind)]

    def after(self, number: int) -> tuple[list[Event], int]:
        """The events in memory after the first ``number`` of the call, and how many there were in all."""
        with self._lock:
            first = max(number - self._gone, 1) if number else 0
            return self._events[first:], self._gone + len(self._events)

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls ``listener`` with each event to come, on the thread that appends it.

        Returns a function that ends the subscription.
        """
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def open(self, path: str | Path, *, personal: bool = False) -> None:
        """Writes the events so far and every one to come to ``path`` as JSON lines, line by line."""
        with self._lock:
            self._personal = personal
            self._file = Path(path).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115
            for event in self._events:
                self._write(event)

    def close(self) -> None:
        """Closes the file, if one is open."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def write(self, path: str | Path, *, personal: bool = False) -> None:
        """Writes the events in memory to ``path`` as JSON lines."""
        lines = [json.dumps(to_record(event, personal=personal), ensure_ascii=False) for event in self]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _write(self, event: Event) -> None:
        assert self._file is not None
        self._file.write(json.dumps(to_record(event, personal=self._personal), ensure_ascii=False) + "\n")
