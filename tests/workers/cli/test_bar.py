from __future__ import annotations

import io

import pytest
from rich.console import Console

from antiphon.workers.cli import bar as module
from antiphon.workers.cli.bar import bar


def terminal() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=True, width=100, highlight=False), out


def test_what_is_done_soon_shows_nothing() -> None:
    console, out = terminal()
    with bar("Working", console) as so_far:
        so_far.expect(2)
        so_far.step("one")
        so_far.step("two")
    assert out.getvalue() == ""


def test_what_takes_longer_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFTER_S", 0.0)
    console, out = terminal()
    with bar("Working", console) as so_far:
        so_far.expect(2)
        so_far.expect(1)
        so_far.step("one [not markup]")
        so_far.step("two")
    shown = out.getvalue()
    assert "1/3" in shown
    assert "two" in shown
    assert shown.endswith("\x1b[2K")  # and is gone


def test_it_is_gone_after_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFTER_S", 0.0)
    console, out = terminal()

    def work() -> None:
        with bar("Working", console) as so_far:
            so_far.step("one")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert out.getvalue().endswith("\x1b[2K")


def test_without_a_terminal_it_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antiphon.workers.cli.common.PLAIN_EVERY_S", 0.0)
    with bar("Working", Console(file=io.StringIO())) as so_far:
        so_far.say("reading")
        so_far.expect(2)
        so_far.step("one")
        so_far.step("two")
    assert capsys.readouterr().err.splitlines() == ["Working …", "reading", "1 of 2: one", "2 of 2: two"]
