"""What a call used so far, by model and tier, and what that costs.

`UsageMeter` is told livekit-agents' sums (`session_usage_updated`) and, for models that no session knows
of, single metrics; `UsageMeter.report` puts them together with the prices. Money that is not known is
None and the models concerned are named: nothing is guessed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from livekit.agents.metrics import AgentMetrics, AgentSessionUsage, ModelUsageCollector

from antiphon.agents.usage.prices import PriceTable
from antiphon.agents.usage.tokens import ModelUse

__all__ = ["Tiered", "UsageLine", "UsageMeter", "UsageReport"]


@runtime_checkable
class Tiered(Protocol):
    """A model made of several, each a tier of its own."""

    @property
    def tier_names(self) -> Mapping[str, str]:
        """The tier of each model, by the model's name."""


@dataclass(frozen=True, slots=True)
class UsageLine:
    """One model's part of a call."""

    tier: str
    """As whom it served; empty for the call's only one."""
    provider: str
    model: str
    use: ModelUse
    usd: float | None
    """US dollars; None where there is no price."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What a call used."""

    call_s: float
    person_audio_s: float
    """The person's audio that went to the model, s."""
    agent_audio_s: float
    """The agent's voice that was heard, s."""
    lines: tuple[UsageLine, ...]
    prices_as_of: str
    """The price table's date, ISO 8601."""

    @property
    def total(self) -> ModelUse:
        """All models together."""
        return sum((line.use for line in self.lines), ModelUse())

    @property
    def usd(self) -> float | None:
        """US dollars; None if a model has no price, for then it is more than is known."""
        return None if self.unpriced else self.known_usd

    @property
    def known_usd(self) -> float:
        """US dollars of the models that have a price."""
        return sum(line.usd for line in self.lines if line.usd is not None)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The models without a price."""
        return tuple(dict.fromkeys(line.model or "unknown" for line in self.lines if line.usd is None))

    @property
    def cached_share(self) -> float:
        """Of the tokens in, 0 to 1."""
        total = self.total
        return total.cached / total.tokens_in if total.tokens_in else 0.0

    def by_tier(self) -> dict[str, tuple[ModelUse, float | None]]:
        """Use and US dollars of each tier; None where one of its models has no price."""
        made: dict[str, tuple[ModelUse, float | None]] = {}
        for line in self.lines:
            use, usd = made.get(line.tier, (ModelUse(), 0.0))
            made[line.tier] = (use + line.use, None if usd is None or line.usd is None else usd + line.usd)
        return made

    def __str__(self) -> str:
        """One line for people."""
        total = self.total
        minutes = f"{self.call_s / 60:.1f} min, {total.tokens_in} tokens in"
        cached = f" ({self.cached_share:.0%} cached)" if total.tokens_in else ""
        return f"{minutes}{cached}, {total.tokens_out} out, {self.money}"

    @property
    def money(self) -> str:
        """What it cost, in words."""
        if not self.unpriced:
            return f"${self.known_usd:.4f} by prices of {self.prices_as_of}"
        known = f"${self.known_usd:.4f} and " if self.known_usd else ""
        return f"{known}no price known of {', '.join(self.unpriced)}"


class UsageMeter:
    """One call's.

    Args:
        prices: What models cost.
    """

    def __init__(self, prices: PriceTable) -> None:
        self.prices = prices
        self.tiers: dict[str, str] = {}
        """The tier of each model, by the model's name."""
        self._session = AgentSessionUsage(model_usage=[])
        self._others: dict[str, ModelUsageCollector] = {}
        self._lock = threading.Lock()
        self._person_s = 0.0
        self._agent_s = 0.0

    def update(self, usage: AgentSessionUsage) -> None:
        """Takes a session's sums, which replace those before."""
        self._session = usage

    def collect(self, metrics: AgentMetrics, *, tier: str = "") -> None:
        """Takes one metric of a model that the session does not know of, such as one asked by a tool."""
        self._others.setdefault(tier, ModelUsageCollector()).collect(metrics)

    def heard(self, *, person_s: float = 0.0, agent_s: float = 0.0) -> None:
        """Adds audio: the person's that went to the model, the agent's that was heard, s. Any thread."""
        with self._lock:
            self._person_s += person_s
            self._agent_s += agent_s

    def report(self, call_s: float) -> UsageReport:
        """All so far.

        Args:
            call_s: Length of the call, s.
        """
        groups = [("", self._session.model_usage)]
        groups += [(tier, others.flatten()) for tier, others in self._others.items()]
        lines: list[UsageLine] = []
        for tier, usages in groups:
            for usage in usages:
                use = ModelUse.of(usage)
                if not use.anything:
                    continue
                price = self.prices.find(usage.model, usage.provider)
                usd = None if price is None else price.cost(use)
                named = tier or self.tiers.get(usage.model, "")
                lines.append(UsageLine(named, usage.provider, usage.model, use, usd))
        with self._lock:
            person_s, agent_s = self._person_s, self._agent_s
        return UsageReport(call_s, person_s, agent_s, tuple(lines), self.prices.as_of.isoformat())
