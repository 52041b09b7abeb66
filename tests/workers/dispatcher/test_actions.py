"""Actions and their keys."""

from __future__ import annotations

from antiphon.workers.dispatcher import actions as act


def dispatch(identity: str, worker: str = "w") -> act.Dispatch:
    return act.Dispatch("c", "r", "a", identity, 1, worker, "label")


def test_actions_with_one_effect_have_one_key() -> None:
    assert dispatch("agent-c-1").key == dispatch("agent-c-1", "v").key
    assert act.TellRoom("r", "old").key == act.TellRoom("r", "new").key


def test_actions_with_different_effects_have_different_keys() -> None:
    actions: list[act.Action] = [
        dispatch("agent-c-1"),
        dispatch("agent-c-2"),
        act.DeleteDispatch("r", "agent-c-1"),
        act.RemoveParticipant("r", "agent-c-1"),
        act.RemoveParticipant("s", "agent-c-1"),
        act.MakeRoom("r"),
        act.DeleteRoom("r"),
        act.TellRoom("r", "x"),
        act.TellRoom("s", "x"),
    ]
    assert len({action.key for action in actions}) == len(actions)
