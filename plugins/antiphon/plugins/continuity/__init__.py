"""Calls that outlive their model sessions.

    VoiceSession(llm=ContinuousModel([openai.realtime(), elsewhere]))

A session is handed over to a fresh one ahead of the provider's cap and when the conversation grows long,
at a quiet moment; one that fails is replaced, by the next model where that is better.
"""

from antiphon.plugins.continuity.breaker import Breakers
from antiphon.plugins.continuity.events import Counters, Failover, Handoff
from antiphon.plugins.continuity.ledger import shortened
from antiphon.plugins.continuity.model import ContinuousModel
from antiphon.plugins.continuity.options import Continuity
from antiphon.plugins.continuity.session import ContinuousSession

__all__ = [
    "Breakers",
    "Continuity",
    "ContinuousModel",
    "ContinuousSession",
    "Counters",
    "Failover",
    "Handoff",
    "shortened",
]
