"""Arbiters: does the person who speaks over the agent want the floor?

An `Arbiter` decides about one speech at a time, while the playout is held. It is fed by the controller and
answers from what it was fed; it neither holds nor resumes anything. One that is `Adjustable` takes other
numbers in mid-call. It may have judges asked: it names an
`Occasion`, and their opinions come back later. The controller's own ``hold_s`` deadline covers the arbiter
that never answers.

`DurationArbiter` looks only at how long the voice lasts; `fusion.FusionArbiter` weighs opinions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from antiphon.agents.interruption.judges import Occasion
from antiphon.agents.interruption.verdicts import WINDOW_S, Verdict
from antiphon.agents.options import TurnTaking

__all__ = ["Arbiter", "DurationArbiter", "Leaning", "Opinion"]

_HALF_WINDOW_S: Final = WINDOW_S / 2  # s; durations are met to the nearest whole window


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one judge holds of the speech."""

    judge: str
    occasion: Occasion
    probability: float | None
    """That the person wants the floor, 0 to 1; None when the judge has no opinion, failed or was late."""
    took_s: float = 0.0
    """From the question to the answer, s."""


class Arbiter(Protocol):
    """Decides whether one speech over the agent's voice is a turn.

    The controller calls `begin` at the onset, then `frame` for each window and `ended` when the voice
    has stopped, in order, until a verdict stands or `forget`. Times are s, monotonic.
    """

    def begin(self, speech: int, now: float, voiced_s: float) -> None:
        """A speech begins; everything about the one before is forgotten.

        Args:
            speech: Its number, given back with an opinion about it.
            now: When the onset was found.
            voiced_s: Voice heard of it so far, s.
        """

    def frame(self, now: float, speech: float, voiced: bool) -> Verdict | None:
        """One window of 32 ms.

        Args:
            now: Arrival of its last sample.
            speech: The detector's probability, 0 to 1.
            voiced: Whether the onset detector counts it as voice.
        """

    def ended(self, now: float, ended_at: float) -> Verdict | None:
        """The voice was found to have stopped; ``ended_at`` is its last sample. It may come back."""

    def deadline(self) -> float | None:
        """When `expire` is to be called if nothing else happens, or None."""

    def expire(self, now: float) -> Verdict | None:
        """The deadline has passed."""

    def occasion(self) -> Occasion | None:
        """Whether the judges are to be asked now; told once. Called after each of the others."""

    def opinion(self, now: float, opinion: Opinion) -> Verdict | None:
        """A judge's answer about the speech."""

    def forget(self) -> None:
        """The speech needs no verdict any more."""


@runtime_checkable
class Leaning(Protocol):
    """An arbiter that can say where it leans before it has decided."""

    def leaning(self, now: float) -> float | None:
        """The probability, 0 to 1, that the speech is a turn, by what is known; None before anything is, and
        while more will be known soon."""


class DurationArbiter:
    """TURN once ``yield_after_s`` of voice stand over the agent's; BACKCHANNEL once the voice ended
    sooner and ``resume_quiet_s`` are quiet.

    Args:
        yield_after_s: Voice, pauses left out, s.
        resume_quiet_s: Quiet since the last voiced sample, s.
    """

    def __init__(self, *, yield_after_s: float, resume_quiet_s: float) -> None:
        self._yield_after_s = yield_after_s
        self._resume_quiet_s = resume_quiet_s
        self._voiced_s = 0.0
        self._quiet_at: float | None = None

    def change(self, options: TurnTaking) -> None:
        """Goes on with these numbers."""
        self._yield_after_s = options.yield_after_s
        self._resume_quiet_s = options.resume_quiet_s

    def begin(self, speech: int, now: float, voiced_s: float) -> None:
        self._voiced_s = voiced_s
        self._quiet_at = None

    def frame(self, now: float, speech: float, voiced: bool) -> Verdict | None:
        if voiced:
            self._voiced_s += WINDOW_S
            if self._quiet_at is not None:
                self._quiet_at = now + self._resume_quiet_s
        return self._verdict(now)

    def ended(self, now: float, ended_at: float) -> Verdict | None:
        self._quiet_at = ended_at + self._resume_quiet_s
        return self._verdict(now)

    def deadline(self) -> float | None:
        return self._quiet_at

    def expire(self, now: float) -> Verdict | None:
        return self._verdict(now)

    def occasion(self) -> Occasion | None:
        """Never: duration is all that counts here."""
        return None

    def opinion(self, now: float, opinion: Opinion) -> Verdict | None:
        """Changes nothing."""
        return None

    def forget(self) -> None:
        self._voiced_s = 0.0
        self._quiet_at = None

    def _verdict(self, now: float) -> Verdict | None:
        if self._voiced_s >= self._yield_after_s - _HALF_WINDOW_S:
            return Verdict.TURN
        if self._quiet_at is not None and now >= self._quiet_at:
            return Verdict.BACKCHANNEL
        return None
