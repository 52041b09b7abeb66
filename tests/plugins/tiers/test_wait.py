from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.tiers.wait import (
    Action,
    Answered,
    AskDeep,
    BridgeOver,
    CancelDeep,
    DeadlineReached,
    DeepFailed,
    Event,
    Interrupted,
    SayBridge,
    Speak,
    State,
    Wait,
)


def wait(bridge_after_s: float | None = 0.8) -> Wait:
    made = Wait(10.0, bridge_after_s=bridge_after_s, timeout_s=5.0)
    assert made.begin() == (AskDeep(),)
    return made


def test_a_quick_answer_needs_no_bridge() -> None:
    race = wait()
    assert race.deadline() == 10.8
    assert race.handle(Answered(10.5, "Nine.")) == (Speak("Nine."),)
    assert race.deadline() is None
    assert not race.bridged


def test_a_slow_answer_is_bridged_once() -> None:
    race = wait()
    assert race.handle(DeadlineReached(10.8)) == (SayBridge(),)
    assert race.handle(BridgeOver(11.5)) == ()
    assert race.deadline() == 15.0
    assert race.handle(DeadlineReached(12.0)) == ()
    assert race.handle(Answered(13.0, "Nine.")) == (Speak("Nine."),)


def test_an_answer_amid_the_bridge_waits_for_its_end() -> None:
    race = wait()
    race.handle(DeadlineReached(10.8))
    assert race.handle(Answered(11.0, "Nine.")) == ()
    assert race.state is State.HOLDING
    assert race.handle(BridgeOver(11.5)) == (Speak("Nine."),)


def test_an_interruption_cancels_and_no_answer_is_spoken() -> None:
    race = wait()
    assert race.handle(Interrupted(11.0)) == (CancelDeep(),)
    assert race.handle(Answered(12.0, "Nine.")) == ()
    assert race.handle(DeadlineReached(15.0)) == ()


def test_an_interruption_of_the_bridge_drops_a_held_answer() -> None:
    race = wait()
    race.handle(DeadlineReached(10.8))
    race.handle(Answered(11.0, "Nine."))
    assert race.handle(Interrupted(11.2)) == ()
    assert race.handle(BridgeOver(11.3)) == ()


def test_a_timeout_is_said() -> None:
    race = wait(None)
    assert race.deadline() == 15.0
    assert race.handle(DeadlineReached(15.0)) == (CancelDeep(), Speak("", failed="no answer within 5.0 s"))


def test_a_failure_and_an_empty_answer_are_said() -> None:
    assert wait().handle(DeepFailed(10.2, "no quota")) == (Speak("", failed="no quota"),)
    assert wait().handle(Answered(10.2, "  ")) == (Speak("", failed="an empty answer"),)


events = st.lists(
    st.tuples(
        st.floats(0.0, 2.0),
        st.sampled_from([Answered, DeepFailed, BridgeOver, Interrupted, DeadlineReached]),
    ),
    max_size=12,
)


@given(events, st.sampled_from([None, 0.0, 0.8]))
def test_whatever_happens(steps: list[tuple[float, type]], bridge: float | None) -> None:
    race = wait(bridge)
    now, actions, interrupted = 10.0, list[Action](), False
    for gap, kind in steps:
        now += gap
        event: Event = kind(now, "x") if kind in (Answered, DeepFailed) else kind(now)
        made = race.handle(event)
        assert not (interrupted and made)
        interrupted = interrupted or kind is Interrupted
        actions += made
        assert (race.deadline() is None) == (race.state in (State.HOLDING, State.OVER))
    assert sum(isinstance(action, SayBridge) for action in actions) <= 1
    assert sum(isinstance(action, Speak) for action in actions) <= 1
    assert sum(isinstance(action, CancelDeep) for action in actions) <= 1
