"""What a client does with the conversation's items, and how its turns become items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from antiphon.plugins.local.protocol.conversation import Conversation, Item, checked, public
from antiphon.plugins.local.protocol.hearing import Hearing
from antiphon.plugins.local.protocol.inbox import Turn
from antiphon.plugins.local.protocol.outputs import Outbox

__all__ = ["Items"]


class Items:
    """The client's hand on the conversation. ``settings`` is the session's ``audio.input`` of now.

    Args:
        conversation: The default conversation.
        hearing: The ears' work.
        outbox: Takes what is to be done.
        new_id: Makes an id with a prefix.
    """

    def __init__(
        self, conversation: Conversation, hearing: Hearing, outbox: Outbox, new_id: Callable[[str], str]
    ) -> None:
        self._conversation = conversation
        self._hearing = hearing
        self._outbox = outbox
        self._new_id = new_id

    def create(self, event: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        """``conversation.item.create``.

        Raises:
            Refusal: Like those below, something of it cannot be.
        """
        self._conversation.make_room()
        item = Item(checked(event.get("item"), self._new_id("item")))
        pending = self._hearing.work(item, settings)
        previous = self._conversation.add(item, event.get("previous_item_id"))
        self._emit_item(previous, item)
        self._outbox.do(*pending)

    def retrieve(self, event: Mapping[str, Any]) -> None:
        """``conversation.item.retrieve``."""
        item = self._conversation.get(event.get("item_id"), "item_retrieve_invalid_item_id", "retrieving")
        self._outbox.emit("conversation.item.retrieved", item=public(item))

    def truncate(self, event: Mapping[str, Any]) -> None:
        """``conversation.item.truncate``."""
        end_ms = event.get("audio_end_ms")
        item = self._conversation.truncate(event.get("item_id"), event.get("content_index", 0), end_ms)
        where = {"item_id": item.id, "content_index": 0, "audio_end_ms": end_ms}
        self._outbox.emit("conversation.item.truncated", **where)

    def delete(self, event: Mapping[str, Any]) -> None:
        """``conversation.item.delete``."""
        item = self._conversation.delete(event.get("item_id"))
        self._outbox.emit("conversation.item.deleted", item_id=item.id)

    def commit(self, turn: Turn, settings: Mapping[str, Any]) -> None:
        """A turn becomes an item, and is heard."""
        item = Item(
            {
                "id": turn.item_id,
                "object": "realtime.item",
                "type": "message",
                "role": "user",
                "status": "completed",
                "content": [{"type": "input_audio", "transcript": None}],
            },
        )
        work = self._hearing.job(item, turn.audio, settings)
        previous = self._conversation.add(item)
        self._outbox.emit("input_audio_buffer.committed", item_id=item.id, previous_item_id=previous)
        self._emit_item(previous, item)
        self._outbox.do(work)

    def _emit_item(self, previous: str | None, item: Item) -> None:
        for kind in ("added", "done"):
            self._outbox.emit(f"conversation.item.{kind}", previous_item_id=previous, item=public(item))
