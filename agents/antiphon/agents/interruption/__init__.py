"""Interruptions, without I/O: when the agent holds, resumes and yields, and when a turn is committed."""

from antiphon.agents.interruption.controller import InterruptionController
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.interruption.table import TRANSITIONS, State, Trigger, mermaid
from antiphon.agents.interruption.verdicts import DurationJudge, Judge, Verdict

__all__ = [
    "TRANSITIONS",
    "DurationJudge",
    "InterruptionController",
    "Judge",
    "OnsetDetector",
    "State",
    "Trigger",
    "Verdict",
    "mermaid",
]
