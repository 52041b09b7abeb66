"""The interface of everything that decides when a person's turn is over.

An endpointer is told when speech begins and ends and says when the turn would be over. It commits
nothing. One that asks a model meanwhile has its shell hand an `EndOfTurnEstimated` event to the
controller, which passes it on to `estimated`; until then it states the time at which it would stop
waiting for the answer. Times are s, monotonic.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Endpointer"]


class Endpointer(Protocol):
    """Says when a turn is over. One turn at a time."""

    def speech_began(self, now: float) -> None:
        """Speech began, or went on after a pause: there is no end in sight."""

    def speech_ended(self, now: float, ended_at: float) -> None:
        """Speech stopped; its last voiced sample arrived at ``ended_at``."""

    def estimated(self, now: float, probability: float) -> None:
        """A model holds the turn to be over with this probability, 0 to 1. May be about a pause that
        is over; then it changes nothing."""

    def deadline(self) -> float | None:
        """When the turn is over if nothing else happens. None while speech is on, and before any."""

    def forget(self) -> None:
        """The turn was committed or dropped; the next one starts afresh."""
