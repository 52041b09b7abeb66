from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm

from antiphon.plugins import openai
from antiphon.plugins.openai.websocket import WebSocketModel, WebSocketSession
from antiphon.workers.conformance.checks import FAULT_CHECKS, AdapterSubject, Check, run_checks

CHECKS = {check.name: check for check in FAULT_CHECKS}


def adapter(base_url: str) -> llm.RealtimeModel:
    return openai.realtime(base_url=base_url, api_key="k")


@pytest.mark.parametrize("check", FAULT_CHECKS, ids=lambda check: check.name)
async def test_the_plugin_passes(check: Check[AdapterSubject]) -> None:
    assert await check.run(AdapterSubject(adapter))


class GivesUp(WebSocketSession):
    """Takes every error for the end."""

    def _is_fatal_error(self, error: object | None) -> bool:
        return True


class GoesOn(WebSocketSession):
    """Takes none for it."""

    def _is_fatal_error(self, error: object | None) -> bool:
        return False


class Forgets(WebSocketSession):
    """Tells a new session nothing of the conversation."""

    def _create_update_chat_ctx_events(self, chat_ctx: llm.ChatContext) -> Any:
        events = super()._create_update_chat_ctx_events(chat_ctx)
        return [] if len(events) > 1 else events  # more than one at a time: a reconnection


@pytest.mark.parametrize(
    ("name", "session", "says"),
    [
        ("14 benign error", GivesUp, "the reply reads []"),
        ("14 no quota", GoesOn, "recoverable=False"),
        ("14 line cut", Forgets, "was told"),
    ],
)
async def test_a_fault_is_found(name: str, session: type[WebSocketSession], says: str) -> None:
    class Model(WebSocketModel):
        def session(self, *, turn_detection_disabled: bool = False) -> WebSocketSession:
            return session(self, turn_detection_disabled=turn_detection_disabled)

    def make(base_url: str) -> llm.RealtimeModel:
        return Model(base_url=base_url, api_key="k", turn_detection=None)

    (result,) = await run_checks([CHECKS[name]], AdapterSubject(make, wait_s=2.0), timeout_s=40)
    assert result.outcome == "failed", result.why
    assert says in result.why
