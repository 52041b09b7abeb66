"""Which of the actions that are asked for are begun now. Pure.

`reconcile` asks for an action as long as its effect is not to be seen. Here each is begun once at a time,
left to take effect, begun again later after each failure, and the whole kept below a rate: what is asked
for first is begun first, and the rest is asked for again at the next look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from antiphon.agents.errors import ConfigError
from antiphon.workers.dispatcher.actions import Action

__all__ = ["Throttle"]


@dataclass(slots=True)
class _Effort:
    """What was done for a key."""

    action: Action
    began_at: float
    working: bool = True
    failures: int = 0
    not_before: float = 0.0


class Throttle:
    """Keeps a dispatcher from asking a server the same thing again and again.

    Args:
        settle_s: Time that an action gets to show its effect before it is begun again, s.
        back_off_s: Wait after a first failure, s; doubled by each further one in a row.
        most_s: Longest such wait, s.
        rate: Actions per second, in the long run.
        burst: Actions that may be begun at once.
        stuck_s: Time after which an action that neither succeeded nor failed counts as failed, s.

    Raises:
        ConfigError: A value is not above 0.
    """

    def __init__(
        self,
        *,
        settle_s: float = 1.0,
        back_off_s: float = 0.25,
        most_s: float = 10.0,
        rate: float = 100.0,
        burst: int = 50,
        stuck_s: float = 15.0,
    ) -> None:
        for name, value in (("rate", rate), ("burst", burst), ("settle_s", settle_s), ("stuck_s", stuck_s)):
            if not value > 0:
                raise ConfigError(f"Throttle({name})", value, "more than 0")
        self._settle_s = settle_s
        self._back_off_s = back_off_s
        self._most_s = most_s
        self._rate = rate
        self._burst = float(burst)
        self._stuck_s = stuck_s
        self._tokens = self._burst
        self._filled_at: float | None = None
        self._efforts: dict[str, _Effort] = {}

    def admit(self, actions: Iterable[Action], now: float) -> list[Action]:
        """Those to begin now; each is noted as begun.

        Args:
            actions: What is asked for, the most urgent first.
            now: s.
        """
        self._fill(now)
        admitted = []
        for action in actions:
            if self._tokens < 1:
                break
            effort = self._efforts.get(action.key)
            if effort is not None and not self._due(effort, action, now):
                continue
            failures = effort.failures if effort is not None else 0
            if effort is not None and effort.working:
                failures += 1  # it never came back
            self._efforts[action.key] = _Effort(action, now, failures=failures)
            self._tokens -= 1
            admitted.append(action)
        return admitted

    def succeeded(self, action: Action, now: float) -> None:
        """An action was carried out; its effect is still to be seen."""
        effort = self._efforts.get(action.key)
        if effort is not None and effort.action == action:
            effort.working = False
            effort.failures = 0
            effort.not_before = now + self._settle_s

    def failed(self, action: Action, now: float, jitter: float) -> None:
        """An action came to nothing.

        Args:
            action: Which.
            now: s.
            jitter: 0 to 1, drawn by the caller: how much of half the wait is added.
        """
        effort = self._efforts.get(action.key)
        if effort is not None and effort.action == action:
            wait = min(self._back_off_s * 2.0**effort.failures, self._most_s)
            effort.working = False
            effort.failures += 1
            effort.not_before = now + wait * (1.0 + jitter / 2)

    def wake_at(self, actions: Iterable[Action], now: float) -> float | None:
        """When the first of some actions that were not admitted may be begun, s."""
        times = []
        for action in actions:
            effort = self._efforts.get(action.key)
            if effort is None or self._due(effort, action, now):
                times.append(now + max(1.0 - self._tokens, 0.0) / self._rate)
            else:
                times.append(effort.began_at + self._stuck_s if effort.working else effort.not_before)
        return min(times, default=None)

    def forget(self, before: float) -> None:
        """Drops what was begun before a time and is not being worked at."""
        self._efforts = {
            key: effort
            for key, effort in self._efforts.items()
            if effort.working or effort.began_at >= before
        }

    def _due(self, effort: _Effort, action: Action, now: float) -> bool:
        if effort.working:
            return now >= effort.began_at + self._stuck_s
        if action != effort.action and not effort.failures:
            return now >= effort.began_at + self._settle_s  # another value for the same thing
        return now >= effort.not_before

    def _fill(self, now: float) -> None:
        if self._filled_at is not None:
            passed = max(now - self._filled_at, 0.0)
            self._tokens = min(self._tokens + passed * self._rate, self._burst)
        self._filled_at = now
