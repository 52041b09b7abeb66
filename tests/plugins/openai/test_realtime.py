from __future__ import annotations

import sys

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.plugins.openai import realtime


def test_it_sets_what_the_defaults_get_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    model = realtime()
    assert model.model == "gpt-realtime-2.1"
    options = model._opts
    assert options.max_session_duration is None  # no cut every 20 minutes
    assert options.turn_detection is None
    assert options.input_audio_transcription is not None
    assert options.input_audio_transcription.model == "gpt-realtime-whisper"
    assert options.base_url == "http://127.0.0.1:1/v1"
    assert not model.capabilities.turn_detection


def test_arguments_reach_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = realtime(
        model="gpt-realtime-2.1-mini", voice="cedar", transcription=None, api_key="k", base_url="http://h/v1"
    )
    assert model._opts.model == "gpt-realtime-2.1-mini"
    assert model._opts.voice == "cedar"
    assert model._opts.input_audio_transcription is None
    assert model._opts.base_url == "http://h/v1"


def test_no_key_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="agent dev"):
        realtime()


def test_a_wrong_speed_names_its_range() -> None:
    with pytest.raises(ConfigError, match=r"0\.25 to 1\.5"):
        realtime(api_key="k", speed=3.0)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"model": "gpt-9"}, "gpt-realtime-2.1-mini"),
        ({"voice": "nobody"}, "cedar"),
        ({"transcription": "ears"}, "gpt-realtime-whisper"),
    ],
)
def test_a_name_that_openai_has_not_is_answered_with_the_list(given: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as raised:
        realtime(api_key="k", base_url="https://api.openai.com/v1", **given)
    assert "as of 2026-11-22" in str(raised.value)


def test_another_server_has_its_own_names() -> None:
    assert realtime(api_key="k", base_url="http://127.0.0.1:1/v1", model="mine").model == "mine"


def test_a_voice_of_ones_own_is_taken() -> None:
    model = realtime(api_key="k", base_url="https://api.openai.com/v1", voice="voice_123")
    assert model._opts.voice == "voice_123"


def test_an_unknown_transport_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="websocket, webrtc"):
        realtime(api_key="k", base_url="http://h/v1", transport="pigeon")  # type: ignore[arg-type]


@pytest.mark.parametrize(("peer", "extra"), [("aiortc", "webrtc"), ("wrtc", "wrtc")])
def test_webrtc_without_its_packages_names_the_extra(
    peer: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["antiphon.plugins.openai.realtime"], "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"antiphon\[{extra}\]"):
        realtime(api_key="k", base_url="http://h/v1", transport="webrtc", peer=peer)


def test_webrtc_has_the_same_settings() -> None:
    pytest.importorskip("aiortc")
    model = realtime(api_key="k", base_url="http://h/v1", transport="webrtc", voice="cedar", grace_s=3.0)
    assert model._opts.turn_detection is None
    assert model._opts.max_session_duration is None
    assert (model._opts.voice, model.grace_s) == ("cedar", 3.0)
