"""The two tables of the controller, as data.

Two small machines rather than one large one. The *floor* says what the agent is doing with it
(`State`); the *turn* says where the audio of the person's open turn is (`TurnState`). What couples
them is written in controller.py: a trigger goes to the floor first and to the turn second, and a floor
that falls silent is a trigger of the turn's (`AgentSilent`).

Rules of the tables:
1. Every pair of state and trigger is written, `IGNORE` included.
2. The rows of a pair are tried in order; the first whose guards all hold is taken. ``next`` None stays.
3. A row's effects run in order, before the state is entered.
4. QUIET rests. Every other state of the floor has a deadline with a reason: THINKING has THINKING,
   SPEAKING has STALL (re-armed by each `PlayoutAdvanced`), HELD has VERDICT, YIELDED has CANCEL. VERDICT
   is no trigger here: the controller makes it a verdict, TURN if the voice is on, else BACKCHANNEL.

A trigger is an event that passed the controller's filter (nothing about a reply that is over gets
here), a finding of the onset detector's, a verdict, or the reason of a deadline that is due.
Keep `When` and `Do` in step with the methods of the same name in controller.py; a test does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from antiphon.agents.interruption.events import (
    ClearRequested,
    CommitRequested,
    Event,
    InterruptRequested,
    PlayoutAdvanced,
    PlayoutEnded,
    PlayoutStarted,
    Reason,
    ReplyEnded,
    ReplyRequested,
)
from antiphon.agents.interruption.onset import SpeechEnded, SpeechLikely
from antiphon.agents.interruption.verdicts import Verdict

__all__ = [
    "FLOOR_TRIGGERS",
    "TRANSITIONS",
    "TURN_TRANSITIONS",
    "TURN_TRIGGERS",
    "AgentSilent",
    "Do",
    "Rule",
    "State",
    "Trigger",
    "TurnState",
    "When",
]


class State(Enum):
    """What the agent does with the floor."""

    QUIET = "quiet"
    """Nothing is heard and nothing is awaited."""
    THINKING = "thinking"
    """A reply was requested and is not heard yet."""
    SPEAKING = "speaking"
    """A reply is being heard."""
    HELD = "held"
    """The person speaks over a reply, which is silent and kept until a verdict."""
    YIELDED = "yielded"
    """The person has the floor; the model has yet to confirm the cancel."""


class TurnState(Enum):
    """Where the audio of the person's open turn is."""

    NONE = "none"
    """There is no open turn."""
    BUFFERED = "buffered"
    """Kept locally: said over the agent, and not known to be a turn."""
    LIVE = "live"
    """At the model, with the gate open."""
    PAUSED = "paused"
    """At the model; the gate closed after the tail, and the turn is not over yet."""


class AgentSilent:
    """Trigger of the turn's: the floor entered QUIET or YIELDED."""


Trigger = type[Event] | type[SpeechLikely] | type[SpeechEnded] | type[AgentSilent] | Verdict | Reason


class When(Enum):
    """Guards. ``THIS`` is the reply an event is about, ``CURRENT`` the one heard or awaited now, ``NEXT``
    the first that waits behind it."""

    HOLDABLE = "current reply interruptible"
    CONTESTED = "person speaking, this reply interruptible"
    NEXT_CONTESTED = "person speaking, next reply interruptible"
    WAITING = "another reply waits"
    THIS_CURRENT = "this reply is current"
    CURRENT_CANCELLED = "current reply cancelled"
    CURRENT_LOST = "current reply cancelled or failed"
    OTHER_LOST = "another reply cancelled or failed"
    THIS_UNINTERRUPTIBLE = "this reply uninterruptible"
    CURRENT_STARTED = "current reply was being heard"
    ALL_CANCELLED = "no cancel outstanding"
    AGENT_ACTIVE = "floor thinking, speaking or held"
    UNDECIDED = "verdict pending"
    EXCUSED = "sound judged no turn"
    SPEECH_ON = "person speaking"
    ENOUGH_VOICE = "enough voice, or asked for"


class Do(Enum):
    """Effects."""

    EXPECT = "this reply becomes current"
    TAKE = "this reply is heard"
    NEXT = "next reply becomes current"
    END = "current reply is over"
    FORGET = "this reply is over"
    STALL = "ReportStall"
    HOLD = "HoldPlayout"
    RESUME = "ResumePlayout"
    YIELD = "YieldFloor"
    CUT = "YieldFloor (current only)"
    BUFFER = "BufferTurn"
    RELEASE = "ReleaseTurn"
    OPEN = "OpenGate"
    CLOSE = "CloseGate"
    COMMIT = "CommitTurn"
    DISCARD = "DiscardTurn"
    EXCUSE = "await the end of the sound"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: where to, what to do, and when."""

    next: State | TurnState | None
    """None: the state stays."""
    do: tuple[Do, ...] = ()
    when: tuple[When, ...] = ()


Rules = tuple[Rule, ...]

IGNORE: Final[Rules] = (Rule(None),)


def _settle(*do: Do, when: tuple[When, ...] = ()) -> Rules:
    """The current reply goes; the next one that waits comes, contested or not, or the floor is quiet."""
    return (
        Rule(State.HELD, (*do, Do.NEXT, Do.HOLD), (*when, When.WAITING, When.NEXT_CONTESTED)),
        Rule(State.THINKING, (*do, Do.NEXT), (*when, When.WAITING)),
        Rule(State.QUIET, do, when),
    )


_SOUNDS: Final[Rules] = (
    Rule(State.HELD, (Do.TAKE, Do.HOLD), (When.CONTESTED,)),
    Rule(State.SPEAKING, (Do.TAKE,)),
)
_FORGET: Final[Rules] = (Rule(None, (Do.FORGET,)),)
_FORGET_LOST: Final[Rules] = (Rule(None, (Do.FORGET,), (When.OTHER_LOST,)), *IGNORE)
_YIELD: Final[Rules] = (Rule(State.YIELDED, (Do.YIELD,)),)
_YIELD_IF_HOLDABLE: Final[Rules] = (Rule(State.YIELDED, (Do.YIELD,), (When.HOLDABLE,)), *IGNORE)
_HOLD: Final[Rules] = (Rule(State.HELD, (Do.HOLD,), (When.HOLDABLE,)), *IGNORE)

FLOOR_TRIGGERS: Final[tuple[Trigger, ...]] = (
    SpeechLikely, SpeechEnded,
    ReplyRequested, PlayoutStarted, PlayoutAdvanced, PlayoutEnded, ReplyEnded,
    Verdict.TURN, Verdict.BACKCHANNEL, InterruptRequested,
    Reason.THINKING, Reason.STALL, Reason.CANCEL,
)  # fmt: skip

TRANSITIONS: dict[tuple[State, Trigger], Rules] = {
    (State.QUIET, SpeechLikely): IGNORE,
    (State.QUIET, SpeechEnded): IGNORE,
    (State.QUIET, ReplyRequested): (
        Rule(State.HELD, (Do.EXPECT, Do.HOLD), (When.CONTESTED,)),
        Rule(State.THINKING, (Do.EXPECT,)),
    ),
    (State.QUIET, PlayoutStarted): _SOUNDS,
    (State.QUIET, PlayoutAdvanced): _SOUNDS,  # one that stalled goes on
    (State.QUIET, PlayoutEnded): _FORGET,
    (State.QUIET, ReplyEnded): _FORGET_LOST,
    (State.QUIET, Verdict.TURN): IGNORE,
    (State.QUIET, Verdict.BACKCHANNEL): IGNORE,
    (State.QUIET, InterruptRequested): (Rule(None, (Do.YIELD,)),),  # whatever stalled
    (State.QUIET, Reason.THINKING): IGNORE,
    (State.QUIET, Reason.STALL): IGNORE,
    (State.QUIET, Reason.CANCEL): IGNORE,
    #
    (State.THINKING, SpeechLikely): _HOLD,
    (State.THINKING, SpeechEnded): IGNORE,
    (State.THINKING, ReplyRequested): IGNORE,  # it waits
    (State.THINKING, PlayoutStarted): _SOUNDS,
    (State.THINKING, PlayoutAdvanced): _SOUNDS,
    (State.THINKING, PlayoutEnded): (*_settle(Do.END, when=(When.THIS_CURRENT,)), *_FORGET),
    (State.THINKING, ReplyEnded): (*_settle(Do.END, when=(When.CURRENT_LOST,)), *_FORGET_LOST),
    (State.THINKING, Verdict.TURN): _YIELD_IF_HOLDABLE,  # an excused sound became words
    (State.THINKING, Verdict.BACKCHANNEL): IGNORE,
    (State.THINKING, InterruptRequested): _YIELD,
    (State.THINKING, Reason.THINKING): _settle(Do.STALL),
    (State.THINKING, Reason.STALL): IGNORE,
    (State.THINKING, Reason.CANCEL): IGNORE,
    #
    (State.SPEAKING, SpeechLikely): _HOLD,
    (State.SPEAKING, SpeechEnded): IGNORE,
    (State.SPEAKING, ReplyRequested): IGNORE,  # it waits
    (State.SPEAKING, PlayoutStarted): _SOUNDS,
    (State.SPEAKING, PlayoutAdvanced): (Rule(None, (), (When.THIS_CURRENT,)), *_SOUNDS),
    (State.SPEAKING, PlayoutEnded): (*_settle(Do.END, when=(When.THIS_CURRENT,)), *_FORGET),
    # What a failed reply sent before it failed is heard to its end; a cancelled one stops.
    (State.SPEAKING, ReplyEnded): (*_settle(Do.CUT, when=(When.CURRENT_CANCELLED,)), *_FORGET_LOST),
    (State.SPEAKING, Verdict.TURN): _YIELD_IF_HOLDABLE,
    (State.SPEAKING, Verdict.BACKCHANNEL): IGNORE,
    (State.SPEAKING, InterruptRequested): _YIELD,
    (State.SPEAKING, Reason.THINKING): IGNORE,
    (State.SPEAKING, Reason.STALL): _settle(Do.STALL),
    (State.SPEAKING, Reason.CANCEL): IGNORE,
    #
    (State.HELD, SpeechLikely): IGNORE,
    (State.HELD, SpeechEnded): IGNORE,
    (State.HELD, ReplyRequested): IGNORE,  # it waits
    (State.HELD, PlayoutStarted): (
        Rule(State.SPEAKING, (Do.TAKE, Do.RESUME), (When.THIS_UNINTERRUPTIBLE,)),
        Rule(None, (Do.TAKE,)),
    ),
    (State.HELD, PlayoutAdvanced): IGNORE,  # what was heard before the hold took effect
    # The hold came too late to keep any of it: lift it, or the next reply would be silent.
    (State.HELD, PlayoutEnded): (*_settle(Do.RESUME, Do.END, when=(When.THIS_CURRENT,)), *_FORGET),
    (State.HELD, ReplyEnded): (*_settle(Do.CUT, when=(When.CURRENT_CANCELLED,)), *_FORGET_LOST),
    (State.HELD, Verdict.TURN): _YIELD,
    (State.HELD, Verdict.BACKCHANNEL): (
        Rule(State.SPEAKING, (Do.RESUME,), (When.CURRENT_STARTED,)),
        Rule(State.THINKING, (Do.RESUME,)),
    ),
    (State.HELD, InterruptRequested): _YIELD,
    (State.HELD, Reason.THINKING): IGNORE,
    (State.HELD, Reason.STALL): IGNORE,
    (State.HELD, Reason.CANCEL): IGNORE,
    #
    (State.YIELDED, SpeechLikely): IGNORE,
    (State.YIELDED, SpeechEnded): IGNORE,
    (State.YIELDED, ReplyRequested): IGNORE,  # it waits until the cancel is confirmed
    (State.YIELDED, PlayoutStarted): _SOUNDS,
    (State.YIELDED, PlayoutAdvanced): _SOUNDS,
    (State.YIELDED, PlayoutEnded): _FORGET,
    (State.YIELDED, ReplyEnded): (*_settle(when=(When.ALL_CANCELLED,)), *_FORGET_LOST),
    (State.YIELDED, Verdict.TURN): IGNORE,
    (State.YIELDED, Verdict.BACKCHANNEL): IGNORE,
    (State.YIELDED, InterruptRequested): IGNORE,
    (State.YIELDED, Reason.THINKING): IGNORE,
    (State.YIELDED, Reason.STALL): IGNORE,
    (State.YIELDED, Reason.CANCEL): _settle(),
}

TURN_TRIGGERS: Final[tuple[Trigger, ...]] = (
    SpeechLikely, SpeechEnded, AgentSilent, Verdict.TURN, Verdict.BACKCHANNEL,
    Reason.TAIL, Reason.ENDPOINT, Reason.MAX_TURN, CommitRequested, ClearRequested,
)  # fmt: skip

_DISCARD: Final[Rules] = (Rule(TurnState.NONE, (Do.DISCARD,)),)
_COMMIT_OR_DROP: Final[Rules] = (
    Rule(TurnState.NONE, (Do.CLOSE, Do.COMMIT), (When.ENOUGH_VOICE,)),
    Rule(TurnState.NONE, (Do.CLOSE, Do.DISCARD)),
)

TURN_TRANSITIONS: dict[tuple[TurnState, Trigger], Rules] = {
    (TurnState.NONE, SpeechLikely): (
        Rule(TurnState.BUFFERED, (Do.BUFFER,), (When.AGENT_ACTIVE,)),
        Rule(TurnState.LIVE, (Do.OPEN,)),
    ),
    (TurnState.NONE, SpeechEnded): IGNORE,
    (TurnState.NONE, AgentSilent): IGNORE,
    (TurnState.NONE, Verdict.TURN): IGNORE,
    (TurnState.NONE, Verdict.BACKCHANNEL): IGNORE,
    (TurnState.NONE, Reason.TAIL): IGNORE,
    (TurnState.NONE, Reason.ENDPOINT): IGNORE,
    (TurnState.NONE, Reason.MAX_TURN): IGNORE,
    (TurnState.NONE, CommitRequested): IGNORE,  # nothing was said
    (TurnState.NONE, ClearRequested): IGNORE,
    #
    (TurnState.BUFFERED, SpeechLikely): (
        Rule(None, (), (When.AGENT_ACTIVE,)),
        Rule(None, (), (When.UNDECIDED,)),
        Rule(TurnState.LIVE, (Do.RELEASE,)),  # began under uninterruptible speech, goes on after it
    ),
    (TurnState.BUFFERED, SpeechEnded): (Rule(TurnState.NONE, (Do.DISCARD,), (When.EXCUSED,)), *IGNORE),
    (TurnState.BUFFERED, AgentSilent): (
        Rule(None, (), (When.UNDECIDED,)),
        Rule(None, (), (When.EXCUSED,)),
        Rule(TurnState.LIVE, (Do.RELEASE,), (When.SPEECH_ON,)),
        *IGNORE,
    ),
    (TurnState.BUFFERED, Verdict.TURN): (Rule(TurnState.LIVE, (Do.RELEASE,)),),
    (TurnState.BUFFERED, Verdict.BACKCHANNEL): (
        Rule(None, (Do.EXCUSE,), (When.SPEECH_ON,)),
        *_DISCARD,
    ),
    (TurnState.BUFFERED, Reason.TAIL): IGNORE,
    (TurnState.BUFFERED, Reason.ENDPOINT): _DISCARD,
    (TurnState.BUFFERED, Reason.MAX_TURN): _DISCARD,
    # By then a verdict has released it, unless the agent cannot be interrupted.
    (TurnState.BUFFERED, CommitRequested): (Rule(TurnState.LIVE, (Do.RELEASE,)),),
    (TurnState.BUFFERED, ClearRequested): _DISCARD,
    #
    (TurnState.LIVE, SpeechLikely): IGNORE,  # went on within its tail
    (TurnState.LIVE, SpeechEnded): IGNORE,
    (TurnState.LIVE, AgentSilent): IGNORE,
    (TurnState.LIVE, Verdict.TURN): IGNORE,
    (TurnState.LIVE, Verdict.BACKCHANNEL): IGNORE,  # began before the agent spoke: still a turn
    (TurnState.LIVE, Reason.TAIL): (Rule(TurnState.PAUSED, (Do.CLOSE,)),),
    (TurnState.LIVE, Reason.ENDPOINT): _COMMIT_OR_DROP,
    (TurnState.LIVE, Reason.MAX_TURN): _COMMIT_OR_DROP,
    (TurnState.LIVE, CommitRequested): IGNORE,  # its endpoint is now
    (TurnState.LIVE, ClearRequested): (Rule(TurnState.NONE, (Do.CLOSE, Do.DISCARD)),),
    #
    (TurnState.PAUSED, SpeechLikely): (Rule(TurnState.LIVE, (Do.OPEN,)),),
    (TurnState.PAUSED, SpeechEnded): IGNORE,
    (TurnState.PAUSED, AgentSilent): IGNORE,
    (TurnState.PAUSED, Verdict.TURN): IGNORE,
    (TurnState.PAUSED, Verdict.BACKCHANNEL): IGNORE,
    (TurnState.PAUSED, Reason.TAIL): IGNORE,
    (TurnState.PAUSED, Reason.ENDPOINT): (
        Rule(TurnState.NONE, (Do.COMMIT,), (When.ENOUGH_VOICE,)),
        *_DISCARD,
    ),
    (TurnState.PAUSED, Reason.MAX_TURN): (
        Rule(TurnState.NONE, (Do.COMMIT,), (When.ENOUGH_VOICE,)),
        *_DISCARD,
    ),
    (TurnState.PAUSED, CommitRequested): IGNORE,  # its endpoint is now
    (TurnState.PAUSED, ClearRequested): _DISCARD,
}
