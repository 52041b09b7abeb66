"""The order of a response's events, as a grammar. Pure.

``created``, then for each item ``output_item.added``, ``conversation.item.added`` (none when it is out of
band), ``content_part.added``, deltas, the matching dones, ``content_part.done``, ``output_item.done``; then
``done``. What a cancelled response has not begun it need not end, but what it has begun it must. The
order of ``output_item.done`` and ``conversation.item.done`` is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["check_ids", "check_response"]

Event = Mapping[str, Any]

_TEXT = ("response.output_text.delta", "response.output_audio_transcript.delta")
_DONE_TEXT = {"response.output_text.done": "text", "response.output_audio_transcript.done": "transcript"}


def check_ids(events: Iterable[Event]) -> str | None:
    """What is wrong with the events' ids; None if each has one of its own."""
    seen: set[str] = set()
    for event in events:
        name = event.get("event_id")
        if not isinstance(name, str) or not name:
            return f"{event.get('type')} has no event_id"
        if name in seen:
            return f"event_id {name} came twice"
        seen.add(name)
    return None


def check_response(events: Sequence[Event], response_id: str) -> str | None:
    """What is wrong with a response's events, in the order they came; None if nothing is.

    Args:
        events: All that came on the connection; those of other responses are left out here.
        response_id: Whose.
    """
    walk = _Walk()
    for event in events:
        if _response_of(event) != response_id:
            continue
        if wrong := walk.step(event):
            return f"{response_id}: {wrong}"
    return f"{response_id}: {wrong}" if (wrong := walk.end()) else None


def _response_of(event: Event) -> Any:
    response = event.get("response")
    return response.get("id") if isinstance(response, Mapping) else event.get("response_id")


class _Walk:
    """Where in the grammar a response is."""

    def __init__(self) -> None:
        self._created = False
        self._done = False
        self._item: Mapping[str, Any] | None = None
        self._part = False
        self._text = ""
        self._text_done: str | None = None
        self._index = -1

    def step(self, event: Event) -> str | None:
        kind = str(event.get("type"))
        if self._done:
            return f"{kind} after response.done"
        if kind == "response.created":
            if self._created:
                return "response.created came twice"
            self._created = True
            return None
        if not self._created:
            return f"{kind} before response.created"
        if kind == "response.done":
            self._done = True
            return "response.done while an item is open" if self._item is not None else None
        if kind == "response.output_item.added":
            return self._add(event)
        if self._item is None:
            return f"{kind} outside an item"
        item_id = event.get("item_id") or (event.get("item") or {}).get("id")
        if item_id != self._item.get("id"):
            return f"{kind} for item {item_id} while {self._item.get('id')} is open"
        return self._inside(kind, event)

    def end(self) -> str | None:
        if not self._created:
            return "there was no response.created"
        return None if self._done else "there was no response.done"

    def _add(self, event: Event) -> str | None:
        if self._item is not None:
            return "an item was added while another is open"
        index = event.get("output_index")
        if index != self._index + 1:
            return f"output_index {index} after {self._index}"
        self._index = index
        self._item = event.get("item") or {}
        self._part, self._text, self._text_done = False, "", None
        return None

    def _inside(self, kind: str, event: Event) -> str | None:
        if kind == "response.output_item.done":
            if self._part:
                return "output_item.done while a content part is open"
            self._item = None
            return None
        if kind == "response.content_part.added":
            if self._part:
                return "a content part was added while another is open"
            self._part = True
            return None
        if kind == "response.content_part.done":
            if not self._part:
                return "content_part.done without content_part.added"
            self._part = False
            return self._same(event.get("part") or {})
        if kind.startswith("response.function_call_arguments"):
            return self._arguments(kind, event)
        if not self._part:
            return f"{kind} outside a content part"
        if kind in _TEXT:
            self._text += str(event.get("delta"))
        elif kind in _DONE_TEXT:
            self._text_done = str(event.get(_DONE_TEXT[kind]))
            if self._text_done != self._text:
                return f"{kind} has {self._text_done!r}, its deltas {self._text!r}"
        return None

    def _arguments(self, kind: str, event: Event) -> str | None:
        if kind.endswith(".delta"):
            self._text += str(event.get("delta"))
        elif self._text and event.get("arguments") != self._text:
            return f"the arguments are {event.get('arguments')!r}, their deltas {self._text!r}"
        return None

    def _same(self, part: Mapping[str, Any]) -> str | None:
        text = part.get("text") if part.get("type") in ("text", "output_text") else part.get("transcript")
        if text is not None and text != self._text:
            return f"content_part.done has {text!r}, its deltas {self._text!r}"
        return None
