"""The replies' bookkeeping: which is in the ear, which waits, which is over."""

from __future__ import annotations

import pytest

from antiphon.agents.interruption.replies import Replies


@pytest.fixture
def replies() -> Replies:
    """One reply in the ear, another to come that nobody may interrupt."""
    made = Replies()
    assert made.request("r1", True)
    assert made.start("r1", True)
    assert made.request("r2", False)
    return made


def test_only_the_reply_in_the_ear_says_whether_it_may_be_interrupted(replies: Replies) -> None:
    assert replies.in_ear
    assert replies.interruptible
    assert replies.ended("r1")
    assert not replies.in_ear
    assert replies.waiting
    assert not replies.interruptible


def test_what_is_over_counts_no_more(replies: Replies) -> None:
    assert replies.ended("r1")
    assert replies.is_over("r1")
    assert not replies.ended("r1")
    assert not replies.request("r1", True)
    assert not replies.start("r1", True)
    assert not replies.advance("r1", 100)
    assert not replies.finish("r1")
    assert replies.take("r1") == []


def test_a_reply_only_advances(replies: Replies) -> None:
    assert replies.advance("r1", 100)
    assert not replies.advance("r1", 100)
    assert not replies.advance("r2", 200)
    assert replies.take() == [("r1", 100), ("r2", 0)]
    assert not replies.in_ear
    assert not replies.waiting


def test_the_next_reply_ends_the_one_before(replies: Replies) -> None:
    assert replies.advance("r1", 100)
    assert replies.start("r2", True)
    assert replies.is_over("r1")
    assert not replies.waiting
    assert replies.take() == [("r2", 0)]


def test_the_floor_is_about_the_reply_in_the_ear_or_else_the_last_to_come(replies: Replies) -> None:
    assert not replies.finish("r2")
    assert replies.finish("r1")
    assert replies.request("r3", True)
    assert replies.request("r4", True)
    assert not replies.finish("r3")
    assert replies.finish("r4")
    assert not replies.finish("r5")


def test_a_stalled_reply_is_not_in_the_ear_until_it_goes_on_and_can_still_be_taken(replies: Replies) -> None:
    assert replies.advance("r1", 100)
    assert replies.stall() == "r1"
    assert not replies.in_ear
    assert replies.stall() == "r2"
    assert not replies.waiting
    assert replies.stall() == ""
    assert replies.advance("r1", 200)
    assert replies.in_ear
    assert replies.stall() == "r1"
    assert replies.take() == [("r1", 200)]


def test_one_reply_is_taken_alone_be_it_unknown(replies: Replies) -> None:
    assert replies.take("r2") == [("r2", 0)]
    assert replies.in_ear
    assert replies.take("r9") == [("r9", 0)]
    assert replies.take("r9") == []


def test_ids_are_not_remembered_for_ever(replies: Replies) -> None:
    for number in range(1000):
        assert replies.take(f"x{number}")
    assert not replies.is_over("x0")
    assert replies.is_over("x999")
