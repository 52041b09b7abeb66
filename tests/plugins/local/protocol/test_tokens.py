from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.local.protocol.conversation import Item
from antiphon.plugins.local.protocol.tokens import Tokens


def test_what_it_is_made_from_is_counted_by_kind() -> None:
    tokens = Tokens(None)
    audio = {"type": "input_audio", "audio": "A" * 10_000, "transcript": "heard words cost nothing more"}
    items = [
        Item({"role": "user", "content": [audio]}, audio_ms=1000),
        Item({"role": "assistant", "content": [{"type": "output_audio", "transcript": "x"}]}, audio_ms=1000),
        Item({"role": "user", "content": [{"type": "input_text", "text": "four"}]}),
        Item({"type": "function_call", "name": "look", "arguments": "{{}}"}),
        Item({"type": "function_call_output", "output": "four"}),
    ]
    tokens.read("four", items)
    usage = tokens.usage()
    details = usage["input_token_details"]
    assert (details["text_tokens"], details["audio_tokens"]) == (5, 10 + 20)
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (35, 0, 35)


def test_without_a_limit_all_may_be_said() -> None:
    tokens = Tokens(None)
    assert tokens.say(10**6) == 10**6
    assert tokens.sound(1201) == 1201
    assert tokens.usage()["output_token_details"] == {"text_tokens": 250_000, "audio_tokens": 2}


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.sampled_from(["say", "sound"]), st.integers(0, 9000)), max_size=20),
)
def test_the_output_never_exceeds_the_limit_and_leaves_none_of_it_unused(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    tokens = Tokens(limit)
    for name, wanted in steps:
        made: dict[str, Any] = {"say": tokens.say, "sound": tokens.sound}
        taken = made[name](wanted)
        assert 0 <= taken <= wanted
        used = tokens.usage()["output_tokens"]
        assert used <= limit
        if taken < wanted:
            assert used == limit
