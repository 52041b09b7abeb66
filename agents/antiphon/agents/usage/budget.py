"""What a call may cost: `Budget`, and the decision when to warn and when to end.

Pure: what was spent is an argument. `BudgetWatch.spent` returns what is news; each measure warns once, and
the end comes once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from antiphon.agents.errors import ConfigError

__all__ = ["Budget", "BudgetNotice", "BudgetWatch"]

Measure = Literal["usd", "minutes"]

_GOODBYE = (
    "The time for this call is over. Say so in one friendly sentence, say goodbye, and ask nothing more."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of one call; at least one of ``usd`` and ``minutes``.

    Raises:
        ConfigError: There is no limit, or a value is outside its range.
    """

    usd: float | None = None
    """US dollars, by the price table. What has no price is not counted, and a warning is logged."""
    minutes: float | None = None
    """Minutes from the session's start."""
    warn_at: float = 0.8
    """Share of a limit at which ``budget_warning`` is told, 0 to 1."""
    goodbye: str = _GOODBYE
    """Instructions for the agent's last words."""
    finish_s: float = 8.0
    """How long what the agent is saying may go on at the limit before it is cut short, s; chosen."""
    end_within_s: float = 20.0
    """How long the last words may take before the call is ended without them, s; chosen."""

    def __post_init__(self) -> None:
        if self.usd is None and self.minutes is None:
            raise ConfigError("Budget", None, "usd or minutes, or both")
        for name in ("usd", "minutes"):
            value = getattr(self, name)
            if value is not None and not (_number(value) and value > 0):
                raise ConfigError(f"Budget.{name}", value, "more than 0")
        if not (_number(self.warn_at) and 0 < self.warn_at <= 1):
            raise ConfigError("Budget.warn_at", self.warn_at, "more than 0, up to 1")
        for name in ("finish_s", "end_within_s"):
            value = getattr(self, name)
            if not (_number(value) and 0 <= value <= 300):
                raise ConfigError(f"Budget.{name}", value, "0 to 300 s")
        if not self.goodbye.strip():
            raise ConfigError("Budget.goodbye", self.goodbye, "instructions for the last words")


@dataclass(frozen=True, slots=True)
class BudgetNotice:
    """A share of a limit that matters was used up."""

    of: Measure
    spent: float
    """US dollars or minutes."""
    limit: float
    ending: bool
    """Whether the call ends for it; else it is the warning."""

    @property
    def share(self) -> float:
        """Of the limit, 1 for all of it."""
        return self.spent / self.limit


class BudgetWatch:
    """One call's budget.

    Args:
        budget: The limits.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._warned: set[Measure] = set()
        self.over = False
        """Whether the end was told."""

    def spent(self, usd: float, minutes: float) -> tuple[BudgetNotice, ...]:
        """What is news at so much spent: warnings, and at most once the end. Nothing after that."""
        if self.over:
            return ()
        notices: list[BudgetNotice] = []
        limits: tuple[tuple[Measure, float, float | None], ...] = (
            ("usd", usd, self.budget.usd),
            ("minutes", minutes, self.budget.minutes),
        )
        for of, spent, limit in limits:
            if limit is None:
                continue
            if spent >= limit and not self.over:
                self.over = True
                notices.append(BudgetNotice(of, spent, limit, True))
            elif spent >= limit * self.budget.warn_at and of not in self._warned and not self.over:
                self._warned.add(of)
                notices.append(BudgetNotice(of, spent, limit, False))
        return tuple(notices)

    def next_minutes(self, minutes: float) -> float | None:
        """At how many minutes to look again, by the limit in minutes alone; None for never."""
        limit = self.budget.minutes
        if limit is None or self.over:
            return None
        warn = limit * self.budget.warn_at
        return limit if "minutes" in self._warned or minutes >= warn else warn


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
