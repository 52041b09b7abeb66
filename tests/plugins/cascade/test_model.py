from __future__ import annotations

from typing import Any

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.plugins.cascade import CascadeModel, LocalLLM, LocalSTT, LocalTTS
from tests.plugins.cascade.rig import Brain, Ears, Voice, cascade


def test_it_leaves_turns_to_the_session_and_can_be_cut() -> None:
    can = cascade().capabilities
    assert not can.turn_detection
    assert can.message_truncation
    assert can.audio_output
    assert can.supports_say
    assert not can.auto_tool_reply_generation


def test_it_is_known_by_its_language_model() -> None:
    model = cascade()
    assert (model.model, model.provider) == ("local-brain", "antiphon")


@pytest.mark.parametrize("part", ["stt", "llm", "tts"])
def test_a_part_that_is_none_of_its_kind_is_refused(part: str) -> None:
    parts: dict[str, Any] = {
        "stt": LocalSTT(Ears()),
        "llm": LocalLLM(Brain()),
        "tts": LocalTTS(Voice()),
    }
    parts[part] = object()
    with pytest.raises(ConfigError, match=rf"CascadeModel\({part}\).*{part.upper()}"):
        CascadeModel(**parts)
