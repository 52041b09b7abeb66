"""What the core is told, and what it wants done.

Facts are past tense and carry ``now``, s of one monotonic clock. A *line* is one session of a wrapped
model, by a number that is never used again; a *reply* is one that the application waits for, by a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from antiphon.plugins.continuity.failures import Failure

__all__ = [
    "Action",
    "Ask",
    "Cleared",
    "CloseLine",
    "Committed",
    "ContextGrew",
    "DeadlineReached",
    "Fact",
    "FailReply",
    "GiveUp",
    "HandoffRequested",
    "Leave",
    "LimitKnown",
    "LineFailed",
    "LineOpened",
    "LineOutdated",
    "OpenLine",
    "Reason",
    "ReplyAsked",
    "ReplyFailed",
    "ReplyOver",
    "ReplyProgressed",
    "Started",
    "SyncLine",
    "TakeOver",
    "Transcribed",
    "VoiceHeard",
]


class Reason(Enum):
    """Why a line takes over."""

    FIRST = "first"
    CAP = "cap"
    """The one before comes to its longest duration."""
    COMPACTION = "compaction"
    """The conversation had grown long; the new line has it shortened."""
    PREFERRED = "preferred"
    """A model that comes earlier in the list is well again."""
    REQUESTED = "requested"
    """The application asked for it."""
    FAILURE = "failure"
    """The one before failed."""


@dataclass(frozen=True, slots=True)
class _At:
    now: float


@dataclass(frozen=True, slots=True)
class _OfLine(_At):
    line: int


@dataclass(frozen=True, slots=True)
class _OfReply(_At):
    reply: str


class Started(_At):
    """The call began."""


class DeadlineReached(_At):
    """The time that `Core.deadline` gave has come."""


class LineOpened(_OfLine):
    """It is open, and has the conversation as it is."""


class LineOutdated(_OfLine):
    """The conversation went on since a waiting line was given it."""


@dataclass(frozen=True, slots=True)
class LineFailed(_OfLine):
    """It did not open, or is gone."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class LimitKnown(_OfLine):
    """The provider said how long the line has left, s."""

    remaining_s: float


@dataclass(frozen=True, slots=True)
class ContextGrew(_At):
    """Size of the conversation: its items, and the last reply's tokens of input (0: not known)."""

    items: int
    tokens: int = 0


class HandoffRequested(_At):
    """The application wants a fresh session."""


class VoiceHeard(_At):
    """The person's voice went to the model and is not committed."""


@dataclass(frozen=True, slots=True)
class Committed(_At):
    """The person's turn was committed."""

    transcript_due: bool
    """Whether the provider will tell what was said."""


class Transcribed(_At):
    """The last committed turn's words came, or will never."""


class Cleared(_At):
    """What was uncommitted was thrown away."""


@dataclass(frozen=True, slots=True)
class ReplyAsked(_OfReply):
    """A line was asked for it; None when there is no line and it waits."""

    line: int | None


class ReplyProgressed(_OfReply):
    """Something of it came."""


@dataclass(frozen=True, slots=True)
class ReplyFailed(_OfReply):
    """It was not made, by a line that goes on."""

    failure: Failure


class ReplyOver(_OfReply):
    """The application has all of it, or wants no more."""


@dataclass(frozen=True, slots=True)
class OpenLine:
    """Open a session of the ``endpoint``-th model and give it the conversation."""

    line: int
    endpoint: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class SyncLine:
    """Give a waiting line what was said since; `LineOpened` follows."""

    line: int


@dataclass(frozen=True, slots=True)
class TakeOver:
    """From now on the person's audio and new replies go to this line."""

    line: int
    reason: Reason
    forced: bool
    """Not at a quiet moment."""
    failure: Failure | None = None
    """Of the one before."""
    lost_for_s: float = 0.0
    """Time without a line, s."""


@dataclass(frozen=True, slots=True)
class Leave:
    """A line failed: nothing goes to it or comes from it any more. What it owed is owed by the next."""

    line: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class CloseLine:
    """A line is no longer needed."""

    line: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for a reply again."""

    reply: str


@dataclass(frozen=True, slots=True)
class FailReply:
    """A reply will not come."""

    reply: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No session can be had. Nothing follows."""

    failure: Failure


Fact = (
    Started
    | DeadlineReached
    | LineOpened
    | LineOutdated
    | LineFailed
    | LimitKnown
    | ContextGrew
    | HandoffRequested
    | VoiceHeard
    | Committed
    | Transcribed
    | Cleared
    | ReplyAsked
    | ReplyProgressed
    | ReplyFailed
    | ReplyOver
)
Action = OpenLine | SyncLine | TakeOver | Leave | CloseLine | Ask | FailReply | GiveUp
