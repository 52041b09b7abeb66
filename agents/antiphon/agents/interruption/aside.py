"""A short sound to a silent agent: was it a turn?

A hum after the agent's last word, a cough, a laugh: a turn in length, and nothing to answer. At a pause of a
short turn that began while the agent was silent, and had spoken before, the judges are asked. Nothing waits
for them: when the turn is over and all of them have answered, their log-odds are added up, and clearly below
`DISMISS_AT` the turn is dropped. In any other case it is committed: an answer that is lost or late costs more
than a cough that is answered.

Keeps the books of one pause and decides about nothing else. No clock: times are arguments, s, monotonic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

from antiphon.agents.interruption.arbiter import Opinion

__all__ = ["DISMISS_AT", "Asides", "AsidesJudged", "log_odds"]

DISMISS_AT: Final = 0.25  # probability of a turn below which it is none; chosen
_LEAST: Final = 0.02  # a probability counts as no surer than this, or its complement


def log_odds(probability: float) -> float:
    """The log-odds of a probability, held to what a single judge may be sure of."""
    p = min(max(probability, _LEAST), 1.0 - _LEAST)
    return math.log(p / (1.0 - p))


@runtime_checkable
class AsidesJudged(Protocol):
    """An arbiter that knows who may be asked about an aside."""

    @property
    def aside_judges(self) -> Mapping[str, float]:
        """Names of the judges, and how much each one's log-odds count."""


class Asides:
    """One call's asides.

    Args:
        judges: Who is asked, and how much each one's log-odds count; nobody by default.
    """

    def __init__(self, judges: Mapping[str, float] | None = None) -> None:
        self._judges = dict(judges or {})
        self._pause: int | None = None
        self._awaited: set[str] = set()
        self._odds: dict[str, float] = {}

    def ask(self, pause: int) -> bool:
        """A pause of a turn that may be none, by its number; whether there is somebody to ask."""
        self.forget()
        if not self._judges:
            return False
        self._pause = pause
        self._awaited = set(self._judges)
        return True

    def opinion(self, pause: int, opinion: Opinion) -> None:
        """A judge's answer; one about another pause changes nothing."""
        if pause != self._pause:
            return
        self._awaited.discard(opinion.judge)
        p = opinion.probability
        if p is not None and math.isfinite(p) and 0.0 <= p <= 1.0:
            self._odds[opinion.judge] = self._judges.get(opinion.judge, 1.0) * log_odds(p)

    def dismissed(self) -> bool:
        """Whether all who were asked have answered, and say clearly that it was no turn."""
        return bool(self._odds) and not self._awaited and sum(self._odds.values()) <= log_odds(DISMISS_AT)

    def forget(self) -> None:
        """The person went on, or the turn is over."""
        self._pause = None
        self._awaited = set()
        self._odds = {}
