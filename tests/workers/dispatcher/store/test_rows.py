"""Rows and what they stand for."""

from __future__ import annotations

from dataclasses import fields

from antiphon.workers.dispatcher.calls import Call, Phase
from antiphon.workers.dispatcher.store import schema
from antiphon.workers.dispatcher.store.rows import DECIDED, call_from, row_of, story_of

ASKED = {"id", "agent", "room", "created_at", "priority", "deadline_at", "own_room", "cancelled"}


def call() -> Call:
    return Call(
        id="c", agent="a", room="r", created_at=1.0, since=2.0, ghosts=("x", "y"), phase=Phase.RESTORING
    )


def test_a_call_comes_back_from_its_row() -> None:
    assert call_from(row_of(call())) == call()


def test_each_field_is_a_column_and_either_asked_for_or_decided() -> None:
    names = {spec.name for spec in fields(Call)}
    assert names <= set(schema.calls.c.keys())
    assert names == ASKED | set(DECIDED)
    assert not ASKED & set(DECIDED)


def test_a_story_tells_the_ending_only_of_what_ended() -> None:
    assert "ending" not in story_of(call())
    over = Call(id="c", agent="a", room="r", created_at=1.0, since=2.0, phase=Phase.ENDED, ending="done")
    assert story_of(over)["ending"] == "done"
