"""An app's server is found by its type, and what is wrong with a file is one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from antiphon.agents.errors import AppError
from antiphon.workers.appfile import load_app

HEAD = "from livekit.agents import AgentServer\n"

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes an app and gives its path; forgets what was imported afterwards."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)

    def write_app(text: str) -> str:
        path = tmp_path / "some_bot.py"
        path.write_text(text)
        return str(path)

    yield write_app
    for name in set(sys.modules) - before:
        if "some_bot" in name or "antiphon_app" in name:
            del sys.modules[name]


def test_the_only_server_is_found_by_its_type(write: Write) -> None:
    server = load_app(write(HEAD + "whatever = AgentServer()\nalias = whatever\n"))
    assert server is sys.modules["some_bot"].whatever  # importable by its name in job processes


def test_of_several_the_usual_name_is_taken(write: Write) -> None:
    path = write(HEAD + "other = AgentServer()\nserver = AgentServer()\n")
    assert load_app(path) is sys.modules["some_bot"].server


def test_of_several_a_name_can_be_given(write: Write) -> None:
    path = write(HEAD + "one = AgentServer()\ntwo = AgentServer()\n")
    with pytest.raises(AppError, match=r"several AgentServers \(one, two\).*:NAME"):
        load_app(path)
    del sys.modules["some_bot"]
    assert load_app(path + ":two") is sys.modules["some_bot"].two
    del sys.modules["some_bot"]
    with pytest.raises(AppError, match=r"of that name \(three\).*It has: one, two"):
        load_app(path + ":three")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", r"has no AgentServer \(.*some_bot.py\).*@server.rtc_session"),
        ("x = 1\nimport nothing_of_that_name\n", r"some_bot.py:2, ModuleNotFoundError.*nothing_of_that_name"),
        ("def f():\n    return 1 / 0\nf()\n", r"some_bot.py:2, ZeroDivisionError"),
        ("x = (\n", r"SyntaxError"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(write: Write, text: str, message: str) -> None:
    with pytest.raises(AppError, match=message):
        load_app(write(text))
    assert "some_bot" not in sys.modules or "AgentServer" in message


def test_a_file_that_is_missing_or_no_python_is_told(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"no such application \(.*none.py\)"):
        load_app(str(tmp_path / "none.py"))
    with pytest.raises(AppError, match="no such application"):
        load_app(str(tmp_path))
    (tmp_path / "bot.txt").write_text("")
    with pytest.raises(AppError, match="no Python file"):
        load_app(str(tmp_path / "bot.txt"))


def test_a_file_named_like_a_library_does_not_replace_it(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "json.py"
    path.write_text(HEAD + "server = AgentServer()\n")
    import json

    load_app(str(path))
    assert sys.modules["json"] is json
