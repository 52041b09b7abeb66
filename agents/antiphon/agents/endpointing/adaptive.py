"""The turn is over when it sounds over: the wait at a pause follows the probability that it is the end.

At a pause the wait is ``silence_s`` until an estimate comes. An estimate at or above ``likely`` makes it
``floor_s``, one at or below ``unlikely`` makes it ``ceiling_s``, and between the two it falls evenly. A
later estimate about the same pause takes the place of the one before. A person whose pauses run long
(`Pauses`) gets all waits longer, in proportion, up to ``slowest`` times; no wait is longer than the
ceiling. Without an estimator it is a fixed silence that learns.

A pause was one if the person went on, also when the turn had been committed meanwhile and they went on
within the ceiling: a false cutoff teaches most.

An estimate may come before the voice is known to have stopped: it counts if it is younger than the last
voice. One about a short pause before that cannot be told from it; a shell that can tell drops it. Knows
no clock and no model.
"""

from __future__ import annotations

from typing import Final

from antiphon.agents.endpointing.endpointer import Endpointer
from antiphon.agents.endpointing.fixed import FixedSilence
from antiphon.agents.endpointing.pauses import Pauses
from antiphon.agents.options import TurnTaking

__all__ = ["AdaptiveSilence", "endpointer_for"]

# s; what counts as a usual person's long pause. Chosen: over four speakers of two telephone calls it lowers
# false cutoffs from 23 to 19 % and leaves the median wait as it is.
_USUAL_S: Final = 0.4


class AdaptiveSilence:
    """Over after a silence whose length follows the estimates and the person.

    Args:
        floor_s: Shortest wait since the last voice, s.
        silence_s: The wait while there is no estimate, s.
        ceiling_s: Longest wait, s. ``floor_s <= silence_s <= ceiling_s``.
        unlikely: Probability at and below which the wait is the longest, 0 to 1. The default is the
            threshold that LiveKit publishes for its model in English.
        likely: Probability at and above which the wait is the shortest; more than ``unlikely``.
        slowest: How many times longer the waits become for somebody who pauses long, 1 or more; 1 does
            not learn.
    """

    def __init__(
        self,
        *,
        floor_s: float = 0.2,
        silence_s: float = 0.48,
        ceiling_s: float = 1.2,
        unlikely: float = 0.36,
        likely: float = 0.55,
        slowest: float = 2.0,
    ) -> None:
        self._floor_s = floor_s
        self._silence_s = silence_s
        self._ceiling_s = ceiling_s
        self._unlikely = unlikely
        self._likely = likely
        self._slowest = slowest
        self._pauses = Pauses(_USUAL_S)
        self._ended_at: float | None = None  # the last voice, while the turn waits at a pause
        self._left_at: float | None = None  # the last voice of the turn that was committed or dropped
        self._over_at: float | None = None
        self._early: tuple[float, float] | None = (
            None  # an estimate from before the pause was known: (now, it)
        )
        self._stretch = 1.0

    def change(self, options: TurnTaking) -> None:
        """Waits by these numbers from the next estimate on; what is known of the person stays."""
        self._floor_s = min(options.endpoint_floor_s, options.silence_s)
        self._silence_s = options.silence_s
        self._ceiling_s = max(options.endpoint_ceiling_s, options.silence_s)
        self._unlikely = options.end_unlikely
        self._likely = options.end_likely
        self._slowest = options.slowest

    def speech_began(self, now: float) -> None:
        paused_at = self._left_at if self._ended_at is None else self._ended_at
        if paused_at is not None and now - paused_at <= self._ceiling_s:
            self._pauses.note(now, now - paused_at)
        self._ended_at = self._left_at = self._over_at = self._early = None

    def speech_ended(self, now: float, ended_at: float) -> None:
        self._ended_at = ended_at
        self._stretch = min(max(self._pauses.long_s(now) / _USUAL_S, 1.0), self._slowest)
        self._over_at = ended_at + self._stretched(self._silence_s)
        if self._early is not None and self._early[0] > ended_at:
            self.estimated(*self._early)
        self._early = None

    def estimated(self, now: float, probability: float) -> None:
        """Sets the wait at this pause. What is no probability changes nothing."""
        if not 0.0 <= probability <= 1.0:
            return
        if self._ended_at is None:
            self._early = (now, probability)
        else:
            self._over_at = self._ended_at + self.wait_s(probability)

    def deadline(self) -> float | None:
        return self._over_at

    def forget(self) -> None:
        """The next turn starts afresh; what is known of the person's pauses stays."""
        self._left_at = self._left_at if self._ended_at is None else self._ended_at
        self._ended_at = self._over_at = self._early = None

    def wait_s(self, probability: float) -> float:
        """The wait since the last voice for an estimate, s; never longer for a higher probability."""
        share = (self._likely - probability) / (self._likely - self._unlikely)
        share = min(max(share, 0.0), 1.0)
        return self._stretched(self._floor_s + share * (self._ceiling_s - self._floor_s))

    def _stretched(self, wait_s: float) -> float:
        return min(wait_s * self._stretch, self._ceiling_s)


def endpointer_for(options: TurnTaking, *, estimated: bool) -> Endpointer:
    """What decides for one call: by estimates of the turn's end where somebody gives them, else by a fixed
    silence."""
    if not estimated:
        return FixedSilence(options.silence_s)
    made = AdaptiveSilence()
    made.change(options)
    return made
