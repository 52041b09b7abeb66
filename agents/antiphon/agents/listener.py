"""Carries the media plane's word to the application's loop.

Called on the media thread, must not block; what concerns the model goes the way of the person's audio, so
that a commit arrives behind the last of its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from antiphon.agents.logs import get_logger
from antiphon.agents.media.router import Samples

__all__ = ["LoopListener", "Output"]

log = get_logger(__name__)


class Output(Protocol):
    """Who is told how a reply plays."""

    def started(self, reply_id: str, at: float) -> None:
        """Its first sample went to the transport."""

    def ended(self, reply_id: str, heard: int) -> None:
        """It was heard to its end."""


class LoopListener:
    """The `media.call.Listener` of a session.

    Args:
        loop: The application's.
        put: Takes the person's audio, and what is to be run in its order; from any thread.
        committed: The turn is complete; told when its voice ended, s. Runs in the audio's order.
        discarded: The turn is to be dropped. Runs in the audio's order.
        yielded: A reply was flushed at a position in samples.
        spoke: The person began or stopped speaking, and when, s.
        output: Who is told how replies play, if there is somebody.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        put: Callable[[Samples | Callable[[], None]], None],
        committed: Callable[[float], None],
        discarded: Callable[[], None],
        yielded: Callable[[str, int], None],
        spoke: Callable[[bool, float], None],
        output: Callable[[], Output | None],
    ) -> None:
        self._loop = loop
        self._put = put
        self._committed = committed
        self._discarded = discarded
        self._yielded = yielded
        self._spoke = spoke
        self._output = output

    def turn_audio(self, samples: Samples) -> None:
        """As `media.call.Listener` has it; so the others."""
        self._put(samples)

    def turn_committed(self, speech_ended_at: float) -> None:
        self._put(lambda: self._committed(speech_ended_at))

    def turn_discarded(self) -> None:
        self._put(self._discarded)

    def floor_yielded(self, reply_id: str, heard: int) -> None:
        self._soon(self._yielded, reply_id, heard)

    def speech(self, speaking: bool, at: float) -> None:
        self._soon(self._spoke, speaking, at)

    def playout_started(self, reply_id: str, at: float) -> None:
        self._soon(self._started, reply_id, at)

    def playout_ended(self, reply_id: str, heard: int) -> None:
        self._soon(self._ended, reply_id, heard)

    def _started(self, reply_id: str, at: float) -> None:
        if (output := self._output()) is not None:
            output.started(reply_id, at)

    def _ended(self, reply_id: str, heard: int) -> None:
        if (output := self._output()) is not None:
            output.ended(reply_id, heard)

    def _soon(self, function: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            log.debug("the application's loop is closed")
