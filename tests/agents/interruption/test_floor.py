from __future__ import annotations

import pytest

from antiphon.agents.endpointing import FixedSilence
from antiphon.agents.errors import MisuseError
from antiphon.agents.interruption import State, Trigger
from antiphon.agents.interruption.arbiter import DurationArbiter
from antiphon.agents.interruption.floor import Floor
from antiphon.agents.interruption.table import TRANSITIONS, Rule
from antiphon.agents.options import TurnTaking


def floor(strict: bool) -> Floor:
    arbiter = DurationArbiter(yield_after_s=0.42, resume_quiet_s=0.25)
    return Floor(TurnTaking(), arbiter, FixedSilence(0.48), strict=strict)


def test_a_rule_that_leads_elsewhere_than_the_table_says_is_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = (State.QUIET, Trigger.REQUESTED)
    monkeypatch.setitem(TRANSITIONS, pair, Rule("_think", (State.SPEAKING,)))  # type: ignore[arg-type]
    lenient = floor(strict=False)
    lenient._step(Trigger.REQUESTED)
    assert lenient.faults == {pair: 1}
    with pytest.raises(MisuseError, match="QUIET, REQUESTED"):
        floor(strict=True)._step(Trigger.REQUESTED)


def test_a_pair_without_a_rule_is_a_fault_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(TRANSITIONS, (State.QUIET, Trigger.ONSET))  # type: ignore[arg-type]
    lenient = floor(strict=False)
    lenient._step(Trigger.ONSET)
    assert lenient.state is State.QUIET
    assert lenient.faults == {(State.QUIET, Trigger.ONSET): 1}
