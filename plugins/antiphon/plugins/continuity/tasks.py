"""The tasks of one call: none is lost, and none outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from antiphon.agents.logs import get_logger

__all__ = ["Tasks"]

log = get_logger(__name__)

_T = TypeVar("_T")


class Tasks:
    """Runs them."""

    def __init__(self) -> None:
        self._all: set[asyncio.Task[Any]] = set()
        self._kept: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, _T], *, to_the_end: bool = False) -> asyncio.Task[_T]:
        """Runs something.

        Args:
            work: What.
            to_the_end: When the call ends it is waited for, and not cancelled.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._all.add(task)
        if to_the_end:
            self._kept.add(task)
        task.add_done_callback(self._done)
        return task

    def cancel(self) -> None:
        """Cancels all but those that are to come to their end."""
        for task in self._all - self._kept - {asyncio.current_task()}:
            task.cancel()

    async def join(self) -> None:
        """Waits for all that are left."""
        current = asyncio.current_task()
        while left := [task for task in self._all if task is not current]:
            await asyncio.gather(*left, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._all.discard(task)
        self._kept.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            what = f"{type(error).__name__}: {error}"
            log.error("continuity failed at something", error=what, exc_info=error)
