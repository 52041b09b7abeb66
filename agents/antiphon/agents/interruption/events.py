"""Facts that the `InterruptionController` is told, and the deadline it asks for.

Every event is frozen and begins with ``now``: s of one monotonic clock, read once by the shell when the
thing happened (for a `VadFrame`, when its last sample arrived). Positions are samples of the reply's
audio at the playout's rate; the controller only compares them.

A ``reply_id`` names one reply of the agent's from its request to its end and is never used again: what
comes late for an id that is over changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.verdicts import Verdict
from antiphon.agents.options import TurnTaking

__all__ = [
    "ClearRequested",
    "CommitRequested",
    "Deadline",
    "DeadlineReached",
    "EndOfTurnEstimated",
    "Event",
    "InputLost",
    "InterruptRequested",
    "OpinionReached",
    "OptionsChanged",
    "PlayoutAdvanced",
    "PlayoutEnded",
    "PlayoutStarted",
    "Reason",
    "ReplyEnded",
    "ReplyRequested",
    "TurnCancelled",
    "TurnPressed",
    "TurnReleased",
    "VadFrame",
    "VerdictReached",
]


class Reason(Enum):
    """Why the controller wants to be woken."""

    VERDICT = "verdict"
    """HELD: the arbiter's deadline, or the longest hold."""
    STALL = "stall"
    """SPEAKING: the playout has not advanced for ``stall_s``."""
    THINKING = "thinking"
    """THINKING: the requested reply has not been heard for ``thinking_s``."""
    CANCEL = "cancel"
    """YIELDED: the model has not confirmed the cancel for ``cancel_s``."""
    TAIL = "tail"
    """The voice stopped ``tail_s`` ago: the gate closes."""
    ENDPOINT = "endpoint"
    """The endpointer holds the turn to be over."""
    MAX_TURN = "max_turn"
    """The turn has lasted ``max_turn_s``."""
    INPUT_GAP = "input_gap"
    """Somebody was speaking and no window came for ``input_gap_s``."""
    PRESS = "press"
    """The key has been down for ``press_min_s`` or ``max_press_s``."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When to hand a `DeadlineReached` to the controller, unless another event comes first."""

    at: float
    """s, the events' clock. May lie in the past: then at once."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class VadFrame:
    """One window of the person's audio: 32 ms, windows follow each other."""

    now: float
    speech: float
    """Probability of speech, 0 to 1."""
    echo: float = 0.0
    """How much it looks like the agent's own voice coming back, 0 to 1."""
    level_dbfs: float | None = None
    """Its level, RMS, 0 for a full-scale square wave; None where it is not known."""
    voicing: float = 0.0
    """How much it sounds like a voice by its pitch, 0 to 1; 0 where that was not looked at."""


@dataclass(frozen=True, slots=True)
class InputLost:
    """The person's audio stopped: track muted or gone, participant left. Ends any speech at once."""

    now: float


@dataclass(frozen=True, slots=True)
class ReplyRequested:
    """A reply is being generated; nothing of it was heard yet."""

    now: float
    reply_id: str
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first frame of a reply went to the transport."""

    now: float
    reply_id: str
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class PlayoutAdvanced:
    """More of a reply was heard. Also to be sent right after a hold, with the position it stopped at."""

    now: float
    reply_id: str
    heard_samples: int
    """Since the reply began; given to the transport and not taken back."""


@dataclass(frozen=True, slots=True)
class PlayoutEnded:
    """A reply was heard to its end."""

    now: float
    reply_id: str


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The application is through with a reply: nothing more of it will be heard."""

    now: float
    reply_id: str
    kind: Literal["done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class OpinionReached:
    """A judge has answered."""

    now: float
    speech: int | None
    """The number given with the question; an answer about another speech changes nothing. None: nobody asked,
    and it is about the speech at hand."""
    opinion: Opinion


@dataclass(frozen=True, slots=True)
class VerdictReached:
    """Somebody else has decided: a model's own turn detection, the application."""

    now: float
    verdict: Verdict
    reason: str
    speech: int | None = None
    """The number given to `Arbiter.begin`; an answer about another speech changes nothing. None: whatever
    speech waits for a verdict."""


@dataclass(frozen=True, slots=True)
class EndOfTurnEstimated:
    """An asynchronous end-of-turn model has an answer for the endpointer."""

    now: float
    probability: float
    """That the person has finished, 0 to 1."""
    pause: int | None = None
    """The number given with the question; an answer about another pause changes nothing. None: the one that
    is on."""


@dataclass(frozen=True, slots=True)
class CommitRequested:
    """The application: the person's turn is over now."""

    now: float


@dataclass(frozen=True, slots=True)
class ClearRequested:
    """The application: what the person said since the last commit is to be dropped."""

    now: float


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """The application: a reply is to end now, interruptible or not, heard or not."""

    now: float
    reply_id: str | None = None
    """Which; None for all."""


@dataclass(frozen=True, slots=True)
class TurnPressed:
    """Push-to-talk: the key went down. Nothing while it is down, or with an open microphone."""

    now: float


@dataclass(frozen=True, slots=True)
class TurnReleased:
    """Push-to-talk: the key went up, and the turn is over. Nothing when it was not down."""

    now: float


@dataclass(frozen=True, slots=True)
class TurnCancelled:
    """Push-to-talk: what was said since the press is to be dropped, and the key counts as up."""

    now: float


@dataclass(frozen=True, slots=True)
class OptionsChanged:
    """The application: other numbers from now on, or another way to take turns."""

    now: float
    options: TurnTaking


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """A deadline passed. ``reason`` is for the reader: what is due is decided by the time alone, so an
    early, late or repeated one changes nothing."""

    now: float
    reason: Reason


Event = (
    VadFrame
    | InputLost
    | ReplyRequested
    | PlayoutStarted
    | PlayoutAdvanced
    | PlayoutEnded
    | ReplyEnded
    | OpinionReached
    | VerdictReached
    | EndOfTurnEstimated
    | CommitRequested
    | ClearRequested
    | InterruptRequested
    | TurnPressed
    | TurnReleased
    | TurnCancelled
    | OptionsChanged
    | DeadlineReached
)
