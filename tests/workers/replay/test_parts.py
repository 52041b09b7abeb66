from __future__ import annotations

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.workers.replay.parts import ESTIMATORS, JUDGES, estimator_named, judges_named

warmed: list[str] = []


class Own:
    name = "own"
    occasions = frozenset({Occasion.PAUSE})

    def warm_up(self) -> None:
        warmed.append(self.name)

    def opinion(self, question: Question) -> float | None:
        return None

    def probability(self, audio: object, quiet_s: float) -> float | None:
        return None


def test_none_is_nobody() -> None:
    assert judges_named("none") == judges_named("") == ()
    assert estimator_named("none") is estimator_named("") is None


def test_anybodys_are_found_by_module_and_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "somebodys", __import__("types").SimpleNamespace(Own=Own))
    warmed.clear()
    (judge,) = judges_named("somebodys:Own, somebodys:Own")
    assert (judge.name, warmed) == ("own", ["own"])
    estimator = estimator_named("somebodys:Own")
    assert estimator is not None
    assert warmed == ["own", "own"]


@pytest.mark.parametrize("name", ["shouting", "nowhere:Judge", "json:Nothing"])
def test_a_wrong_name_says_which_are_right(name: str) -> None:
    with pytest.raises(ConfigError, match="--judges") as caught:
        judges_named(name)
    assert name in str(caught.value)
    with pytest.raises(ConfigError, match="--turn-end"):
        estimator_named(name)


def test_the_projects_own_have_names() -> None:
    assert set(JUDGES) == {"acoustic", "lexical", "semantic", "semantic-realtime"}
    assert set(ESTIMATORS) == {"livekit"}
