from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import NOT_GIVEN, Agent, AgentSession

from antiphon.agents.errors import ConfigError
from antiphon.agents.session_setup import bind_log, is_cascade, ours


def test_livekits_own_turn_taking_is_off_and_the_rest_is_kept() -> None:
    given: dict[str, Any] = {"userdata": 1, "vad": None, "turn_handling": {"interruption": {"min_words": 2}}}
    made = ours(given)
    assert made["userdata"] == 1
    assert made["turn_handling"]["turn_detection"] == "manual"
    assert made["turn_handling"]["interruption"]["min_words"] == 2
    assert made["turn_handling"]["interruption"]["resume_false_interruption"] is False
    assert (made["vad"], made["aec_warmup_duration"]) == (None, None)
    assert given["turn_handling"] == {"interruption": {"min_words": 2}}
    with pytest.raises(ConfigError, match="voice_detector"):
        ours({"vad": object()})


def test_a_recogniser_with_a_text_model_is_a_cascade() -> None:
    agent = Agent(instructions="x")
    plain = cast("AgentSession[Any]", SimpleNamespace(llm=None, stt=None))
    assert not is_cascade(agent, plain)
    assert is_cascade(agent, cast("AgentSession[Any]", SimpleNamespace(llm=None, stt=object())))
    assert agent.llm is NOT_GIVEN


def test_outside_a_job_a_call_is_known_by_its_room() -> None:
    fields = bind_log(cast("rtc.Room", SimpleNamespace(name="r1")))
    assert fields == {"call": "r1", "room": "r1", "job": ""}
