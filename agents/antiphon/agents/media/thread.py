"""One thread with one event loop for the sound of every call in the process.

Nothing here may block: a window of voice detection (80 us) is the largest piece of work that belongs
on it. The thread starts with the first use and lives as long as the process; a forked child makes its
own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from antiphon.agents.logs import get_logger

__all__ = ["MediaThread"]

log = get_logger(__name__)
_T = TypeVar("_T")
_P = ParamSpec("_P")


class MediaThread:
    """The loop, and the ways onto it. Use `shared`; one for yourself is for tests."""

    _shared: MediaThread | None = None
    _shared_pid = 0
    _lock = threading.Lock()

    def __init__(self, name: str = "antiphon-media") -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_log_exception)
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name=name, daemon=True)
        self._thread.start()
        started.wait()

    @classmethod
    def shared(cls) -> MediaThread:
        """The process's media thread."""
        with cls._lock:
            if cls._shared is None or cls._shared_pid != os.getpid():
                cls._shared = cls()
                cls._shared_pid = os.getpid()
            return cls._shared

    def call(self, function: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Runs a function on the media loop soon; returns at once. Calls keep their order."""
        if kwargs:
            self.loop.call_soon_threadsafe(lambda: function(*args, **kwargs))
        else:
            self.loop.call_soon_threadsafe(function, *args)

    def submit(self, coro: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        """Runs a coroutine on the media loop."""
        return asyncio.run_coroutine_threadsafe(coro, self.loop)

    async def run(self, coro: Coroutine[Any, Any, _T]) -> _T:
        """Awaits a coroutine of the media loop from another loop. Cancelling cancels it there."""
        return await asyncio.wrap_future(self.submit(coro))

    def stop(self) -> None:
        """Ends the thread. Only for a thread that is not shared."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(started.set)
        self.loop.run_forever()


def _log_exception(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A fault in one call's handler is logged and touches no other call."""
    error = context.get("exception")
    log.error("media thread: unhandled error", message=context.get("message"), exc_info=error)
