from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from antiphon.agents.errors import MediaError, ModelUnavailable, ServerUnavailable
from antiphon.plugins.local import voice, weights
from antiphon.workers import worker
from antiphon.workers.caller import microphone
from antiphon.workers.cli import doctor
from antiphon.workers.cli.doctor import checks


def by_name(name: str) -> doctor.Check:
    return next(check for check in checks() if check.name == name)


def test_every_failure_comes_with_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("LIVEKIT_URL", "ws://127.0.0.1:9")
    monkeypatch.setenv("LIVEKIT_API_KEY", "k")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s" * 40)
    found = checks()
    failed = [check for check in found if check.state == "failed"]
    assert "LIVEKIT_URL" in {check.name for check in failed}
    assert all(check.run for check in failed)


def test_a_model_is_found_where_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert by_name("model").state == "off"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-secret")
    assert by_name("model").state == "ok"
    assert "sk-secret" not in by_name("model").found


def test_the_command_prints_json_and_one_line_a_check() -> None:
    command = [sys.executable, "-m", "antiphon.workers.cli", "doctor"]
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, timeout=60)
    found = json.loads(told.stdout)
    assert {"Python", "packages", "local LiveKit server", "local model's ears"} <= {c["name"] for c in found}
    assert told.returncode == (1 if any(c["state"] == "failed" for c in found) else 0)
    plain = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert plain.stdout.count("✓") == sum(c["state"] == "ok" for c in found)


def the(found: list[doctor.Check]) -> doctor.Check:
    (only,) = found
    return only


def raising(error: Exception) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise error

    return fail


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 9), "failed"), ((3, 11, 0), "ok"), ((3, 13, 1), "ok"), ((3, 14, 0), "failed")],
)
def test_only_some_pythons_will_do(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], state: str
) -> None:
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(version_info=version))
    found = the(doctor._python())
    assert (found.state, found.found) == (state, ".".join(map(str, version)))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert the(doctor._packages()).state == "ok"
    monkeypatch.setattr(doctor, "version", raising(PackageNotFoundError("livekit")))
    found = the(doctor._packages())
    assert found.state == "failed"
    assert "livekit" in found.found
    assert found.run.startswith("pip install")


def test_a_server_program_is_found_or_can_be_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    present: dict[str, str] = {"livekit-server": "/opt/livekit-server", "go": "/opt/go"}
    monkeypatch.setattr(shutil, "which", lambda name, *_, **__: present.get(name))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("LIVEKIT_URL", raising=False)
    assert the(doctor._server()).found == "/opt/livekit-server"
    del present["livekit-server"]
    assert "built with Go" in the(doctor._server()).found
    del present["go"]
    assert (the(doctor._server()).state, the(doctor._server()).run) == ("failed", "brew install livekit")
    monkeypatch.setenv("LIVEKIT_URL", "wss://there")
    assert the(doctor._server()).state == "off"


def test_a_given_server_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVEKIT_URL", raising=False)
    assert the(doctor._given_server()).state == "off"
    monkeypatch.setenv("LIVEKIT_URL", "wss://there")

    async def answers(_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(worker, "preflight", answers)
    assert the(doctor._given_server()).state == "ok"

    async def refuses(_: object) -> None:
        raise ServerUnavailable("the server refused the key", hint="Check LIVEKIT_API_KEY.")

    monkeypatch.setattr(worker, "preflight", refuses)
    found = the(doctor._given_server())
    assert found.state == "failed"
    assert "refused the key" in found.found
    assert found.run


def test_a_base_url_is_told_before_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert the(doctor._key()).found == "OPENAI_BASE_URL=http://127.0.0.1:8000/v1"


def test_missing_weights_say_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_whisper", lambda: SimpleNamespace(label="whisper base"))
    monkeypatch.setattr(voice, "find_voice", raising(ModelUnavailable("there is no voice", hint="Install.")))
    ears, mouth = doctor._weights()
    assert (ears.state, ears.found) == ("ok", "whisper base")
    assert (mouth.state, mouth.run) == ("failed", weights.INSTALL_HINT)
    assert "there is no voice" in mouth.found


def test_a_microphone_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "open_devices", raising(MediaError("no microphone was found", hint="x")))
    assert the(doctor._sound()).state == "off"
    devices = SimpleNamespace(microphone="Mic", speaker="Box")
    monkeypatch.setattr(microphone, "open_devices", lambda: devices)
    assert the(doctor._sound()).found == "Mic; speaker Box"


def test_a_blocked_loopback_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert the(doctor._loopback()).state == "ok"
    monkeypatch.setattr(socket, "socket", raising(PermissionError(1, "Operation not permitted")))
    found = the(doctor._loopback())
    assert found.state == "failed"
    assert "not permitted" in found.found
    assert found.run


@pytest.mark.parametrize(("free", "state"), [(0, "failed"), (1 << 34, "ok")])
def test_a_full_disk_is_a_failure(monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    disk, cores = doctor._machine()
    assert (disk.state, cores.state) == (state, "ok")


def test_a_failure_is_the_exit_code_and_what_is_off_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [doctor.Check("a", "ok", "fine", "never said"), doctor.Check("b", "off", "not there")]
    monkeypatch.setattr(doctor, "checks", lambda: made)
    doctor.doctor()
    assert capsys.readouterr().out == "✓ a: fine\n– b: not there\n"
    made.append(doctor.Check("c", "failed", "broken", "mend it"))
    with pytest.raises(typer.Exit) as ended:
        doctor.doctor()
    assert ended.value.exit_code == 1
    assert capsys.readouterr().out.endswith("✗ c: broken\n    run: mend it\n")
    with pytest.raises(typer.Exit):
        doctor.doctor(as_json=True)
    assert json.loads(capsys.readouterr().out)[2] == {
        "name": "c",
        "state": "failed",
        "found": "broken",
        "run": "mend it",
    }
