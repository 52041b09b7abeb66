from __future__ import annotations

from typing import get_args

import pytest
from openai.types.realtime import realtime_audio_config_output, realtime_session_create_request

from antiphon.agents.errors import ConfigError
from antiphon.plugins.openai import catalogue


def _literals(annotation: object) -> set[str]:
    found: set[str] = set()
    for part in get_args(annotation):
        found |= {part} if isinstance(part, str) else _literals(part)
    return found


def test_the_voices_are_those_of_the_openai_package() -> None:
    assert set(catalogue.VOICES) == _literals(realtime_audio_config_output.Voice)


def test_every_model_is_known_to_the_openai_package() -> None:
    fields = realtime_session_create_request.RealtimeSessionCreateRequest.model_fields
    assert set(catalogue.MODELS) <= _literals(fields["model"].annotation)


def test_only_openais_own_addresses_are_held_to_the_lists() -> None:
    assert catalogue.is_openai("https://api.openai.com/v1")
    assert catalogue.is_openai("wss://eu.api.openai.com/v1/realtime")
    assert not catalogue.is_openai("https://api.openai.com.evil.example/v1")
    assert not catalogue.is_openai("http://127.0.0.1:8000/v1")


def test_fine_tuned_models_pass() -> None:
    catalogue.check_model("ft:gpt-realtime-2.1:me::1")
    with pytest.raises(ConfigError):
        catalogue.check_model("gpt-realtime-3")
