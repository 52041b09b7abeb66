from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from antiphon.plugins.local.protocol.config import default_session, response_settings
from antiphon.plugins.local.protocol.conversation import Conversation
from antiphon.plugins.local.protocol.response import Response


class Rig:
    def __init__(self, *modalities: str, band: bool = True, limit: int | str = "inf") -> None:
        self.events: list[dict[str, Any]] = []
        self.conversation = Conversation()
        counter = itertools.count(1)
        session = default_session("s", "local", 0)
        given = {
            "output_modalities": list(modalities or ("audio",)),
            "metadata": {"k": "v"},
            "max_output_tokens": limit,
        }
        self.response = Response(
            "resp_1",
            response_settings(session, given),
            self.conversation if band else None,
            "conv_1" if band else None,
            lambda kind, **fields: self.events.append({"type": kind, **fields}),
            lambda kind: f"{kind}_{next(counter)}",
        )
        self.response.start()

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


def test_words_and_sound_make_one_message() -> None:
    rig = Rig()
    rig.response.text("Hello ")
    rig.response.sound(np.zeros(2400, np.int16))
    rig.response.text("there.")
    rig.response.finish("completed", None)
    assert rig.types().count("response.output_item.added") == 1
    (item,) = rig.conversation
    assert item.audio_ms == 100
    assert item.data["content"][0]["transcript"] == "Hello there."
    usage = rig.events[-1]["response"]["usage"]
    assert usage["output_token_details"]["audio_tokens"] == 2  # one a 50 ms


def test_words_beyond_the_limit_are_not_said() -> None:
    rig = Rig("text", limit=2)
    rig.response.text("12345678")
    assert not rig.response.cut
    rig.response.text("9")
    assert rig.response.cut
    rig.response.finish("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
    done = rig.events[-1]["response"]
    assert done["output"][0]["content"][0]["text"] == "12345678"
    assert done["output"][0]["status"] == "incomplete"
    assert done["usage"]["output_tokens"] == 2


def test_sound_beyond_the_limit_is_cut_to_the_sample() -> None:
    rig = Rig(limit=3)
    rig.response.text("1234")
    rig.response.sound(np.ones(2000, np.int16))
    rig.response.sound(np.ones(2000, np.int16))
    assert rig.response.cut
    (item,) = rig.conversation
    assert item.audio_ms == 100  # two tokens; the words took one


def test_a_call_that_does_not_fit_is_not_made() -> None:
    rig = Rig(limit=2)
    rig.response.text("1234")
    rig.response.tool("look", '{"a": 1}')
    assert rig.response.cut
    rig.response.finish("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
    assert [item["type"] for item in rig.events[-1]["response"]["output"]] == ["message"]


def test_a_text_reply_has_no_sound() -> None:
    rig = Rig("text")
    rig.response.text("Hi")
    rig.response.sound(np.zeros(2400, np.int16))
    rig.response.finish("completed", None)
    assert not any("audio" in kind for kind in rig.types())
    assert not rig.response.spoke


def test_a_tool_call_closes_the_message_before_it() -> None:
    rig = Rig()
    rig.response.text("One moment.")
    rig.response.tool("look", '{"a": 1}')
    rig.response.finish("completed", None)
    output = rig.events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call"]
    assert output[1]["arguments"] == '{"a": 1}'


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_what_was_under_way_is_incomplete(status: str) -> None:
    rig = Rig()
    rig.response.text("Half")
    rig.response.finish(status, {"type": status})
    done = rig.events[-1]["response"]
    assert done["status"] == status
    assert done["output"][0]["status"] == "incomplete"


def test_out_of_band_touches_no_conversation() -> None:
    rig = Rig(band=False)
    rig.response.text("x")
    rig.response.finish("completed", None)
    assert len(rig.conversation) == 0
    assert "conversation.item.added" not in rig.types()
    assert rig.events[0]["response"]["conversation_id"] is None
