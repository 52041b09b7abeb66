"""The application's side, as a call on the media plane sees it: `Listener`."""

from __future__ import annotations

from typing import Protocol

from antiphon.agents.media.router import Samples

__all__ = ["Listener"]


class Listener(Protocol):
    """Who carries out what concerns the application. Called on the media thread; must not block."""

    def turn_audio(self, samples: Samples) -> None:
        """Audio of the person's turn, for the model: mono int16 at 24 kHz, shape (n,)."""

    def turn_committed(self, speech_ended_at: float) -> None:
        """The turn is complete: have it answered. Comes after all of its audio."""

    def turn_discarded(self) -> None:
        """The model holds audio of a turn that was none: have it dropped."""

    def floor_yielded(self, reply_id: str, heard: int) -> None:
        """The reply is flushed at ``heard`` samples: cancel it and cut the model's memory."""

    def speech(self, speaking: bool, at: float) -> None:
        """The person began or stopped speaking."""

    def playout_started(self, reply_id: str, at: float) -> None:
        """A reply's first sample went to the transport."""

    def playout_ended(self, reply_id: str, heard: int) -> None:
        """A reply was heard to its end."""
