"""The values that a dispatcher thinks in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.workers.dispatcher.calls import Call, Ending, Phase, call_of, identity_of


@given(name=st.text(min_size=1), attempt=st.integers(0, 10**6))
def test_an_identity_tells_its_call(name: str, attempt: int) -> None:
    assert call_of(identity_of(name, attempt)) == name


@pytest.mark.parametrize(
    "identity", ["", "agent-", "agent-x", "agent-x-", "agent-x-y", "agent--1", "user-x-1"]
)
def test_an_identity_that_is_none_of_ours_tells_no_call(identity: str) -> None:
    assert call_of(identity) is None


def test_a_call_owns_the_agents_of_all_its_attempts_and_no_others() -> None:
    call = Call(id="c", agent="a", room="r", created_at=0.0, since=0.0, identity="adopted", ghosts=("old",))
    assert call.owns("adopted")
    assert call.owns("old")
    assert call.owns("agent-c-7")
    assert not call.owns("agent-c2-1")
    assert not call.owns("agent-c-x")
    assert not call.owns("caller")


def test_a_call_waits_takes_a_slot_or_is_over() -> None:
    call = Call(id="c", agent="a", room="r", created_at=0.0, since=0.0)
    assert call.waiting
    assert {p for p in Phase if Call(id="c", agent="a", room="r", created_at=0, since=0, phase=p).placed} == {
        Phase.CONNECTING,
        Phase.ACTIVE,
    }


def test_endings_are_text_that_a_person_can_read() -> None:
    assert str(Ending.DEADLINE) == "no agent was free before its deadline"
