from __future__ import annotations

import pytest

from antiphon.plugins.local.brain_topics import STORY, TOPICS, directive, small_sum


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("what is 2 plus 2", "2 plus 2 is 4."),
        ("how much is twelve times three?", "12 times 3 is 36."),
        ("calculate 7 divided by 2", "7 divided by 2 is 3.5."),
        ("what's 5 minus nine", "5 minus 9 is -4."),
        ("what is 1 / 0", "Nothing can be divided by zero."),
        ("two and three people came", None),
        ("tell me more", None),
    ],
)
def test_sums(said: str, answer: str | None) -> None:
    assert small_sum(said) == answer


def test_the_story_is_long_enough_to_interrupt() -> None:
    assert 60 < len(STORY.split()) < 200  # about half a minute


def test_every_topic_has_something_to_say() -> None:
    for pattern, answers in TOPICS:
        assert pattern.pattern
        assert all(answer.strip().endswith((".", "?", "!")) for answer in answers)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("Base.\nSay exactly: We are closed.", "We are closed."),
        ("Tell the user that they have two messages.", "You have two messages."),
        ("Please let the caller know the line is busy", "The line is busy."),
        ("Ask the caller for their name.", "May I ask for your name?"),
        ("Say goodbye to the user.", "Goodbye, and thank you for calling."),
        ("Apologize for the wait.", "I am sorry about that."),
        ("Greet the caller and offer your help.", None),
        ("Tell the truth.", None),
        ("Say:", None),
        ("", None),
    ],
)
def test_orders_to_speak(order: str, words: str | None) -> None:
    assert directive(order) == words
