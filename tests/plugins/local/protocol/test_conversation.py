from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.local.protocol.conversation import Conversation, Item, checked, public
from antiphon.plugins.local.protocol.outputs import Refusal


def message(name: str, role: str = "user", kind: str = "input_text") -> dict[str, Any]:
    return {"id": name, "type": "message", "role": role, "content": [{"type": kind, "text": "x"}]}


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([None, "root", *"abcdef"])), max_size=20)
)
def test_whatever_is_added_ids_are_unique_and_order_is_kept(steps: list[tuple[str, str | None]]) -> None:
    conversation = Conversation()
    model: list[str] = []
    for name, after in steps:
        try:
            previous = conversation.add(Item(message(name)), after)
        except Refusal:
            assert name in model or after not in (None, "root", *model)
            continue
        at = 0 if after == "root" else len(model) if after is None else model.index(after) + 1
        assert previous == (model[at - 1] if at else None)
        model.insert(at, name)
    assert [item.id for item in conversation] == model
    assert conversation.last_id == (model[-1] if model else None)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "text",
        {"type": "poem"},
        {"type": "message", "role": "user"},
        {"type": "message", "role": "nobody", "content": []},
        message("x", "assistant", "input_text"),
        message("x", "assistant", "output_audio"),
        {"type": "message", "role": "user", "content": [{"type": "input_text"}]},
        {"type": "function_call_output", "call_id": "c"},
        {**message("x"), "id": ""},
        {**message("x"), "id": "y" * 65},
    ],
)
def test_what_is_no_item_is_refused(wrong: Any) -> None:
    with pytest.raises(Refusal):
        checked(wrong, "new")


def test_a_good_item_is_completed() -> None:
    made = checked({"type": "message", "role": "system", "content": []}, "new_1")
    assert (made["id"], made["object"], made["status"]) == ("new_1", "realtime.item", "completed")


def test_truncation_goes_only_to_spoken_items_and_never_beyond_them() -> None:
    conversation = Conversation()
    spoken = {
        "id": "a",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "w"}],
    }
    conversation.add(Item(spoken, audio_ms=1000.0))
    conversation.add(Item(message("u")))
    for target, end in (("u", 5), ("nobody", 5), ("a", 1001), ("a", -1), ("a", 1.5), ("a", None)):
        with pytest.raises(Refusal):
            conversation.truncate(target, 0, end)
    item = conversation.truncate("a", 0, 400)
    assert item.audio_ms == 400
    assert "transcript" not in item.data["content"][0]
    with pytest.raises(Refusal):
        conversation.truncate("a", 0, 401)


def test_an_output_needs_its_call() -> None:
    conversation = Conversation()
    call = {"id": "c", "type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
    output = {"id": "o", "type": "function_call_output", "call_id": "call_1", "output": "42"}
    for before in (None, message("call_1"), {**call, "call_id": "call_2"}):
        if before is not None:
            conversation.add(Item(before))
        with pytest.raises(Refusal, match="'call_1' not found") as refused:
            conversation.add(Item(output))
        assert refused.value.code == "invalid_tool_call_id"
        if before is not None:
            conversation.delete(before["id"])
    conversation.add(Item(call))
    assert conversation.add(Item(output)) == "c"


def test_events_never_carry_the_audio_itself() -> None:
    item = {"id": "u", "content": [{"type": "input_audio", "audio": "AAAA", "transcript": None}]}
    assert "audio" not in public(item)["content"][0]
    assert item["content"][0]["audio"] == "AAAA"  # type: ignore[index]
