from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.cascade.sentences import LONGEST_CHARS, SentenceCutter, Spoken


def cut(text: str, step: int = 1) -> list[str]:
    cutter = SentenceCutter()
    pieces = [piece for at in range(0, len(text), step) for piece in cutter.push(text[at : at + step])]
    return pieces + cutter.flush()


def test_a_sentence_is_ready_when_the_next_begins() -> None:
    cutter = SentenceCutter()
    assert cutter.push("It is sunny.") == []
    assert cutter.push(" And") == ["It is sunny. "]
    assert cutter.flush() == ["And"]


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith is in.",
        "That is 3.5 euros.",
        "Meet J. Doe at 7 p.m. please.",
        "1. is the first of a list",
    ],
)
def test_a_stop_that_ends_nothing_cuts_nothing(text: str) -> None:
    assert cut(text) == [text]


def test_a_number_may_end_a_sentence() -> None:
    assert cut("We open at 9. We close at 5.") == ["We open at 9. ", "We close at 5."]


def test_the_first_piece_may_end_at_a_comma_and_no_other() -> None:
    text = "When the weather is as fine as today, we sit outside. If it is not so fine, then not at all."
    assert cut(text) == [
        "When the weather is as fine as today, ",
        "we sit outside. ",
        "If it is not so fine, then not at all.",
    ]


def test_an_endless_text_is_cut_at_a_space() -> None:
    pieces = cut("word " * 200)
    assert max(len(piece) for piece in pieces) <= LONGEST_CHARS
    assert all(piece.endswith(" ") for piece in pieces)


@given(st.text(alphabet="ab ,.!?1\n。", max_size=400), st.integers(1, 7))
def test_the_pieces_joined_are_the_words(text: str, step: int) -> None:
    assert "".join(cut(text, step)).strip() == text.strip()


def test_what_was_heard_ends_with_a_whole_word() -> None:
    spoken = Spoken()
    spoken.begin("One two. ")
    spoken.sound(1000)
    spoken.begin("Three four five.")
    spoken.sound(1600)
    assert spoken.heard(0) == ""
    assert spoken.heard(1000) == "One two."
    assert spoken.heard(1000 + 700) == "One two. Three"
    assert spoken.heard(9000) == spoken.text == "One two. Three four five."


@given(st.lists(st.tuples(st.text("ab ", min_size=1, max_size=20), st.integers(0, 900)), max_size=6))
def test_more_time_never_means_fewer_words(pieces: list[tuple[str, int]]) -> None:
    spoken = Spoken()
    for text, ms in pieces:
        spoken.begin(text)
        spoken.sound(ms)
    heard = [spoken.heard(ms) for ms in range(0, 6000, 250)]
    assert [len(text) for text in heard] == sorted(len(text) for text in heard)
    assert all(spoken.text.startswith(text) for text in heard)
