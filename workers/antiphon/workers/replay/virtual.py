"""A clock that is moved, in place of the media loop; and an ear, in place of the transport.

`VirtualMedia` has of `MediaThread` what `MediaCall` uses: `call`, and a loop with `time` and `call_at`.
Here everything runs on the thread that moves the clock, in order of time and, at one time, in the order in
which it was asked for: the same input gives the same calls, bit for bit.

`VirtualSource` is what the playout pushes to. It plays its queue in virtual time and keeps what the ear
heard, which is also what an open microphone leaks back. The way over the network is left out: it adds
the transport's floor to a figure and changes no decision.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from antiphon.agents.media.router import Samples

__all__ = ["VirtualLoop", "VirtualMedia", "VirtualSource", "VirtualTimer"]

EPOCH_S = 1000.0  # s; where the clock begins. Not 0, which some take for "not yet"


class VirtualTimer:
    """A call that is due at a time. The part of `asyncio.TimerHandle` that is used."""

    __slots__ = ("at", "callback", "cancelled")

    def __init__(self, at: float, callback: Callable[[], object]) -> None:
        self.at = at
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Lets it not happen."""
        self.cancelled = True


class VirtualLoop:
    """Time, and what is due in it."""

    def __init__(self) -> None:
        self._now = EPOCH_S
        self._due: list[tuple[float, int, VirtualTimer]] = []
        self._made = 0

    def time(self) -> float:
        """Now, s."""
        return self._now

    def call_at(self, at: float, callback: Callable[..., object], *args: object) -> VirtualTimer:
        """Calls ``callback`` when the clock gets to ``at``, s; at once on its next move if that is past."""
        timer = VirtualTimer(at, (lambda: callback(*args)) if args else callback)
        heapq.heappush(self._due, (at, self._made, timer))
        self._made += 1
        return timer

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> VirtualTimer:
        """As `call_at`, ``delay`` s from now."""
        return self.call_at(self._now + delay, callback, *args)

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: object) -> VirtualTimer:
        """As `call_at`, now."""
        return self.call_at(self._now, callback, *args)

    def advance_to(self, at: float) -> None:
        """Moves the clock, and lets what is due on the way happen when it is due."""
        while self._due and self._due[0][0] <= at:
            due, _, timer = heapq.heappop(self._due)
            if timer.cancelled:
                continue
            self._now = max(self._now, due)
            timer.callback()
        self._now = max(self._now, at)


class VirtualMedia:
    """Has a `VirtualLoop` and runs what it is given at once."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Runs it."""
        function(*args)


class VirtualSource:
    """The way to an ear that hears at once.

    Args:
        rate_hz: Sample rate of what is pushed.
        length_s: To when the ear listens, s from `EPOCH_S`.
    """

    def __init__(self, rate_hz: int, length_s: float) -> None:
        self.rate_hz = rate_hz
        self._ear = np.zeros(round((length_s + 1.0) * rate_hz), dtype=np.int16)
        self._dry = 0  # the sample at which the queue runs dry, from EPOCH_S

    def push(self, samples: Samples, now: float) -> None:
        """Queues mono int16 samples, shape (n,)."""
        start = max(self._dry, self._sample(now))
        self._dry = start + len(samples)
        kept = self._ear[start : self._dry]
        kept[:] = samples[: len(kept)]

    def clear(self, now: float) -> None:
        """Drops what is queued."""
        at = self._sample(now)
        self._ear[at : self._dry] = 0
        self._dry = at

    def queued_s(self, now: float) -> float:
        """Audio pushed and not yet played, s."""
        return max(self._dry - self._sample(now), 0) / self.rate_hz

    def heard(self, start: int, stop: int) -> Samples:
        """What the ear heard from one sample to another, counted from the beginning; silence before it.

        Only what lies before now is settled.
        """
        if start >= 0:
            return self._ear[start:stop]
        silence = np.zeros(min(-start, stop - start), dtype=np.int16)
        return np.concatenate([silence, self._ear[: max(stop, 0)]])

    def _sample(self, now: float) -> int:
        return max(round((now - EPOCH_S) * self.rate_hz), 0)
