from __future__ import annotations

from typing import Any

import pytest

from antiphon.plugins.local import brain_tools as tools

BOOK = {
    "type": "function",
    "name": "bookTable",
    "description": "Reserves a table",
    "parameters": {
        "properties": {
            "name": {"type": "string"},
            "people": {"type": "integer"},
            "time": {"type": ["string", "null"]},
            "room": {"enum": ["garden", "hall"]},
            "city": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "vegetarian": {"type": "boolean"},
        },
        "required": ["name", "people"],
    },
}
HOURS = {"type": "function", "name": "opening_hours", "description": "When are we open", "parameters": {}}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("a table for six at half past seven", {"people": 6, "time": "half past seven"}),
        ("my name is Anna Lee, for 3 please", {"name": "Anna Lee", "people": 3}),
        ("in the garden at 19:30", {"room": "garden", "time": "19:30"}),
        ("table for two in Paris", {"people": 2, "city": "Paris"}),
        ("yes, vegetarian, at noon", {"vegetarian": True, "time": "noon"}),
        ("hello", {}),
    ],
)
def test_arguments_are_what_was_said(said: str, found: dict[str, Any]) -> None:
    assert tools.arguments(said, BOOK) == found


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("I want to book a table", "bookTable"),
        ("what are the opening hours", "opening_hours"),
        ("tell me a story", None),
        ("", None),
    ],
)
def test_a_tool_is_chosen_by_its_words(said: str, name: str | None) -> None:
    chosen = tools.choose(said, [BOOK, HOURS, {"type": "mcp"}])
    assert (chosen or {}).get("name") == name


def test_what_is_missing_is_asked_for() -> None:
    assert tools.missing(BOOK, {"people": 2}) == ["name"]
    assert tools.question(BOOK, "name") == "Under what name?"
    assert "garden or hall" in tools.question(BOOK, "room")
    assert "How many people" in tools.question(BOOK, "people")


def test_words_are_compared_by_their_stems() -> None:
    assert tools.stems("Booking tables") == tools.stems("books a table")


def test_of_several_things_said_the_newest_stands() -> None:
    assert tools.gathered(["make it for six", "a table for four at seven"], BOOK) == {
        "people": 6,
        "time": "seven",
    }
    note = {"parameters": {"properties": {"note": {"type": "string"}}}}
    assert tools.gathered(["buy milk"], note) == {"note": "buy milk"}


@pytest.mark.parametrize(
    ("text", "may"),
    [("Anna", True), ("Anna Maria Smith", True), ("At seven", False), ("never mind", False), ("4", False),
     ("Friday", False), ("", False), ("I would like a table", False)],
)  # fmt: skip
def test_what_may_be_a_name(text: str, may: bool) -> None:
    assert tools.may_be_a_name(text) is may
