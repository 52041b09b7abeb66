from __future__ import annotations

import pytest

from antiphon.plugins.local import defaults
from antiphon.plugins.local.brain_builtin import BuiltinBrain
from antiphon.plugins.local.brain_chat import ChatBrain


async def test_what_this_machine_has_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTIPHON_CHAT_URL", raising=False)
    engines = defaults.load_engines()
    assert isinstance(engines.brain, BuiltinBrain)
    assert "demonstration" in engines.labels["brain"]
    assert set(engines.labels) == {"ears", "brain", "voice"}
    await defaults.aclose(engines)


async def test_a_chat_endpoint_takes_the_brains_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_CHAT_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("ANTIPHON_CHAT_MODEL", "small")
    engines = defaults.load_engines()
    assert isinstance(engines.brain, ChatBrain)
    assert engines.labels["brain"] == "small at http://127.0.0.1:9/v1"
    await defaults.aclose(engines)
