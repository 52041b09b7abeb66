"""Notes in a call's timeline what a speech sounded like when it was decided about.

Thin: the evidence itself is `interruption.evidence`, and is told each window before the controller is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from antiphon.agents import timeline as tl
from antiphon.agents.interruption.evidence import AgentStand, Evidence, EvidenceTracker
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.media.router import Samples
from antiphon.agents.media.windows import level_dbfs

__all__ = ["EvidenceNotes", "event_of"]

LATEST_S = 3.0  # s after its voice at which a speech is no longer what a decision is about; chosen


class EvidenceNotes:
    """One call's evidence and where it is noted. Media loop.

    Args:
        onset: The controller's.
        agent: How the agent's voice stands at a time, s.
        note: Notes an event.
    """

    def __init__(
        self, onset: OnsetDetector, agent: Callable[[float], AgentStand], note: Callable[[tl.Event], None]
    ) -> None:
        self._tracker = EvidenceTracker(onset, agent)
        self._note = note
        self.lose = self._tracker.lose
        self.evidence = self._tracker.evidence

    def window(self, at: float, window: Samples, speech: float, echo: float, level: float | None) -> None:
        """A window, before the controller has it.

        Args:
            at: Arrival of its last sample, s.
            window: Mono int16, 16 kHz, shape (512,).
            speech: The detector's probability, 0 to 1.
            echo: Likeness to the agent's voice, 0 to 1.
            level: dBFS, where it is known already.
        """
        self._tracker.window(at, window, speech, level_dbfs(window) if level is None else level, echo=echo)

    def decided(self, now: float) -> None:
        """The floor was decided about: notes the speech that it was about, if there is one."""
        evidence = self._tracker.evidence(now)
        if evidence.speech and evidence.quiet_s <= LATEST_S:
            self._note(event_of(evidence, now))


def event_of(evidence: Evidence, now: float) -> tl.Evidence:
    """The evidence as an event; what is infinite as None."""
    agent = evidence.agent
    return tl.Evidence(
        at=now,
        speech=evidence.speech,
        age_s=evidence.age_s,
        voiced_s=evidence.voiced_s,
        quiet_s=evidence.quiet_s,
        starts=evidence.starts,
        snr_db=evidence.snr_db,
        echo=evidence.echo,
        speech_mean=evidence.speech_mean,
        speech_sure=evidence.speech_sure,
        pitched=evidence.pitched,
        pitch_hz=evidence.pitch_hz,
        pitch_slope_st_s=evidence.pitch_slope_st_s,
        syllables=evidence.syllables,
        steady_s=evidence.steady_s,
        flatness=evidence.flatness,
        agent_quiet_s=_finite(agent.quiet_s),
        agent_left_s=_finite(agent.left_s),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
