from __future__ import annotations

import inspect

from antiphon.agents.endpointing import Endpointer, FixedSilence
from antiphon.agents.interruption import InterruptionController
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption import events as ev
from antiphon.agents.options import TurnTaking


class Asked:
    """An endpointer that waits for a model's word and notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._at: float | None = None

    def speech_began(self, now: float) -> None:
        self.told.append("began")
        self._at = None

    def speech_ended(self, now: float, ended_at: float) -> None:
        self.told.append("ended")
        self._at = ended_at + 3.0

    def estimated(self, now: float, probability: float) -> None:
        self.told.append("estimated")
        if probability > 0.5:
            self._at = now

    def deadline(self) -> float | None:
        return self._at

    def forget(self) -> None:
        self._at = None


def test_the_shipped_one_has_the_interface() -> None:
    for name, method in vars(Endpointer).items():
        if not name.startswith("_") and callable(method):
            assert inspect.signature(getattr(FixedSilence, name)) == inspect.signature(method)


def test_another_one_decides_when_the_turn_is_over() -> None:
    endpointer = Asked()
    controller = InterruptionController(TurnTaking(), endpointer=endpointer, strict=True)
    done: list[act.Action] = []
    for index in range(40):
        probability = 0.9 if index < 20 else 0.0
        done += controller.handle(ev.VadFrame(index * 0.032, probability))
    assert not any(isinstance(action, act.CommitTurn) for action in done)
    done += controller.handle(ev.EndOfTurnEstimated(1.3, 0.9))
    assert any(isinstance(action, act.CommitTurn) for action in done)
    assert endpointer.told.count("ended") == 1
