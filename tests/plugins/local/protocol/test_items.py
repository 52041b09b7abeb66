"""A client's items, apart from the session."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from antiphon.plugins.local.protocol.config import default_session
from antiphon.plugins.local.protocol.conversation import Conversation
from antiphon.plugins.local.protocol.hearing import Hearing
from antiphon.plugins.local.protocol.inbox import Turn
from antiphon.plugins.local.protocol.items import Items
from antiphon.plugins.local.protocol.outputs import Outbox, Refusal, Send, Transcribe

SETTINGS = default_session("s", "m", 0)["audio"]["input"]


class Made:
    def __init__(self) -> None:
        count = itertools.count(1)
        self.conversation = Conversation()
        self.outbox = Outbox(lambda kind: f"{kind}_{next(count)}")
        hearing = Hearing(self.conversation, self.outbox)
        self.items = Items(self.conversation, hearing, self.outbox, lambda kind: f"{kind}_{next(count)}")

    def told(self) -> list[str]:
        return [
            str(output.event["type"]) if isinstance(output, Send) else type(output).__name__
            for output in self.outbox.drain()
        ]


def message(text: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"item": {"type": "message", "role": "user", "content": content, **more}}


def test_items_are_created_where_they_are_wanted_shown_and_deleted() -> None:
    made = Made()
    made.items.create(message("one", id="a"), SETTINGS)
    made.items.create({**message("nought", id="b"), "previous_item_id": "root"}, SETTINGS)
    assert made.told() == ["conversation.item.added", "conversation.item.done"] * 2
    assert [item.id for item in made.conversation] == ["b", "a"]
    made.items.retrieve({"item_id": "a"})
    made.items.delete({"item_id": "a"})
    assert made.told() == ["conversation.item.retrieved", "conversation.item.deleted"]
    for do in (made.items.retrieve, made.items.delete, made.items.truncate):
        with pytest.raises(Refusal):
            do({"item_id": "a", "audio_end_ms": 5})
    assert made.told() == []


def test_a_turn_is_committed_shown_and_heard_in_that_order() -> None:
    made = Made()
    made.items.commit(Turn("u", np.zeros(2400, np.int16)), SETTINGS)
    outputs = made.outbox.drain()
    kinds = [output.event["type"] for output in outputs if isinstance(output, Send)]
    assert kinds == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    assert isinstance(outputs[-1], Transcribe)
    assert outputs[-1].item_id == "u"
