from __future__ import annotations

from typing import Any

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.agents.media import judges


class Point:
    def __init__(self, name: str, made: object) -> None:
        self.name = name
        self._made = made

    def load(self) -> Any:
        def make() -> object:
            if isinstance(self._made, Exception):
                raise self._made
            return self._made

        return make


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        Point("words", ImportError("no module named faster_whisper")),
        Point("acoustic", "the acoustic one"),
        Point("meaning", ConfigError("meaning", "", "a key")),
    ]
    monkeypatch.setattr(judges, "entry_points", lambda group: points if group == judges.GROUP else [])
    judges.default_judges.cache_clear()
    try:
        assert judges.default_judges() == ("the acoustic one",)
        assert judges.default_judges() is judges.default_judges()  # one for the process
    finally:
        judges.default_judges.cache_clear()


@pytest.mark.parametrize(("made", "expected"), [("an estimator", "an estimator"), (ImportError(), None)])
def test_the_estimator_is_the_one_installed(
    monkeypatch: pytest.MonkeyPatch, made: object, expected: object
) -> None:
    points = [Point("livekit", made)]
    monkeypatch.setattr(judges, "entry_points", lambda group: points if group == judges.TURN_END else [])
    judges.default_turn_end.cache_clear()
    try:
        assert judges.default_turn_end() == expected
    finally:
        judges.default_turn_end.cache_clear()
