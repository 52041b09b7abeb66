"""livekit-agents' events, in its own classes, become notes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import AgentSession, llm
from livekit.agents.voice.events import (
    AgentStateChangedEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    FunctionToolsExecutedEvent,
    UserInputTranscribedEvent,
    UserStateChangedEvent,
)

from antiphon.agents import timeline as tl
from antiphon.agents.observer import SessionObserver


class Agent:
    """The part of an agent that is asked for."""

    def __init__(self) -> None:
        self.model: rtc.EventEmitter[str] | None = None

    @property
    def realtime_llm_session(self) -> rtc.EventEmitter[str]:
        if self.model is None:
            raise RuntimeError("no realtime LLM session")
        return self.model


class Session(rtc.EventEmitter[str]):
    """The part of a session that is listened to."""

    def __init__(self) -> None:
        super().__init__()
        self.current_agent = Agent()


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def timeline(session: Session) -> tl.Timeline:
    made = tl.Timeline()
    SessionObserver(cast("AgentSession[Any]", session), made)
    return made


def test_states_are_noted(session: Session, timeline: tl.Timeline) -> None:
    session.emit("agent_state_changed", AgentStateChangedEvent(old_state="listening", new_state="thinking"))
    session.emit("user_state_changed", UserStateChangedEvent(old_state="listening", new_state="away"))
    (agent,), (user,) = timeline.of(tl.AgentState), timeline.of(tl.UserState)
    assert (agent.state, user.state) == ("thinking", "away")


def test_the_persons_words_come_from_the_recogniser_and_the_agents_from_the_conversation(
    session: Session, timeline: tl.Timeline
) -> None:
    session.emit("user_input_transcribed", UserInputTranscribedEvent(transcript="hel", is_final=False))
    session.emit("user_input_transcribed", UserInputTranscribedEvent(transcript="hello", is_final=True))
    for role in ("user", "assistant"):
        item = llm.ChatMessage(role=role, content=[f"said by the {role}"])
        session.emit("conversation_item_added", ConversationItemAddedEvent(item=item))
    noted = [(event.speaker, event.final, event.text) for event in timeline.of(tl.Transcript)]
    assert noted == [
        ("user", False, "hel"),
        ("user", True, "hello"),
        ("agent", True, "said by the assistant"),
    ]


def test_a_tool_call_is_noted_with_its_time_and_outcome(session: Session, timeline: tl.Timeline) -> None:
    made = [
        llm.FunctionCall(call_id=str(n), name=f"tool{n}", arguments="{}", created_at=100.0) for n in range(2)
    ]
    outputs = [
        llm.FunctionCallOutput(call_id="0", name="tool0", output="7", is_error=False, created_at=100.5),
        llm.FunctionCallOutput(call_id="1", name="tool1", output="no", is_error=True, created_at=99.0),
    ]
    session.emit(
        "function_tools_executed",
        FunctionToolsExecutedEvent(function_calls=made, function_call_outputs=outputs),
    )
    noted = [(event.name, event.duration_s, event.failed) for event in timeline.of(tl.ToolCall)]
    assert noted == [("tool0", 0.5, False), ("tool1", 0.0, True)]


@pytest.mark.parametrize("recoverable", [True, False])
def test_a_failure_is_noted_by_its_kind(session: Session, timeline: tl.Timeline, recoverable: bool) -> None:
    error = llm.RealtimeModelError(
        timestamp=0.0, label="m", error=ConnectionError("the socket dropped"), recoverable=recoverable
    )
    session.emit("error", ErrorEvent(error=error, source=None))
    (failure,) = timeline.of(tl.Failure)
    assert (failure.what, failure.fatal) == ("ConnectionError", not recoverable)
    assert "socket dropped" in str(failure)


def test_a_model_session_that_is_followed_by_another_is_noted_once(
    session: Session, timeline: tl.Timeline
) -> None:
    session.current_agent.model = model = rtc.EventEmitter[str]()
    for state in ("listening", "thinking"):
        session.emit("agent_state_changed", AgentStateChangedEvent(old_state="idle", new_state=state))
    planned = SimpleNamespace(at=1.0, reason="cap", before="a", after="b", replayed_s=0.0)
    lost = SimpleNamespace(at=2.0, kind="lost", before="b", after="c", replayed_s=1.5, lost_for_s=0.25)
    model.emit("handoff", planned)
    model.emit("failover", lost)
    assert timeline.of(tl.Handoff) == [
        tl.Handoff(1.0, "cap", False, "a", "b", 0.0, 0.0),
        tl.Handoff(2.0, "lost", True, "b", "c", 0.25, 1.5),
    ]
