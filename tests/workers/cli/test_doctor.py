from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
