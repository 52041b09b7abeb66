from __future__ import annotations

from antiphon.plugins.judges.acoustic import KINDS
from antiphon.plugins.judges.training.phrases import texts


def test_each_text_has_one_kind_of_the_judges() -> None:
    assert set(texts()) == set(KINDS) - {"noise"}
    said = [text for some in texts().values() for text in some]
    assert len(said) == len(set(said))
    assert all(any(character.isalnum() for character in text) for text in said)


def test_words_that_want_the_floor_may_begin_like_a_listeners() -> None:
    listener = {text.rstrip(".!").lower() for text in texts()["backchannel"]}
    begins = [text for text in texts()["turn"] if text.split(",")[0].lower() in listener]
    assert len(begins) >= 4
