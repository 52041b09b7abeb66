"""The built-in brain: a golden conversation, memory, tools, and anything at all."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.plugins.local.brain_builtin import BuiltinBrain
from antiphon.plugins.local.engines import BrainRequest, ToolRequest


def tool(called: str, description: str, required: list[str] | None = None, /, **kinds: str) -> dict[str, Any]:
    return {
        "type": "function",
        "name": called,
        "description": description,
        "parameters": {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in kinds.items()},
            "required": list(kinds) if required is None else required,
        },
    }


TOOLS = [
    tool("book_table", "Books a table.", name="string", people="integer", time="string"),
    tool("opening_hours", "Tells when the restaurant is open.", day="string"),
]


class Talk:
    """A conversation as the protocol keeps it."""

    def __init__(self, tools: list[dict[str, Any]] | None = None) -> None:
        self.items: list[dict[str, Any]] = []
        self.tools = tools or []
        self.brain = BuiltinBrain(lambda: time.struct_time((2026, 3, 6, 14, 5, 0, 4, 65, 0)))

    def say(self, words: str, **options: Any) -> str | ToolRequest:
        self.items.append(
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": words}]}
        )
        return self.answer(**options)

    def result(self, output: str) -> str | ToolRequest:
        self.items.append({"type": "function_call_output", "call_id": "c", "output": output})
        return self.answer()

    def answer(self, **options: Any) -> str | ToolRequest:
        (reply,) = self.brain.think(BrainRequest("Be brief.", self.items, self.tools, **options))
        if isinstance(reply, ToolRequest):
            self.items.append(
                {"type": "function_call", "call_id": "c", "name": reply.name, "arguments": reply.arguments}
            )
        else:
            self.items.append(
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": reply}]}
            )
        return reply


def test_the_receptionists_conversation() -> None:
    talk = Talk(TOOLS)
    assert "Hello" in str(talk.say("Hello there"))
    assert talk.say("What are your opening hours on Friday?") == ToolRequest(
        "opening_hours", '{"day": "friday"}'
    )
    assert talk.result("On Friday we open at noon.") == "On Friday we open at noon."
    assert talk.say("And on Sunday?") == ToolRequest("opening_hours", '{"day": "sunday"}')
    talk.result("closed")
    assert talk.say("I would like to book a table for four people") == "Under what name?"
    assert talk.say("Smith") == "At what time?"
    booked = talk.say("at seven pm")
    assert isinstance(booked, ToolRequest)
    assert json.loads(booked.arguments) == {"name": "Smith", "people": 4, "time": "seven pm"}
    assert "reference" in str(talk.result('{"reference": 7}'))


def test_a_question_whose_answer_was_cut_before_a_word_was_heard_is_not_answered_again() -> None:
    talk = Talk()
    talk.say("What is the weather like?")
    talk.items[-1]["content"] = []  # as a truncation at its first samples leaves it
    assert talk.say("Please wait a moment.") == "All right."
    assert "too fast" in str(talk.say("I don't understand."))


def test_a_turn_that_nobody_answered_is_one_thought_with_the_next() -> None:
    talk = Talk()
    talk.items.append(
        {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": "What is"}]}
    )
    assert "3" in str(talk.say("one plus two?"))


def test_what_is_answered_out_of_turn_is_kept_and_never_taken_for_a_name() -> None:
    talk = Talk(TOOLS)
    assert talk.say("I'd like to book a table.") == "Under what name?"
    assert talk.say("For four people.") == "Under what name?"
    assert talk.say("At seven.") == "Under what name?"
    assert talk.say("Yes, please.") == "Under what name?"
    booked = talk.say("It's Anna Smith, please.")
    assert isinstance(booked, ToolRequest)
    assert json.loads(booked.arguments) == {"name": "Anna Smith", "people": 4, "time": "seven"}


@pytest.mark.parametrize(
    ("said", "part"), [("Never mind.", "All right"), ("Tell me a joke", "packet"), ("Hello?", "Hello")]
)
def test_another_subject_leaves_an_open_question(said: str, part: str) -> None:
    talk = Talk(TOOLS)
    assert talk.say("I'd like to book a table.") == "Under what name?"
    assert part in str(talk.say(said))


def test_what_about_another_place_asks_about_that_one() -> None:
    talk = Talk([tool("get_weather", "The weather in a city.", city="string")])
    for said, city in [
        ("What's the weather in Paris?", "Paris"),
        ("What about New York?", "New York"),
        ("And Berlin?", "Berlin"),
    ]:
        assert talk.say(said) == ToolRequest("get_weather", json.dumps({"city": city}))
        talk.result("Fine.")
    assert talk.say("What is the weather like?") == "Could you tell me the city?"
    assert talk.say("Rome, please.") == ToolRequest("get_weather", '{"city": "Rome"}')


def test_a_question_may_go_on_from_the_last_answer() -> None:
    talk = Talk()
    talk.say("What is twelve times seven?")
    assert talk.say("Plus three?") == "84 plus 3 is 87."
    assert "Saturday, March 7" in str(talk.say("What day is tomorrow?"))
    talk.say("What's the weather in Paris?")
    assert "weather data" in str(talk.say("And tomorrow?"))


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("How much is two plus three?", "is 5"),
        ("what is 7 divided by 0", "zero"),
        ("What time is it?", "14:05"),
        ("What day is it today?", "Friday"),
        ("Tell me a story", "lighthouse"),
        ("What's the weather like?", "no weather data"),
        ("Are you a robot?", "demonstration"),
        ("What is LiveKit?", "WebRTC"),
        ("Thank you", "welcome"),
        ("purple monkeys eat dishwashers", "purple monkeys eat dishwashers"),
    ],
)
def test_topics(said: str, part: str) -> None:
    assert part in str(Talk().say(said))


def test_it_remembers_and_repeats() -> None:
    talk = Talk()
    assert "Anna" in str(talk.say("My name is Anna"))
    talk.say("Tell me a joke")
    assert "Anna" in str(talk.say("What is my name?"))
    assert str(talk.say("Say that again")).startswith("I said: You told me")


def test_without_anything_said_it_greets_and_does_as_it_is_told() -> None:
    brain = BuiltinBrain()
    assert "Hello" in str(brain.think(BrainRequest("Greet the user", []))[0])
    assert brain.think(BrainRequest('Say exactly: "Welcome back."', [])) == ["Welcome back."]


def test_an_order_to_speak_is_carried_out_only_when_nobody_waits_for_an_answer() -> None:
    talk = Talk()
    talk.say("Thank you")
    order = "You are a receptionist.\nAsk the caller whether they are still there."
    assert talk.brain.think(BrainRequest(order, talk.items)) == ["May I ask whether you are still there?"]
    assert "still here" in str(talk.brain.think(BrainRequest("Be brief.", talk.items))[0])
    talk.items.append({"type": "message", "role": "user", "content": [{"transcript": "Tell me a joke"}]})
    assert "packet" in str(talk.brain.think(BrainRequest(order, talk.items))[0])


def test_tool_choice_is_kept() -> None:
    talk = Talk(TOOLS)
    assert isinstance(talk.say("opening hours on Monday", tool_choice="none"), str)
    forced = talk.say("whatever", tool_choice={"type": "function", "name": "book_table"})
    assert isinstance(forced, ToolRequest)
    assert set(json.loads(forced.arguments)) == {"name", "people", "time"}
    assert isinstance(talk.say("whatever", tool_choice="required"), ToolRequest)


async def test_words_stream_one_by_one() -> None:
    request = BrainRequest("", [{"type": "message", "role": "user", "content": [{"text": "thank you"}]}])
    deltas = [delta async for delta in BuiltinBrain().reply(request)]
    assert "".join(delta.text for delta in deltas) == "You are welcome."  # type: ignore[union-attr]
    assert len(deltas) == 3


_kinds = st.sampled_from(["string", "integer", "number", "boolean", "array", "object"])
_tools = st.lists(
    st.builds(
        tool, st.text("abc_", min_size=1, max_size=12), st.text(max_size=30),
        st.just(None), day=_kinds, people=_kinds, city=_kinds,
    ),
    max_size=3,
)  # fmt: skip
_parts = st.lists(
    st.dictionaries(st.sampled_from(["text", "transcript"]), st.none() | st.text(max_size=30)), max_size=2
)
_items = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "type": st.just("message"),
                "role": st.sampled_from(["user", "assistant", "system"]),
                "content": _parts,
            }
        ),
        st.fixed_dictionaries({"type": st.just("function_call_output"), "output": st.text(max_size=30)}),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(_items, _tools, st.text(max_size=40), st.sampled_from(["auto", "none", "required"]))
def test_whatever_was_said_there_is_an_answer(
    items: list[dict[str, Any]], tools: list[dict[str, Any]], instructions: str, choice: str
) -> None:
    request = BrainRequest(instructions, items, tools, choice)
    parts = BuiltinBrain().think(request)
    assert parts == BuiltinBrain().think(request)
    for part in parts:
        if isinstance(part, str):
            assert part.strip()
            continue
        spec = next(t for t in tools if t["name"] == part.name)["parameters"]["properties"]
        types = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
        for key, value in json.loads(part.arguments).items():
            kind = spec[key]["type"]
            assert isinstance(value, types.get(kind, object))
