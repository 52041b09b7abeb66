"""One response: the events of its life, in the order of the protocol.

created, then for each item: output_item.added, item.added, content_part.added, deltas, the matching
dones, content_part.done, output_item.done, item.done; then done. Cancelled or failed, the open item is
closed as incomplete with what was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from antiphon.plugins.local.engines import RATE_HZ, Samples
from antiphon.plugins.local.protocol.audio import encode
from antiphon.plugins.local.protocol.conversation import Conversation, Item, public
from antiphon.plugins.local.protocol.playout import Playout
from antiphon.plugins.local.protocol.tokens import Tokens

__all__ = ["Response"]

Emit = Callable[..., None]

_NO_SOUND = np.zeros(0, dtype=np.int16)


class Response:
    """A response in progress.

    Args:
        response_id: Its id.
        settings: Of `config.response_settings`.
        conversation: Where its items go; None when it is out of band.
        conversation_id: The default conversation's id; None when it is out of band.
        emit: Sends an event: ``emit(type, **fields)``.
        new_id: Makes an id with a prefix.
        playout: Where its sound goes; None for into events.
    """

    def __init__(
        self,
        response_id: str,
        settings: Mapping[str, Any],
        conversation: Conversation | None,
        conversation_id: str | None,
        emit: Emit,
        new_id: Callable[[str], str],
        playout: Playout | None = None,
    ) -> None:
        self.id = response_id
        self.settings = settings
        self.audio = settings["output_modalities"] == ["audio"]
        self.spoke = False
        """Whether audio was produced."""
        self._conversation = conversation
        self._conversation_id = conversation_id
        self._emit = emit
        self._new_id = new_id
        self._playout = playout
        self._output: list[dict[str, Any]] = []
        self._item: Item | None = None
        self._previous: str | None = None  # the id before the open item's
        self._text = ""
        self._samples = 0
        limit = settings["max_output_tokens"]
        self.tokens = Tokens(None if limit == "inf" else limit)
        self.cut = False
        """Whether more was to be said than its limit of tokens lets it say."""

    def start(self) -> None:
        """Announces it."""
        self._emit("response.created", response=self._public("in_progress"))

    def text(self, delta: str) -> None:
        """Words of the message: text, or the transcript of what the audio says."""
        delta = delta[: self._may(self.tokens.say, len(delta))]
        if not delta:
            return
        item = self._message()
        self._text += delta
        if self.audio:
            self._play(item, _NO_SOUND)
        kind = "response.output_audio_transcript.delta" if self.audio else "response.output_text.delta"
        self._emit(kind, delta=delta, content_index=0, **self._where(item))

    def sound(self, samples: Samples) -> None:
        """Audio of the message, int16 at 24 kHz."""
        samples = samples[: self._may(self.tokens.sound, len(samples)) if self.audio else 0]
        if not len(samples):
            return
        item = self._message()
        self.spoke = True
        self._samples += len(samples)
        if not item.truncated:
            item.audio_ms = self._samples * 1000 / RATE_HZ
        if self._playout is not None:
            self._play(item, samples)
            return
        sound = encode(samples, self.settings["output"]["format"])
        self._emit("response.output_audio.delta", delta=sound, content_index=0, **self._where(item))

    def tool(self, name: str, arguments: str) -> None:
        """A function call, whole; none rather than a part, which nobody could carry out."""
        self.end_message()
        if self._may(self.tokens.say, len(arguments)) < len(arguments):
            return
        item = self._add(
            {
                "type": "function_call",
                "name": name,
                "call_id": self._new_id("call"),
                "arguments": "",
                "status": "in_progress",
            }
        )
        call = {"call_id": item.data["call_id"], **self._where(item)}
        self._emit("response.function_call_arguments.delta", delta=arguments, **call)
        self._emit("response.function_call_arguments.done", arguments=arguments, name=name, **call)
        item.data["arguments"] = arguments
        self._close("completed")

    def end_message(self, status: str = "completed") -> None:
        """Closes the open message, so that what follows is another."""
        item = self._item
        if item is None:
            return
        at = {"content_index": 0, **self._where(item)}
        if self.audio:
            part = {"type": "audio", "transcript": self._text}
            item.data["content"] = [{"type": "output_audio", "transcript": self._text}]
            if item.truncated:
                del item.data["content"][0]["transcript"]
            self._emit("response.output_audio.done", **at)
            self._emit("response.output_audio_transcript.done", transcript=self._text, **at)
        else:
            part = {"type": "text", "text": self._text}
            item.data["content"] = [{"type": "output_text", "text": self._text}]
            self._emit("response.output_text.done", text=self._text, **at)
        self._emit("response.content_part.done", part=part, **at)
        self._close(status)

    def finish(self, status: str, details: Mapping[str, Any] | None) -> None:
        """Ends it: completed, cancelled, failed or incomplete."""
        self.end_message("completed" if status == "completed" else "incomplete")
        self._emit("response.done", response=self._public(status, details, self.tokens.usage()))
        if self._playout is not None:
            self._playout.finish(self.id)

    def _play(self, item: Item, samples: Samples) -> None:
        if self._playout is not None:
            before, kept = self._samples - len(samples), self._conversation is not None
            self._playout.add(self.id, item, samples, before=before, kept=kept)

    def _may(self, count: Callable[[int], int], wanted: int) -> int:
        """How much of what is wanted its limit lets it have."""
        given = count(wanted)
        self.cut = self.cut or given < wanted
        return given

    def _message(self) -> Item:
        if self._item is not None:
            return self._item
        self._text, self._samples = "", 0
        item = self._add({"type": "message", "role": "assistant", "status": "in_progress", "content": []})
        item.audio_ms = 0.0 if self.audio else None
        part = {"type": "audio", "transcript": ""} if self.audio else {"type": "text", "text": ""}
        self._emit("response.content_part.added", part=part, content_index=0, **self._where(item))
        return item

    def _add(self, data: dict[str, Any]) -> Item:
        item = Item({"id": self._new_id("item"), "object": "realtime.item", **data})
        self._item = item
        self._output.append(item.data)
        self._emit(
            "response.output_item.added",
            response_id=self.id,
            output_index=len(self._output) - 1,
            item=public(item),
        )
        if self._conversation is not None:
            previous = self._conversation.add(item)
            self._emit("conversation.item.added", previous_item_id=previous, item=public(item))
            self._previous = previous
        return item

    def _close(self, status: str) -> None:
        item = self._item
        assert item is not None
        item.data["status"] = status
        self._emit(
            "response.output_item.done",
            response_id=self.id,
            output_index=len(self._output) - 1,
            item=public(item),
        )
        if self._conversation is not None and self._conversation.find(item.id) is item:
            self._emit("conversation.item.done", previous_item_id=self._previous, item=public(item))
        self._item = None

    def _where(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.id, "item_id": item.id, "output_index": len(self._output) - 1}

    def _public(
        self,
        status: str,
        details: Mapping[str, Any] | None = None,
        usage: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": dict(details) if details else None,
            "output": [public(data) for data in self._output],
            "conversation_id": self._conversation_id,
            "output_modalities": list(self.settings["output_modalities"]),
            "max_output_tokens": self.settings["max_output_tokens"],
            "audio": {
                "output": {key: self.settings["output"][key] for key in ("format", "voice")},
            },
            "usage": dict(usage) if usage else None,
            "metadata": self.settings["metadata"],
        }
