"""A press that does not wait for the application.

LiveKit delivers a request on the application's loop, where a tool may be blocking it. A press that has to
silence the agent is therefore seen here first, on livekit's own thread, and handed to the media plane at
once; the request itself is checked and answered in `room` as any other, and its press finds the key down.
Only presses: a release is for the model, which waits for the application anyway.

It speaks livekit's FFI directly, as `media.router` does; `tests/agents/test_livekit_contract.py` pins what
it needs.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any, cast

from livekit.rtc._ffi_client import FfiClient

from antiphon.agents.control.requests import START_TURN

__all__ = ["listen", "stop_listening"]

Press = Callable[[str, str], None]
"""Told on livekit's thread who pressed, and the payload; must not block."""


class _Presses:
    """The process's table, by the handle of the local participant that is asked."""

    def __init__(self) -> None:
        self.listeners: dict[int, Press] = {}
        self.pid = os.getpid()
        # The filter does the work and lets nothing through: no queue, no task.
        self._queue = FfiClient.instance.queue.subscribe(
            loop=cast("asyncio.AbstractEventLoop", _NoLoop()), filter_fn=self._seen
        )

    def _seen(self, event: Any) -> bool:
        if event.WhichOneof("message") == "rpc_method_invocation":
            call = event.rpc_method_invocation
            listener = self.listeners.get(call.local_participant_handle)
            if listener is not None and call.method == START_TURN:
                listener(call.caller_identity, call.payload)
        return False


class _NoLoop:
    """Stands for the loop that a subscription must name; nothing is ever posted to it."""

    def call_soon_threadsafe(self, *_: object) -> None:
        return None


_lock = threading.Lock()
_presses: _Presses | None = None


def listen(participant_handle: int, press: Press) -> None:
    """Tells of presses that this local participant is asked for, until `stop_listening`."""
    global _presses
    with _lock:
        if _presses is None or _presses.pid != os.getpid():
            _presses = _Presses()
        _presses.listeners[participant_handle] = press


def stop_listening(participant_handle: int) -> None:
    """Tells no more. Nothing if nobody listened."""
    with _lock:
        if _presses is not None:
            _presses.listeners.pop(participant_handle, None)
