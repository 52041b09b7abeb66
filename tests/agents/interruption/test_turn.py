from __future__ import annotations

import pytest

from antiphon.agents.endpointing import FixedSilence
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption.events import Reason
from antiphon.agents.interruption.turn import Place, Turn
from antiphon.agents.options import TurnTaking

OPTIONS = TurnTaking()


@pytest.fixture
def turn() -> Turn:
    return Turn(OPTIONS, FixedSilence(OPTIONS.silence_s))


def test_it_opens_closes_with_the_tail_and_commits(turn: Turn) -> None:
    assert turn.to_model(1.0) == [act.OpenGate()]
    turn.speech_ended(2.2, 2.0, 1.0)
    assert {due.reason for due in turn.deadlines(False)} == {Reason.TAIL, Reason.MAX_TURN, Reason.ENDPOINT}
    assert turn.tail_over(2.1) == []
    assert turn.tail_over(2.2) == [act.CloseGate()]
    assert not turn.over(2.4, False)
    assert turn.over(2.48, False)
    assert turn.commit(2.48, False, 0.0) == [act.CommitTurn(2.0)]
    assert turn.place is Place.NOWHERE
    assert turn.deadlines(False) == []


def test_what_was_kept_is_released_and_never_opened_twice(turn: Turn) -> None:
    assert turn.keep(1.0) == [act.BufferTurn()]
    assert turn.keep(1.1) == []
    assert turn.to_model(1.2) == [act.ReleaseTurn()]
    assert turn.to_model(1.3) == []
    assert turn.discard("no") == [act.CloseGate(), act.DiscardTurn("no")]
    assert turn.discard("again") == []


def test_hardly_any_voice_is_discarded(turn: Turn) -> None:
    turn.to_model(1.0)
    turn.speech_ended(1.3, 1.1, 0.05)
    assert isinstance(turn.commit(2.0, False, 0.0)[-1], act.DiscardTurn)


def test_a_turn_that_goes_on_for_too_long_is_over_though_the_person_speaks(turn: Turn) -> None:
    turn.to_model(1.0)
    assert not turn.over(1.0 + OPTIONS.max_turn_s - 0.1, True)
    assert turn.over(1.0 + OPTIONS.max_turn_s, True)
