"""What an `AgentSession` tells of itself, noted in the call's timeline.

Listens to livekit-agents' own events and changes nothing. Driven by the session's loop; every note is
dated with the moment at which the event came.
"""

from __future__ import annotations

import time
from typing import Any

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


class SessionObserver:
    """Notes states, transcripts, tool calls and failures.

    Args:
        session: Whose events.
        timeline: Where they are noted.
    """

    def __init__(self, session: AgentSession[Any], timeline: tl.Timeline) -> None:
        self._timeline = timeline
        session.on("agent_state_changed", self._agent_state)
        session.on("user_state_changed", self._user_state)
        session.on("user_input_transcribed", self._transcribed)
        session.on("conversation_item_added", self._item)
        session.on("function_tools_executed", self._tools)
        session.on("error", self._failure)

    def _agent_state(self, event: AgentStateChangedEvent) -> None:
        self._timeline.append(tl.AgentState(time.monotonic(), event.new_state))

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
