from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from antiphon.workers.cli import main
from antiphon.workers.conformance.result import Result

module = pytest.importorskip("antiphon.workers.cli.conformance")
PASSED = Result("1 handshake", "passed", "as it should", 0.1)
FAILED = Result("3 grammar", "failed", "[done] before created", 2.0)


def results(monkeypatch: pytest.MonkeyPatch, *made: Result) -> list[Any]:
    asked: list[Any] = []

    def run(target: Any, only: str) -> list[Result]:
        asked.append((target.name, only))
        return list(made)

    monkeypatch.setattr(sys.modules["antiphon.workers.cli.conformance"], "_run", run)
    return asked


def test_a_table_says_what_was_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = results(monkeypatch, PASSED)
    assert main(["conformance", "local", "--only", "hand"]) == 0
    assert asked == [("local", "hand")]
    out = capsys.readouterr().out
    assert "Conformance of local" in out
    assert "as it should" in out
    assert "1 passed" in out


def test_a_failure_is_exit_code_1_and_its_text_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results(monkeypatch, PASSED, FAILED)
    assert main(["conformance", "ws://127.0.0.1:9"]) == 1
    assert "[done] before created" in capsys.readouterr().out


def test_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    results(monkeypatch, FAILED)
    assert main(["conformance", "local", "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["model"] == "local"
    assert record["results"][0]["outcome"] == "failed"


def test_no_check_of_that_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    results(monkeypatch)
    assert main(["conformance", "local", "--only", "nothing"]) == 1
    assert "No check" in capsys.readouterr().out


def test_a_model_that_is_none_lists_what_may_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "nonsense"]) == 1
    assert "module:factory" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "ws://127.0.0.1:9"]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "cannot be reached" in errors[0]
