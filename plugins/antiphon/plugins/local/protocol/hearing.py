"""What the ears have to hear, and what becomes of what they heard.

User audio comes into the conversation by a commit or in a client's item, or a response brings it along
for itself alone. Each is one `Transcribe`; its transcript goes into the item, and out as events if the
session asks for transcription and the item is the conversation's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from antiphon.plugins.local.engines import RATE_HZ, Samples
from antiphon.plugins.local.protocol.audio import decode
from antiphon.plugins.local.protocol.conversation import Conversation, Item
from antiphon.plugins.local.protocol.outputs import Outbox, Transcribe

__all__ = ["Hearing"]


class Hearing:
    """The ears' work of one session. ``settings`` is everywhere the session's ``audio.input`` of now."""

    def __init__(self, conversation: Conversation, outbox: Outbox) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._inline: dict[str, Item] = {}

    def work(self, item: Item, settings: Mapping[str, Any]) -> list[Transcribe]:
        """The work that a client's item gives the ears; the item knows of it.

        Raises:
            Refusal: Its audio is none.
        """
        jobs: list[Transcribe] = []
        for part in item.data["content"] if item.data["type"] == "message" else []:
            if part["type"] == "input_audio":
                audio = decode(part.get("audio"), settings["format"])
                part.setdefault("transcript", None)
                jobs.append(self.job(item, audio, settings))
        return jobs

    def job(self, item: Item, audio: Samples, settings: Mapping[str, Any]) -> Transcribe:
        """The work of hearing this audio of an item."""
        item.audio_ms = len(audio) * 1000 / RATE_HZ
        item.awaiting_ears = True
        language = (settings["transcription"] or {}).get("language")
        return Transcribe(item.id, audio, language if isinstance(language, str) else None)

    def bring_along(self, items: Iterable[Item]) -> None:
        """Items that a response brings along, to be heard for it alone."""
        self._inline.update({item.id: item for item in items})

    def awaits(self, item: Item) -> bool:
        """Whether the ears will still say something about it: it is not heard, and not deleted."""
        return item.awaiting_ears and self._known(item.id) is item

    def heard(self, item_id: str, text: str, seconds: float, settings: Mapping[str, Any]) -> None:
        """The ears are through with an item."""
        item = self._known(item_id)
        if item is None:
            return
        item.awaiting_ears = False
        for part in item.data["content"]:
            if part["type"] == "input_audio" and part.get("transcript") is None:
                part["transcript"] = text
        if not self._reported(item_id, settings):
            return
        where = {"item_id": item_id, "content_index": 0}
        if text:
            self._outbox.emit("conversation.item.input_audio_transcription.delta", delta=text, **where)
        self._outbox.emit(
            "conversation.item.input_audio_transcription.completed",
            transcript=text,
            usage={"type": "duration", "seconds": seconds},
            **where,
        )

    def deaf(self, item_id: str, message: str, settings: Mapping[str, Any]) -> None:
        """The ears failed on an item."""
        item = self._known(item_id)
        if item is None:
            return
        item.awaiting_ears = False
        if self._reported(item_id, settings):
            self._outbox.emit(
                "conversation.item.input_audio_transcription.failed",
                item_id=item_id,
                content_index=0,
                error={"type": "server_error", "code": "transcription_failed", "message": message},
            )

    def _known(self, item_id: str) -> Item | None:
        """An item of the conversation, or one that a response brought along and is still to be heard."""
        return self._conversation.find(item_id) or self._inline.get(item_id)

    def _reported(self, item_id: str, settings: Mapping[str, Any]) -> bool:
        """Whether the client is told. What a response brought along is done with here."""
        return self._inline.pop(item_id, None) is None and settings["transcription"] is not None
