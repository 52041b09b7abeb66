"""Where sessions can be had: which endpoint may be tried when. No I/O; time is an argument.

An endpoint is out for a while when it refused the key, when its breaker rests, and for a back-off after
each try that failed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from antiphon.plugins.continuity.breaker import backoff_s
from antiphon.plugins.continuity.failures import Failure, Kind
from antiphon.plugins.continuity.options import Continuity

__all__ = ["Endpoints", "Gate", "Refusals"]


class Gate(Protocol):
    """The part of `Breakers` that is used."""

    def ready_at(self, endpoint: str, now: float) -> float: ...
    def begin(self, endpoint: str, now: float) -> None: ...
    def succeeded(self, endpoint: str) -> None: ...
    def failed(self, endpoint: str, now: float, trip_after: int, rest_s: float) -> bool: ...


Refusals = dict[int, tuple[float, Failure]]
"""Endpoints that refused: until when they are left out, s, and why. Shared by a model's calls."""


@dataclass(slots=True)
class _Tries:
    """Of one endpoint since a session was last had from it."""

    count: int = 0
    not_before: float = -math.inf


class Endpoints:
    """A call's view of them.

    Args:
        names: By which their breakers are found.
        options: The numbers.
        gate: The breakers.
        random: 0 to 1, for the jitter.
        refusals: Shared by the calls of a model.
    """

    def __init__(
        self,
        names: Sequence[str],
        options: Continuity,
        gate: Gate,
        random: Callable[[], float],
        refusals: Refusals,
    ) -> None:
        self._names = names
        self._options = options
        self._gate = gate
        self._random = random
        self._refusals = refusals
        self._tries = [_Tries() for _ in names]

    def __len__(self) -> int:
        return len(self._names)

    def ready_at(self, endpoint: int, now: float) -> float:
        """When it may be tried, s."""
        if self._is_refused(endpoint, now):
            return self._refusals[endpoint][0]
        return max(self._gate.ready_at(self._names[endpoint], now), self._tries[endpoint].not_before)

    def can(self, endpoint: int, now: float) -> bool:
        """Whether it may be tried now."""
        return self.ready_at(endpoint, now) <= now

    def pick(self, prefer: Sequence[int], now: float) -> int | None:
        """The first of some that may be tried now."""
        return next((endpoint for endpoint in prefer if self.can(endpoint, now)), None)

    def soonest(self, now: float) -> float:
        """When any of them may be tried, s."""
        return min(self.ready_at(endpoint, now) for endpoint in range(len(self)))

    def all_refused(self, now: float) -> Failure | None:
        """The first's refusal, when all of them refused."""
        if all(self._is_refused(endpoint, now) for endpoint in range(len(self))):
            return self._refusals[0][1]
        return None

    def preference(self, failed: int | None, failure: Failure | None) -> list[int]:
        """The order in which they are tried after one failed."""
        order = list(range(len(self)))
        if failed is None or failure is None:
            return order
        others = [endpoint for endpoint in order if endpoint != failed]
        return [*others, failed] if failure.recovery.elsewhere else [failed, *others]

    def backoff_s(self, tries: int) -> float:
        """The wait before a try, s."""
        return backoff_s(tries, self._options.retry_s, self._options.retry_most_s, self._random())

    # What is learnt of them.

    def begin(self, endpoint: int, now: float) -> None:
        """A session is being opened."""
        self._gate.begin(self._names[endpoint], now)

    def opened(self, endpoint: int) -> None:
        """One was opened."""
        self._gate.succeeded(self._names[endpoint])
        self._tries[endpoint] = _Tries()

    def failed(self, endpoint: int, failure: Failure, now: float, *, opening: bool) -> None:
        """One failed.

        Args:
            endpoint: Whose.
            failure: How.
            now: s.
            opening: It had not been open. One that was is replaced at once; one that was not waits.
        """
        options = self._options
        if failure.kind is Kind.REFUSED:
            self._refusals[endpoint] = (now + options.refused_s, failure)
        elif failure.recovery.counts or opening:
            self._gate.failed(self._names[endpoint], now, int(options.trip_after), options.rest_s)
        tries = self._tries[endpoint]
        tries.count += 1
        tries.not_before = now + self.backoff_s(tries.count if opening else tries.count - 1)

    def _is_refused(self, endpoint: int, now: float) -> bool:
        return endpoint in self._refusals and now < self._refusals[endpoint][0]
