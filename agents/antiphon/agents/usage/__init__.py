"""What a call uses and costs, and a budget that ends it politely.

`prices` reads the table, `tokens` sorts livekit-agents' counts by kind, `meter` puts both together,
`budget` decides, and `account` does it for one session.
"""

from antiphon.agents.usage.budget import Budget, BudgetNotice
from antiphon.agents.usage.meter import Tiered, UsageLine, UsageMeter, UsageReport
from antiphon.agents.usage.prices import ModelPrice, PriceTable, Rates
from antiphon.agents.usage.tokens import ModelUse

__all__ = [
    "Budget",
    "BudgetNotice",
    "ModelPrice",
    "ModelUse",
    "PriceTable",
    "Rates",
    "Tiered",
    "UsageLine",
    "UsageMeter",
    "UsageReport",
]
