from __future__ import annotations

import itertools

from antiphon.agents.interruption import TRANSITIONS, InterruptionController, State, Trigger, mermaid
from antiphon.agents.interruption.table import LIMITS
from antiphon.agents.options import TurnTaking


def test_every_pair_of_state_and_trigger_is_written() -> None:
    assert set(TRANSITIONS) == set(itertools.product(State, Trigger))


def test_every_rule_names_a_method_of_the_controller() -> None:
    for rule in TRANSITIONS.values():
        assert callable(getattr(InterruptionController, rule.method))


def test_every_state_can_be_left_for_rest() -> None:
    # Nothing hangs: from each state, the deadline's rules alone lead to QUIET.
    for start in State:
        reached, todo = {start}, [start]
        while todo:
            rule = TRANSITIONS[todo.pop(), Trigger.OVERDUE]
            for following in rule.next:
                if following not in reached:
                    reached.add(following)
                    todo.append(following)
        assert State.QUIET in reached


def test_the_picture_shows_every_state() -> None:
    picture = mermaid()
    assert picture.startswith("stateDiagram-v2")
    for state in State:
        assert state.value in picture


def test_every_state_but_rest_has_a_limit_that_is_an_option() -> None:
    assert set(LIMITS) == set(State) - {State.QUIET}
    for name, _ in LIMITS.values():
        assert getattr(TurnTaking(), name) > 0
