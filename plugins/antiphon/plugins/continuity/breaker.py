"""Back-off with jitter, and a circuit breaker for each endpoint, shared by the calls of a process.

The breaker counts failures to *open* a session and sessions that stall, not sockets that drop: fifty calls
that lose theirs at once, and open new ones, must not keep each other out. Once it has tripped, one call
tries again when the rest is over, and the others wait for what it finds. Time is an argument; only the
registry takes a lock, because calls may run on several threads.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

__all__ = ["Breaker", "Breakers", "backoff_s"]

_MOST_RESTS = 12  # times `rest_s`; chosen: 24 s with the default
_TRIAL_S = 15.0  # s; a trial that never reported is over after this; chosen, above `open_s`


def backoff_s(attempt: int, first_s: float, most_s: float, random: float) -> float:
    """The wait before a try, s.

    Args:
        attempt: 0 for the first try, which does not wait.
        first_s: Before the second; it doubles with each.
        most_s: Longest.
        random: 0 to 1. Half of the wait is left to it, so that calls which failed together do not come
            back together.
    """
    if attempt <= 0:
        return 0.0
    full = min(first_s * 2.0 ** min(attempt - 1, 32), most_s)
    return full * (0.5 + random / 2)


@dataclass(slots=True)
class Breaker:
    """One endpoint's."""

    failures: int = 0
    """In a row."""
    rests: int = 0
    """In a row, by which the rest grows."""
    open_until: float = 0.0
    """s, monotonic; 0 while closed."""
    trial_until: float = 0.0
    """While somebody tries whether it is well again; 0 when nobody does."""

    def admits(self, now: float) -> bool:
        """Whether a session may be opened."""
        return not self.open_until or (now >= self.open_until and now >= self.trial_until)

    def ready_at(self, now: float) -> float:
        """When it may be tried at the earliest, s."""
        return now if self.admits(now) else max(self.open_until, self.trial_until)

    def begin(self, now: float) -> None:
        """A session is being opened."""
        if self.open_until:
            self.trial_until = now + _TRIAL_S

    def succeeded(self) -> None:
        """One was opened."""
        self.failures = self.rests = 0
        self.open_until = self.trial_until = 0.0

    def failed(self, now: float, trip_after: int, rest_s: float) -> bool:
        """One was not. Returns whether this tripped it."""
        self.failures += 1
        if not self.open_until and self.failures < trip_after:
            return False
        if self.open_until and now < self.open_until:
            return False  # began before it tripped
        self.rests = min(self.rests + 1, 32)
        self.open_until = now + rest_s * min(2 ** (self.rests - 1), _MOST_RESTS)
        self.trial_until = 0.0
        return True


class Breakers:
    """The breakers of a process, by the endpoint's name.

    All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[str, Breaker] = {}

    def admits(self, endpoint: str, now: float) -> bool:
        """As `Breaker.admits`; so the others."""
        with self._lock:
            return self._of(endpoint).admits(now)

    def ready_at(self, endpoint: str, now: float) -> float:
        with self._lock:
            return self._of(endpoint).ready_at(now)

    def begin(self, endpoint: str, now: float) -> None:
        with self._lock:
            self._of(endpoint).begin(now)

    def succeeded(self, endpoint: str) -> None:
        with self._lock:
            self._of(endpoint).succeeded()

    def failed(self, endpoint: str, now: float, trip_after: int, rest_s: float) -> bool:
        with self._lock:
            return self._of(endpoint).failed(now, trip_after, rest_s)

    def _of(self, endpoint: str) -> Breaker:
        return self._all.setdefault(endpoint, Breaker())


SHARED = Breakers()
"""The process's."""
