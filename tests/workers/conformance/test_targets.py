from __future__ import annotations

import sys
from pathlib import Path

import pytest
from livekit.agents import llm

from antiphon.agents.errors import ConfigError, ModelRefused, ModelUnavailable
from antiphon.plugins.local.testing import Say, ScriptedServer
from antiphon.workers.conformance.targets import OURS, Target, find_target, run_target
from antiphon.workers.conformance.wire import Server


def test_names_and_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    local = find_target("local")
    assert (local.needs_server, local.factory) == (True, None)
    there = find_target("wss://api.example.com/v1", key="k", model="m", responses=3)
    assert there.server == Server("wss://api.example.com/v1", "k", "m", 3)
    assert not there.needs_server
    for name in OURS:
        found = find_target(name)
        assert found.factory is OURS[name]
        assert found.needs_server == (name != "cascade")
    assert find_target("webrtc").realtime_audio


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("ws://h:1", "ws://h:1/v1/realtime?model=m"),
        ("http://h:1/v1", "ws://h:1/v1/realtime?model=m"),
        ("https://h/openai/v1/", "wss://h/openai/v1/realtime?model=m"),
        ("wss://h/v1/realtime?model=other", "wss://h/v1/realtime?model=other"),
    ],
)
def test_addresses_as_people_write_them(given: str, address: str) -> None:
    assert Server(given, model="m").socket_url == address


def test_a_factory_is_imported_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_model.py").write_text(
        "def plain():\n    return 1\n\n\ndef placed(base_url):\n    return base_url\n\n\nNUMBER = 7\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert not find_target("their_model:plain").needs_server
    assert find_target("their_model:placed").needs_server
    for name, says in (
        ("their_model:none", "none"),
        ("their_model:NUMBER", "cannot be called"),
        ("no_such_module:x", "no module no_such_module"),
        ("nonsense", "module:factory"),
    ):
        with pytest.raises(ConfigError, match=says):
            find_target(name)


async def test_a_server_is_checked_and_its_limit_on_one_of_its_kind() -> None:
    async with ScriptedServer([Say("Hello.")], repeat_last=True) as server:
        target = find_target("local")
        begun: list[str] = []
        (result,) = await run_target(target, local_url=server.base_url, only="expiry", on_begin=begun.append)
    assert (result.outcome, begun) == ("passed", ["14 expiry"])


async def test_a_server_that_is_not_there_or_takes_no_such_key_is_said_at_once() -> None:
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await run_target(find_target("ws://127.0.0.1:9"))
    async with ScriptedServer(api_key="right") as server:
        with pytest.raises(ModelRefused, match="--key"):
            await run_target(find_target(server.url, key="wrong"))


async def test_an_adapter_is_put_to_the_faults_as_well() -> None:
    def factory(base_url: str) -> llm.RealtimeModel:
        return OURS["openai"](base_url=base_url)

    async with ScriptedServer([Say("Hello.")], repeat_last=True) as server:
        target = Target("mine", None, factory, needs_server=True)
        results = await run_target(target, local_url=server.base_url, only="14")
    assert {result.name for result in results} >= {"14 closed amid a reply", "14 no quota", "14 line cut"}
