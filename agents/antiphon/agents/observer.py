"""What an `AgentSession` tells of itself, noted in the call's timeline.

Listens to livekit-agents' own events and changes nothing. Driven by the session's loop; every note is
dated with the moment at which the event came.
"""

from __future__ import annotations

import time
from typing import Any, Protocol
from weakref import WeakSet

from livekit.agents import AgentSession
from livekit.agents.voice.events import (
    AgentStateChangedEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    FunctionToolsExecutedEvent,
    UserInputTranscribedEvent,
    UserStateChangedEvent,
)

from antiphon.agents import timeline as tl

__all__ = ["SessionObserver"]


class HandoffNotice(Protocol):
    """What a model's session tells when another took over (`antiphon.plugins.continuity` does)."""

    at: float
    before: str
    after: str
    replayed_s: float


class SessionObserver:
    """Notes states, transcripts, tool calls and failures.

    Args:
        session: Whose events.
        timeline: Where they are noted.
    """

    def __init__(self, session: AgentSession[Any], timeline: tl.Timeline) -> None:
        self._session = session
        self._timeline = timeline
        self._followed: WeakSet[object] = WeakSet()
        session.on("agent_state_changed", self._agent_state)
        session.on("user_state_changed", self._user_state)
        session.on("user_input_transcribed", self._transcribed)
        session.on("conversation_item_added", self._item)
        session.on("function_tools_executed", self._tools)
        session.on("error", self._failure)

    def _agent_state(self, event: AgentStateChangedEvent) -> None:
        self._follow_model()
        self._timeline.append(tl.AgentState(time.monotonic(), event.new_state))

    def _follow_model(self) -> None:
        """Listens to the session of the agent's realtime model; each agent may have its own."""
        try:
            model = self._session.current_agent.realtime_llm_session
        except RuntimeError:  # no agent is active, or it has no realtime model
            return
        if model not in self._followed:
            self._followed.add(model)
            model.on("handoff", self._handoff)
            model.on("failover", self._failover)

    def _handoff(self, event: HandoffNotice) -> None:
        self._note_handoff(event, str(getattr(event, "reason", "")), failed=False)

    def _failover(self, event: HandoffNotice) -> None:
        self._note_handoff(event, str(getattr(event, "kind", "")), failed=True)

    def _note_handoff(self, event: HandoffNotice, reason: str, *, failed: bool) -> None:
        gap_s = float(getattr(event, "lost_for_s", 0.0))
        self._timeline.append(
            tl.Handoff(event.at, reason, failed, event.before, event.after, gap_s, event.replayed_s)
        )

    def _user_state(self, event: UserStateChangedEvent) -> None:
        self._timeline.append(tl.UserState(time.monotonic(), event.new_state))

    def _transcribed(self, event: UserInputTranscribedEvent) -> None:
        self._timeline.append(tl.Transcript(time.monotonic(), "user", event.is_final, event.transcript))

    def _item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if getattr(item, "role", None) != "assistant":
            return
        now = time.monotonic()
        self._timeline.append(tl.Transcript(now, "agent", True, getattr(item, "text_content", None) or ""))

    def _tools(self, event: FunctionToolsExecutedEvent) -> None:
        now = time.monotonic()
        for call, output in event.zipped():
            took = max(output.created_at - call.created_at, 0.0)
            self._timeline.append(tl.ToolCall(now, call.name, took, output.is_error))

    def _failure(self, event: ErrorEvent) -> None:
        error = getattr(event.error, "error", event.error)
        fatal = not getattr(event.error, "recoverable", False)
        self._timeline.append(tl.Failure(time.monotonic(), type(error).__name__, str(error), fatal))
