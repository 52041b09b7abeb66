from __future__ import annotations

import base64
import itertools
from typing import Any

import numpy as np
import pytest

from antiphon.plugins.local.protocol import CancelReply, Output, Send, StartReply
from antiphon.plugins.local.protocol.config import default_session
from antiphon.plugins.local.protocol.conversation import Conversation, Item
from antiphon.plugins.local.protocol.hearing import Hearing
from antiphon.plugins.local.protocol.outputs import Outbox, Refusal
from antiphon.plugins.local.protocol.responses import Responses

ASIDE = {"conversation": "none", "input": []}


class Rig:
    def __init__(self, *, await_ears: bool = True) -> None:
        counter = itertools.count(1)

        def new_id(kind: str) -> str:
            return f"{kind}_{next(counter)}"

        self.session = default_session("s", "local", 0)
        self.outbox = Outbox(new_id)
        self.conversation = Conversation()
        self.hearing = Hearing(self.conversation, self.outbox)
        self.responses = Responses(
            self.conversation, "conv_1", self.hearing, self.outbox, new_id, await_ears=await_ears
        )
        self.out: list[Output] = []

    def create(self, **given: Any) -> str:
        response = self.responses.create(self.session, given)
        self.out += self.outbox.drain()
        return response.id

    def spoken(self, name: str) -> Item:
        """An item of the conversation that the ears are still at."""
        parts = [{"type": "input_audio", "audio": base64.b64encode(bytes(9600)).decode()}]
        item = Item({"id": name, "type": "message", "role": "user", "content": parts})
        self.hearing.work(item, self.session["audio"]["input"])
        self.conversation.add(item)
        return item

    def started(self) -> list[StartReply]:
        self.out += self.outbox.drain()
        return [output for output in self.out if isinstance(output, StartReply)]

    def sent(self, kind: str) -> list[Any]:
        self.out += self.outbox.drain()
        return [o.event for o in self.out if isinstance(o, Send) and o.event["type"] == kind]


def test_one_at_a_time_has_the_conversation_and_others_run_beside_it() -> None:
    rig = Rig()
    first = rig.create()
    with pytest.raises(Refusal, match=first) as refused:
        rig.create()
    assert refused.value.code == "conversation_already_has_active_response"
    aside = rig.create(**ASIDE)
    rig.responses.finish(first, "completed")
    assert rig.responses.default is None
    assert rig.responses.get(aside) is not None
    second = rig.create()
    assert rig.responses.default is rig.responses.get(second)


def test_what_runs_out_of_band_is_bounded() -> None:
    rig = Rig()
    for _ in range(32):
        rig.create(**ASIDE)
    with pytest.raises(Refusal) as refused:
        rig.create(**ASIDE)
    assert refused.value.code == "rate_limit_exceeded"
    rig.create()  # the conversation's own is not held up by them


def test_it_is_announced_at_once_and_starts_when_all_its_audio_is_heard() -> None:
    rig = Rig()
    rig.spoken("a")
    rig.spoken("b")
    name = rig.create()
    assert [e["response"]["id"] for e in rig.sent("response.created")] == [name]
    for item, ready in (("a", []), ("b", [name])):
        rig.hearing.heard(item, "x", 0.2, rig.session["audio"]["input"])
        rig.responses.start_ready()
        assert [job.response_id for job in rig.started()] == ready
    rig.responses.start_ready()
    assert len(rig.started()) == 1


def test_a_model_that_hears_for_itself_waits_for_nothing() -> None:
    rig = Rig(await_ears=False)
    rig.spoken("a")
    rig.create()
    assert len(rig.started()) == 1


def test_one_that_is_cancelled_while_it_waits_is_never_started() -> None:
    rig = Rig()
    rig.spoken("a")
    name = rig.create()
    response = rig.responses.get(name)
    assert response is not None
    rig.responses.cancel(response, "client_cancelled")
    rig.hearing.heard("a", "x", 0.2, rig.session["audio"]["input"])
    rig.responses.start_ready()
    assert rig.started() == []
    assert CancelReply(name) in rig.out
    (done,) = rig.sent("response.done")
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


def test_one_that_is_over_stays_over() -> None:
    rig = Rig()
    name = rig.create()
    rig.responses.finish(name, "completed")
    rig.responses.sound(name, np.ones(240, np.int16))
    rig.responses.finish(name, "failed")
    assert len(rig.sent("response.done")) == 1
    assert not rig.sent("response.output_audio.delta")
    assert not rig.responses.spoke


def test_the_work_behind_all_can_be_ended_without_a_word() -> None:
    rig = Rig()
    names = [rig.create(), rig.create(**ASIDE)]
    before = len(rig.out)
    rig.responses.cancel_work()
    rig.started()
    assert rig.out[before:] == [CancelReply(name) for name in names]


def test_a_reply_is_asked_for_with_what_the_response_names() -> None:
    rig = Rig()
    rig.session["instructions"] = "base"
    rig.session["audio"]["output"]["voice"] = {"id": "mine"}
    text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    rig.conversation.add(Item({"id": "u", "object": "realtime.item", **text}))
    rig.create(
        conversation="none",
        input=[{"type": "item_reference", "id": "u"}, {**text, "id": "u"}],
        output_modalities=["text"],
        max_output_tokens=7,
    )
    (job,) = rig.started()
    assert [item["content"] for item in job.request.items] == [text["content"]] * 2
    assert job.request.items[1]["id"] != "u"  # it is not the conversation's of that name
    assert (job.audio, job.voice) == (False, "mine")
    assert (job.request.instructions, job.request.max_output_tokens) == ("base", 7)
    with pytest.raises(Refusal) as refused:
        rig.create(conversation="none", input=[{"type": "item_reference", "id": "nobody"}])
    assert refused.value.code == "item_reference_invalid_item_id"
