"""The default conversation: items in order, created, retrieved, truncated and deleted."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from antiphon.plugins.local.protocol.outputs import Refusal

__all__ = ["Conversation", "Item", "public"]

_CONTENT = {
    "system": {"input_text"},
    "user": {"input_text", "input_audio", "input_image"},
    "assistant": {"output_text", "output_audio"},
}
_TYPES = (
    "message",
    "function_call",
    "function_call_output",
    "mcp_approval_response",
    "mcp_approval_request",
    "mcp_call",
    "mcp_list_tools",
)
_MAX_CALL_ID = 32  # characters; the provider's limit
MAX_ITEMS = 10_000  # chosen: memory of one session stays bounded


@dataclass(slots=True)
class Item:
    """One item, and what the protocol does not show of it."""

    data: dict[str, Any]
    audio_ms: float | None = None
    """Length of its audio, ms; None for an item without."""
    awaiting_ears: bool = False
    """User audio that is not transcribed yet."""
    truncated: bool = False
    """Cut by the client: what is still to come of it is neither kept nor remembered."""

    @property
    def id(self) -> str:
        return str(self.data["id"])


class Conversation:
    """An ordered set of items."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._deleted: set[str] = set()

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last_id(self) -> str | None:
        """The newest item's id."""
        return self._items[-1].id if self._items else None

    def find(self, item_id: str) -> Item | None:
        """The item of that id."""
        return next((item for item in self._items if item.id == item_id), None)

    def get(self, item_id: object, code: str, doing: str) -> Item:
        """The item of that id.

        Raises:
            Refusal: There is none.
        """
        item = self.find(item_id) if isinstance(item_id, str) else None
        if item is None:
            raise Refusal(code, f"Error {doing} item: the item with id '{item_id}' does not exist.")
        return item

    def add(self, item: Item, after: object = None) -> str | None:
        """Inserts an item; returns the id before it.

        Args:
            item: The item.
            after: Id to insert behind, ``root`` for the front, None for the end.

        Raises:
            Refusal: The id is taken, ``after`` is unknown, or it is the output of a call that is not here.
        """
        if self.find(item.id) is not None:
            raise Refusal(
                "item_create_duplicate_item_id",
                f"Error adding item: the item with id '{item.id}' already exists in conversation.",
                "item.id",
            )
        if item.data.get("type") == "function_call_output":
            self._find_call(item.data["call_id"])
        index = len(self._items)
        if after == "root":
            index = 0
        elif after is not None and not (after in self._deleted and self.find(str(after)) is None):
            before = self.get(after, "item_create_invalid_previous_item_id", "adding")
            index = self._items.index(before) + 1
        self._items.insert(index, item)
        return self._items[index - 1].id if index else None

    def make_room(self) -> None:
        """To be asked before what a client wants to add. What the model adds, it adds: nobody would be told.

        Raises:
            Refusal: It holds as many items as it may.
        """
        if len(self._items) >= MAX_ITEMS:
            raise Refusal("conversation_full", f"The conversation holds {MAX_ITEMS} items; delete some.")

    def _find_call(self, call_id: str) -> None:
        # OpenAI's server says it so: livekit/agents issue 3344.
        if not any(
            item.data.get("type") == "function_call" and item.data.get("call_id") == call_id
            for item in self._items
        ):
            raise Refusal("invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation.")

    def delete(self, item_id: object) -> Item:
        """Takes an item out."""
        item = self.get(item_id, "item_delete_invalid_item_id", "deleting")
        self._items.remove(item)
        self._deleted.add(item.id)
        return item

    def truncate(self, item_id: object, content_index: object, end_ms: object) -> Item:
        """Cuts an assistant's audio to ``end_ms`` and deletes its transcript.

        Raises:
            Refusal: It is no such item, or its audio is shorter.
        """
        item = self.get(item_id, "item_truncate_invalid_item_id", "truncating")
        if item.data.get("role") != "assistant" or item.audio_ms is None:
            raise Refusal(
                "invalid_value",
                "Only model output audio messages can be truncated.",
                "item_id",
            )
        if content_index != 0:
            raise Refusal("invalid_value", "Invalid content_index: expected 0.", "content_index")
        if not isinstance(end_ms, int) or isinstance(end_ms, bool) or end_ms <= 0:
            raise Refusal(
                "invalid_value",
                "audio_end_ms must be a positive integer; delete the item if nothing of it was heard.",
                "audio_end_ms",
            )
        if end_ms > round(item.audio_ms):
            raise Refusal(
                "invalid_value",
                f"Audio content of {round(item.audio_ms)}ms is already shorter than {end_ms}ms",
                "audio_end_ms",
            )
        item.audio_ms, item.truncated = end_ms, True
        for part in item.data["content"]:
            part.pop("transcript", None)
        return item


def checked(given: object, new_id: str) -> dict[str, Any]:
    """A client's item, complete and validated.

    Raises:
        Refusal: It is no item that a client may create.
    """
    if not isinstance(given, dict):
        raise Refusal("invalid_type", "Invalid type for 'item': expected an object.", "item")
    item = copy.deepcopy(given)
    kind = item.get("type")
    if kind not in _TYPES:
        raise Refusal("invalid_value", f"Invalid value for 'item.type': {kind!r}.", "item.type")
    if "id" in item and (not isinstance(item["id"], str) or not 1 <= len(item["id"]) <= 64):
        raise Refusal("invalid_value", "item.id must be a string of 1 to 64 characters.", "item.id")
    call_id = item.get("call_id")
    if isinstance(call_id, str) and len(call_id) > _MAX_CALL_ID:
        raise Refusal(
            "string_above_max_length",
            f"Invalid 'item.call_id': expected at most {_MAX_CALL_ID} characters, got {len(call_id)}.",
            "item.call_id",
        )
    item.setdefault("id", new_id)
    item["object"] = "realtime.item"
    if kind == "message":
        _check_message(item)
    for key in {"function_call": ("name", "arguments"), "function_call_output": ("call_id", "output")}.get(
        str(kind), ()
    ):
        if not isinstance(item.get(key), str):
            raise Refusal(
                "missing_required_parameter", f"Missing required parameter: 'item.{key}'.", f"item.{key}"
            )
    item["status"] = "completed"
    return item


def _check_message(item: dict[str, Any]) -> None:
    role = item.get("role")
    if role not in _CONTENT:
        raise Refusal("invalid_value", f"Invalid value for 'item.role': {role!r}.", "item.role")
    parts = item.get("content")
    if not isinstance(parts, list):
        raise Refusal(
            "missing_required_parameter", "Missing required parameter: 'item.content'.", "item.content"
        )
    for number, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _CONTENT[role] or (role == "assistant" and kind == "output_audio"):
            expected = ", ".join(sorted(_CONTENT[role] - {"output_audio"}))
            raise Refusal(
                "invalid_value",
                f"Invalid value: {kind!r}. Supported values for {role} content: {expected}.",
                f"item.content[{number}].type",
            )
        if kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
            raise Refusal(
                "missing_required_parameter",
                f"Missing required parameter: 'item.content[{number}].text'.",
                f"item.content[{number}].text",
            )


def public(item: Item | Mapping[str, Any]) -> dict[str, Any]:
    """The item as events show it: without the audio itself."""
    data = copy.deepcopy(item.data if isinstance(item, Item) else dict(item))
    for part in data.get("content", []) or []:
        if isinstance(part, dict):
            part.pop("audio", None)
    return data
