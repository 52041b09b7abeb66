"""A progress bar for work that is counted: shown at a terminal once it has taken `AFTER_S`.

Where there is no terminal it is `common.progress`: a line now and then. It goes to stderr and leaves nothing
behind, also when the work is interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from antiphon.workers.cli.common import progress

__all__ = ["Bar", "bar"]

AFTER_S: Final = 2.0  # s; what is done by then needs no bar


class Bar:
    """What is done of what there is to do."""

    def __init__(self) -> None:
        self.total = 0
        """Steps there are; 0 while that is not known."""
        self.done = 0
        self.text = ""

    def say(self, text: str) -> None:
        """Tells what is being done, with no step taken."""
        self.text = text
        self._show()

    def step(self, text: str) -> None:
        """A step begins; those before it are done."""
        self.text = text
        self._show()
        self.done += 1

    def expect(self, steps: int) -> None:
        """So many more steps are to come."""
        self.total += steps

    def _show(self) -> None:
        """Where nobody looks."""


class _Lines(Bar):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def _show(self) -> None:
        number = f"{self.done + 1} of {self.total}: " if self.total else ""
        self._tell(number + self.text)


class _Drawn(Bar):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._drawn = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
        )
        self._task = self._drawn.add_task("", total=None)
        self._began = time.monotonic()
        self._shown = False

    def _show(self) -> None:
        if not self._shown and time.monotonic() - self._began >= AFTER_S:
            self._shown = True
            self._drawn.start()
        if self._shown:
            self._drawn.update(
                self._task, total=self.total or None, completed=self.done, description=self.text
            )

    def close(self) -> None:
        """Takes it off the screen."""
        if self._shown:
            self._drawn.stop()


@contextmanager
def bar(first: str, console: Console | None = None) -> Iterator[Bar]:
    """Shows how far a piece of work is.

    Args:
        first: What is said where there is no terminal.
        console: Where to; stderr when not given.
    """
    console = console or Console(stderr=True, highlight=False)
    if not console.is_terminal:
        with progress(first) as tell:
            yield _Lines(tell)
        return
    drawn = _Drawn(console)
    try:
        yield drawn
    finally:
        drawn.close()
