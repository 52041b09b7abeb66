"""What happened in a call, as typed events on one monotonic clock.

The session, its controller and its playout append; pictures, benchmarks and tests read. An event is a
frozen dataclass whose ``at`` is seconds of ``time.monotonic()`` in the process that made it. On Linux
that clock is one for all processes of a machine, so events of two processes may be compared there.
Transcripts and identities live only in fields marked ``personal``; they are left out of the JSON
unless asked for.

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
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any, Literal, TypeVar, get_args

__all__ = [
    "EVENT_TYPES",
    "AgentState",
    "Clock",
    "Commit",
    "Discard",
    "Event",
    "Failure",
    "FirstAudio",
    "Hold",
    "Onset",
    "Opinion",
    "PlayoutEnded",
    "PlayoutStarted",
    "Resume",
    "SpeechEnded",
    "Timeline",
    "ToolCall",
    "Transcript",
    "Truncation",
    "TurnEnd",
    "UserState",
    "Yield",
    "read_events",
]

_PERSONAL = {"personal": True}


@dataclass(frozen=True, slots=True)
class Clock:
    """Ties the monotonic clock to the wall clock."""

    at: float
    wall: float
    """Unix time in s at the same moment."""


@dataclass(frozen=True, slots=True)
class Onset:
    """The person was found to be speaking."""

    at: float
    began_at: float
    """When the first voiced sample arrived, before the detector was sure."""
    over_agent: bool
    """Whether the agent's voice was playing."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The person was found to have stopped speaking."""

    at: float
    ended_at: float
    """When the last voiced sample arrived."""
    voiced_s: float
    """Speech since the onset, pauses left out, s."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A judge said what it holds of the speech over the agent."""

    at: float
    judge: str
    occasion: str
    """Why it was asked: early, pause or long."""
    probability: float | None
    """That the person wants the floor, 0 to 1; None for no opinion, a failure or a late answer."""
    took_s: float


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """An estimator said how likely the person has finished."""

    at: float
    estimator: str
    probability: float
    took_s: float


@dataclass(frozen=True, slots=True)
class Hold:
    """The playout fell silent, with the reply kept."""

    at: float
    heard_ms: int
    """Position in the reply last handed to the transport and not taken back, ms."""
    item_id: str = ""
    ducked: bool = False
    """Whether it only went on more quietly; another `Hold` follows if it falls silent."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The playout went on: from the very sample where it was held, or from the word that a long hold cut."""

    at: float
    heard_ms: int
    """Position from which it goes on, ms."""
    reason: str = ""
    """Why: the verdict's name, or the deadline's."""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Yield:
    """The agent gave up the floor: reply cancelled, rest dropped."""

    at: float
    heard_ms: int
    reason: str = ""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Truncation:
    """The model's memory was cut to what had been heard."""

    at: float
    audio_end_ms: int
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """The person's turn went to the model."""

    at: float
    speech_ended_at: float
    """When its last voiced sample arrived."""
    audio_s: float
    """Audio the model got for this turn, pre-roll included, s."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Speech was dropped and not answered."""

    at: float
    reason: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class FirstAudio:
    """The model's first audio of a reply reached us."""

    at: float
    since_commit_s: float | None
    """Since the commit that it answers; None for a reply nobody's turn asked for."""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first frame of a reply went to the transport."""

    at: float
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class PlayoutEnded:
    """A reply was heard to its end, or to where it was cut."""

    at: float
    heard_ms: int
    interrupted: bool
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool of the application's ran."""

    at: float
    name: str
    duration_s: float | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class AgentState:
    """As LiveKit's ``lk.agent.state``: initializing, listening, thinking, speaking, idle."""

    at: float
    state: str


@dataclass(frozen=True, slots=True)
class UserState:
    """As livekit-agents' user state: speaking, listening, away."""

    at: float
    state: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words said."""

    at: float
    speaker: Literal["user", "agent"]
    final: bool
    text: str = field(default="", metadata=_PERSONAL)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something went wrong, and the call went on or ended."""

    at: float
    what: str
    """The error's class."""
    message: str
    fatal: bool = False


Event = (
    Clock
    | Onset
    | SpeechEnded
    | Opinion
    | TurnEnd
    | Hold
    | Resume
    | Yield
    | Truncation
    | Commit
    | Discard
    | FirstAudio
    | PlayoutStarted
    | PlayoutEnded
    | ToolCall
    | AgentState
    | UserState
    | Transcript
    | Failure
)

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
