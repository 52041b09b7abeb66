"""The command line itself: exit codes, one-line errors, verbs that are loaded only when asked for."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from antiphon.agents.errors import AppError
from antiphon.workers import cli


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module in the place of `agent doctor`'s, whose function a test sets."""
    module = ModuleType("antiphon.workers.cli.doctor")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delenv("ANTIPHON_DEBUG", raising=False)
    return module


def raising(error: BaseException) -> object:
    def function() -> None:
        raise error

    return function


def test_help_lists_every_verb_and_loads_none() -> None:
    script = (
        "import sys; from antiphon.workers import cli; code = cli.main(['--help']);"
        "heavy = ('livekit', 'numpy', 'antiphon.workers.cli.');"
        "print('loaded', [m for m in sys.modules if m.startswith(heavy)]);"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "loaded []" in done.stdout
    for name in cli.VERBS:
        assert name in done.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("antiphon ")


@pytest.mark.parametrize("name", cli.VERBS)
def test_each_verb_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert f"agent {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (AppError("no app", value="x", hint="Give one."), cli.EXIT_ERROR, "error: no app (x). Give one.\n"),
        (AppError("two\n  lines"), cli.EXIT_ERROR, "error: two lines\n"),
        (KeyError("k"), cli.EXIT_ERROR, "error: KeyError: 'k'. This is a fault of ours"),
        (KeyboardInterrupt(), cli.EXIT_INTERRUPTED, ""),
    ],
)
def test_an_error_is_one_line_and_a_code(
    verb: ModuleType, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    verb.doctor = raising(error)  # type: ignore[attr-defined]
    assert cli.main(["doctor"]) == code
    said = capsys.readouterr()
    assert said.err.startswith(line)
    assert said.err.count("\n") == (1 if line else 0)
    assert said.out == ""


def test_debug_shows_the_trace(
    verb: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTIPHON_DEBUG", "")  # so that what --debug sets is undone
    verb.doctor = raising(AppError("no app"))  # type: ignore[attr-defined]
    assert cli.main(["--debug", "doctor"]) == cli.EXIT_ERROR
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("error: no app\n")


def test_a_verbs_return_value_is_the_exit_code(verb: ModuleType) -> None:
    verb.doctor = lambda: 5  # type: ignore[attr-defined]
    assert cli.main(["doctor"]) == 5


def test_a_verb_that_cannot_be_imported_says_so_and_breaks_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "antiphon.workers.cli.bench", None)  # makes its import fail
    assert cli.main(["bench"]) == cli.EXIT_ERROR
    assert capsys.readouterr().err.startswith("error: `agent bench` cannot be loaded (")
    assert cli.main(["--help"]) == 0


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["doctor", "too", "many"]])
def test_wrong_usage(verb: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    verb.doctor = lambda: None  # type: ignore[attr-defined]
    assert cli.main(arguments) == cli.EXIT_USAGE
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.endswith("--help`.\n")
    assert said.count("\n") == 1
