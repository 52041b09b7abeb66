"""What the `InterruptionController` asks of its shell. Carried out in order, none of them answered.

The person's audio is in one of three places, and the actions move it: nowhere (only the shell's ring of
the last ``pre_roll_s``), kept locally (after `BufferTurn`), or at the model (gate open). Whoever opens
the gate never sends a sample twice: a pre-roll that reaches back into what was sent already begins
after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.agents.interruption.judges import Occasion

__all__ = [
    "Action",
    "AskJudges",
    "AskTurnEnd",
    "BufferTurn",
    "CloseGate",
    "CommitTurn",
    "DiscardTurn",
    "HoldPlayout",
    "OpenGate",
    "ReleaseTurn",
    "ReportSpeech",
    "ReportStall",
    "ResumePlayout",
    "YieldFloor",
]


@dataclass(frozen=True, slots=True)
class HoldPlayout:
    """Fall silent now; keep what is unheard and what still arrives. Nothing is cancelled."""

    ducked: bool = False
    """Go on instead, lower by ``duck_db``; a hold without it may follow."""


@dataclass(frozen=True, slots=True)
class ResumePlayout:
    """Go on from the very sample at which the playout was held."""

    reason: str


@dataclass(frozen=True, slots=True)
class YieldFloor:
    """Flush the playout at once, cancel the response and cut the model's memory to what was heard.

    Ends a hold, unless the reply waited behind another that is in the person's ear. One for the reply
    in the ear and, with nothing heard, one for each that waited behind it; at most one for each reply.
    """

    reply_id: str
    heard_samples: int
    """As last reported for this reply; 0 if it never started."""
    reason: str


@dataclass(frozen=True, slots=True)
class AskJudges:
    """Have the judges look at the speech that is on; `OpinionReached` answers, one for each."""

    speech: int
    """Its number, for the answer."""
    occasion: Occasion
    voiced_s: float
    """Voice in it so far, s."""
    quiet_s: float
    """Since its last voice, s."""


@dataclass(frozen=True, slots=True)
class AskTurnEnd:
    """Have it estimated whether the turn is over; `EndOfTurnEstimated` answers."""

    pause: int
    """Its number, for the answer."""
    quiet_s: float
    """Since its last voice, s."""


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Send the pre-roll and then the live audio to the model."""


@dataclass(frozen=True, slots=True)
class CloseGate:
    """Send and keep no more audio. Comes before a commit or discard if the gate is still open."""


@dataclass(frozen=True, slots=True)
class BufferTurn:
    """Keep the audio locally from the pre-roll on; the model gets nothing yet."""


@dataclass(frozen=True, slots=True)
class ReleaseTurn:
    """Send what was kept, pre-roll included, and then the live audio: the gate is open."""


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The person's turn is complete at the model: have it answered."""

    speech_ended_at: float
    """Arrival of its last voiced sample, s, the events' clock."""


@dataclass(frozen=True, slots=True)
class DiscardTurn:
    """Drop what was kept, and what the model holds uncommitted if the gate had been open for it."""

    reason: str
    as_if_unheard: bool = False
    """What was kept may be the pre-roll of the next turn: a key that bounced loses no syllable."""


@dataclass(frozen=True, slots=True)
class ReportSpeech:
    """The person began or stopped speaking: for the user state and the timeline."""

    speaking: bool
    at: float
    """When the voice itself began or ended, s, the events' clock; earlier than the finding of it."""
    over_agent: bool
    """Whether a reply of the agent's was being heard, held ones included."""


@dataclass(frozen=True, slots=True)
class ReportStall:
    """A reply neither came nor went on, and the agent no longer counts as thinking or speaking. Should
    it be heard after all, it counts again."""

    reply_id: str


Action = (
    AskJudges
    | AskTurnEnd
    | HoldPlayout
    | ResumePlayout
    | YieldFloor
    | OpenGate
    | CloseGate
    | BufferTurn
    | ReleaseTurn
    | CommitTurn
    | DiscardTurn
    | ReportSpeech
    | ReportStall
)
