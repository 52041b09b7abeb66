"""Interruptions, without I/O: when the agent holds, resumes and yields, and when a turn is committed."""

from antiphon.agents.interruption.arbiter import Arbiter, DurationArbiter, Opinion
from antiphon.agents.interruption.controller import InterruptionController
from antiphon.agents.interruption.fusion import FusionArbiter
from antiphon.agents.interruption.judges import Judge, Occasion, Question
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.interruption.table import TRANSITIONS, State, Trigger, mermaid
from antiphon.agents.interruption.verdicts import Verdict

__all__ = [
    "TRANSITIONS",
    "Arbiter",
    "DurationArbiter",
    "FusionArbiter",
    "InterruptionController",
    "Judge",
    "Occasion",
    "OnsetDetector",
    "Opinion",
    "Question",
    "State",
    "Trigger",
    "Verdict",
    "mermaid",
]
