from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest

from antiphon.plugins.local.protocol import Send
from antiphon.plugins.local.protocol.conversation import Conversation, Item
from antiphon.plugins.local.protocol.hearing import Hearing
from antiphon.plugins.local.protocol.outputs import Outbox, Refusal

PCM = {"type": "audio/pcm", "rate": 24000}
SILENT = {"format": PCM, "transcription": None}
TOLD = {"format": PCM, "transcription": {"model": "w", "language": "en"}}


class Rig:
    def __init__(self) -> None:
        counter = itertools.count(1)
        self.outbox = Outbox(lambda kind: f"{kind}_{next(counter)}")
        self.conversation = Conversation()
        self.hearing = Hearing(self.conversation, self.outbox)

    def spoken(self, name: str, *, inside: bool = True, ms: int = 500) -> Item:
        """A user's item with audio that the ears are given; of the conversation, or brought along."""
        audio = base64.b64encode(bytes(48 * ms)).decode()
        parts = [{"type": "input_audio", "audio": audio}]
        item = Item({"id": name, "type": "message", "role": "user", "content": parts})
        (job,) = self.hearing.work(item, TOLD)
        assert (job.item_id, len(job.audio), job.language) == (name, 24 * ms, "en")
        if inside:
            self.conversation.add(item)
        else:
            self.hearing.bring_along([item])
        return item

    def told(self) -> list[Any]:
        return [sent.event for sent in self.outbox.drain() if isinstance(sent, Send)]


def test_what_was_heard_is_in_the_item_and_told_if_it_was_asked_for() -> None:
    rig = Rig()
    first, second = rig.spoken("a"), rig.spoken("b")
    assert first.audio_ms == 500
    assert rig.hearing.awaits(first)
    rig.hearing.heard("a", "Hello", 0.5, TOLD)
    assert not rig.hearing.awaits(first)
    assert first.data["content"][0]["transcript"] == "Hello"
    kinds = [event["type"].rsplit(".", 1)[1] for event in rig.told()]
    assert kinds == ["delta", "completed"]
    rig.hearing.heard("b", "Silently", 0.5, SILENT)
    assert second.data["content"][0]["transcript"] == "Silently"
    assert rig.told() == []


def test_no_words_have_no_delta() -> None:
    rig = Rig()
    rig.spoken("a")
    rig.hearing.heard("a", "", 0.5, TOLD)
    (completed,) = rig.told()
    assert completed["transcript"] == ""


def test_ears_that_fail_are_waited_for_no_longer() -> None:
    rig = Rig()
    item = rig.spoken("a")
    rig.hearing.deaf("a", "broken", TOLD)
    assert not rig.hearing.awaits(item)
    (failed,) = rig.told()
    assert failed["error"]["message"] == "broken"


@pytest.mark.parametrize("end", ["heard", "deaf"])
def test_what_a_response_brought_along_is_heard_without_a_word_to_the_client(end: str) -> None:
    rig = Rig()
    item = rig.spoken("a", inside=False)
    assert rig.hearing.awaits(item)
    if end == "heard":
        rig.hearing.heard("a", "Aside", 0.5, TOLD)
        assert item.data["content"][0]["transcript"] == "Aside"
    else:
        rig.hearing.deaf("a", "broken", TOLD)
    assert not rig.hearing.awaits(item)
    assert rig.told() == []


def test_a_deleted_item_is_waited_for_no_longer_and_its_transcript_goes_nowhere() -> None:
    rig = Rig()
    item = rig.spoken("a")
    rig.conversation.delete("a")
    assert not rig.hearing.awaits(item)
    rig.hearing.heard("a", "late", 0.5, TOLD)
    assert rig.told() == []


def test_text_is_no_work_and_what_is_no_audio_is_refused() -> None:
    rig = Rig()
    text = [{"type": "input_text", "text": "x"}]
    assert rig.hearing.work(Item({"id": "t", "type": "message", "content": text}), TOLD) == []
    assert rig.hearing.work(Item({"id": "f", "type": "function_call"}), TOLD) == []
    wrong = [{"type": "input_audio", "audio": "!"}]
    item = Item({"id": "w", "type": "message", "content": wrong})
    with pytest.raises(Refusal):
        rig.hearing.work(item, TOLD)
    assert not item.awaiting_ears
