from __future__ import annotations

from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption.arbiter import DurationArbiter, Opinion
from antiphon.agents.interruption.fusion import FusionArbiter
from antiphon.agents.interruption.hearing import Hearing
from antiphon.agents.interruption.judges import Occasion
from antiphon.agents.interruption.verdicts import WINDOW_S, Verdict
from antiphon.agents.options import TurnTaking


def test_questions_carry_the_speechs_number_and_its_voice() -> None:
    judges = {occasion: frozenset({"acoustic"}) for occasion in Occasion}
    hearing = Hearing(FusionArbiter(TurnTaking(), judges))
    hearing.begin(1.0, WINDOW_S)
    hearing.begin(5.0, WINDOW_S)
    now, voiced = 5.0, WINDOW_S
    asked: list[act.Action] = []
    while not asked:
        now, voiced = now + WINDOW_S, voiced + WINDOW_S
        hearing.frame(now, 0.9, True, voiced)
        asked = hearing.questions(now)
    assert asked == [act.AskJudges(2, Occasion.EARLY, voiced, 0.0)]
    assert hearing.opinion(now, 1, Opinion("acoustic", Occasion.EARLY, 0.99)) is None
    assert hearing.opinion(now, 2, Opinion("acoustic", Occasion.EARLY, 0.99)) is Verdict.TURN
    assert hearing.concerns(None)


def test_a_deadline_that_brought_no_answer_is_not_stated_again() -> None:
    class Mute(DurationArbiter):
        def expire(self, now: float) -> Verdict | None:
            return None

    hearing = Hearing(Mute(yield_after_s=0.42, resume_quiet_s=0.25))
    hearing.begin(1.0, WINDOW_S)
    hearing.ended(1.3, 1.1)
    due = hearing.due()
    assert due == 1.35
    assert hearing.expire(1.3) is None
    assert hearing.due() == due
    assert hearing.expire(1.35) is None
    assert hearing.due() is None
    hearing.excused = True
    hearing.close()
    assert not hearing.excused
