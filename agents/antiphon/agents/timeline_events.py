"""What can happen in a call, as typed events on one monotonic clock.

An event is a
frozen dataclass whose ``at`` is seconds of ``time.monotonic()`` in the process that made it. On Linux
that clock is one for all processes of a machine, so events of two processes may be compared there.
Transcripts and identities live only in fields marked ``personal``; they are left out of the JSON
unless asked for.

`antiphon.agents.timeline` keeps them, and reads and writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "AgentState",
    "BudgetUsed",
    "Changed",
    "Clock",
    "Commit",
    "Discard",
    "Event",
    "Evidence",
    "Failure",
    "FirstAudio",
    "Handoff",
    "Hold",
    "Onset",
    "Opinion",
    "PlayoutEnded",
    "PlayoutStarted",
    "Press",
    "Release",
    "Resume",
    "SpeechEnded",
    "ToolCall",
    "Transcript",
    "Truncation",
    "TurnEnd",
    "Usage",
    "UserState",
    "Yield",
]

_PERSONAL = {"personal": True}


@dataclass(frozen=True, slots=True)
class Clock:
    """Ties the monotonic clock to the wall clock."""

    at: float
    wall: float
    """Unix time in s at the same moment."""


@dataclass(frozen=True, slots=True)
class Onset:
    """The person was found to be speaking."""

    at: float
    began_at: float
    """When the first voiced sample arrived, before the detector was sure."""
    over_agent: bool
    """Whether the agent's voice was playing."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The person was found to have stopped speaking."""

    at: float
    ended_at: float
    """When the last voiced sample arrived."""
    voiced_s: float
    """Speech since the onset, pauses left out, s."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A judge said what it holds of the speech over the agent."""

    at: float
    judge: str
    occasion: str
    """Why it was asked: early, pause or long."""
    probability: float | None
    """That the person wants the floor, 0 to 1; None for no opinion, a failure or a late answer."""
    took_s: float


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """An estimator said how likely the person has finished."""

    at: float
    estimator: str
    probability: float
    took_s: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the person's speech sounded like when the floor was decided about; just before `Resume` or
    `Yield`. `antiphon.agents.interruption.evidence.Evidence` says what each number is."""

    at: float
    speech: int
    """Counts the speeches of the call."""
    age_s: float
    voiced_s: float
    quiet_s: float
    starts: int
    snr_db: float
    echo: float
    speech_mean: float
    speech_sure: float
    pitched: float
    pitch_hz: float
    pitch_slope_st_s: float
    syllables: int
    steady_s: float
    flatness: float
    agent_quiet_s: float | None
    """How long the agent had been quiet when the speech began, s; None if for more than 2 s."""
    agent_left_s: float | None
    """What was left of its reply then, s; None where that was not known."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The playout fell silent, with the reply kept."""

    at: float
    heard_ms: int
    """Position in the reply last handed to the transport and not taken back, ms."""
    item_id: str = ""
    ducked: bool = False
    """Whether it only went on more quietly; another `Hold` follows if it falls silent."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The playout went on: from the very sample where it was held, or from the word that a long hold cut."""

    at: float
    heard_ms: int
    """Position from which it goes on, ms."""
    reason: str = ""
    """Why: the verdict's name, or the deadline's."""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Yield:
    """The agent gave up the floor: reply cancelled, rest dropped."""

    at: float
    heard_ms: int
    reason: str = ""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Truncation:
    """The model's memory was cut to what had been heard."""

    at: float
    audio_end_ms: int
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """The person's turn went to the model."""

    at: float
    speech_ended_at: float
    """When its last voiced sample arrived."""
    audio_s: float
    """Audio the model got for this turn, pre-roll included, s."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Speech was dropped and not answered."""

    at: float
    reason: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class FirstAudio:
    """The model's first audio of a reply reached us."""

    at: float
    since_commit_s: float | None
    """Since the commit that it answers; None for a reply nobody's turn asked for."""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first frame of a reply went to the transport."""

    at: float
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class PlayoutEnded:
    """A reply was heard to its end, or to where it was cut."""

    at: float
    heard_ms: int
    interrupted: bool
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool of the application's ran."""

    at: float
    name: str
    duration_s: float | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class AgentState:
    """As LiveKit's ``lk.agent.state``: initializing, listening, thinking, speaking, idle."""

    at: float
    state: str


@dataclass(frozen=True, slots=True)
class UserState:
    """As livekit-agents' user state: speaking, listening, away."""

    at: float
    state: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words said."""

    at: float
    speaker: Literal["user", "agent"]
    final: bool
    text: str = field(default="", metadata=_PERSONAL)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something went wrong, and the call went on or ended."""

    at: float
    what: str
    """The error's class."""
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    """The push-to-talk key went down."""

    at: float
    by: str
    """What said so: rpc, attribute or application."""


@dataclass(frozen=True, slots=True)
class Release:
    """The push-to-talk key went up."""

    at: float
    by: str
    """What said so: rpc, attribute or application; muted or left; limit when it never came."""
    held_s: float
    cancelled: bool = False
    """Whether what was said is to be dropped."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Something of the call was changed while it was on, or was to be."""

    at: float
    what: str
    """instructions, tools, voice, turn_taking or push_to_talk."""
    by: str
    """application or person."""
    value: str = ""
    """What it was changed to; empty for instructions."""
    refused: str = ""
    """Why it was not; empty when it was."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model was used for in the whole call; with an empty ``model``, all models together."""

    at: float
    tier: str
    model: str
    call_s: float
    person_audio_s: float
    """The person's audio that went to the model, s; of the call, so only with an empty ``model``."""
    agent_audio_s: float
    """The agent's voice that was heard, s; likewise."""
    input_tokens: int
    """All kinds, cached ones included."""
    cached_tokens: int
    input_audio_tokens: int
    output_tokens: int
    output_audio_tokens: int
    usd: float | None
    """None where a price is not known."""


@dataclass(frozen=True, slots=True)
class BudgetUsed:
    """A share of the call's budget that matters was used up."""

    at: float
    of: str
    """usd or minutes."""
    share: float
    """Of what is allowed, 1 for all of it."""
    ending: bool
    """Whether the call ends for it."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """Another session of a model took over in mid-call."""

    at: float
    reason: str
    """cap, compaction, preferred or requested; or how the session before failed: lost, stalled, …"""
    failed: bool
    """Whether the session before failed."""
    before: str
    """The endpoint that was left."""
    after: str
    """The endpoint that took over; the same name for another session of the same model."""
    gap_s: float
    """Time without a session, s."""
    replayed_s: float
    """Speech of the person's that was given to the model again, s."""


Event = (
    Clock
    | Onset
    | SpeechEnded
    | Opinion
    | TurnEnd
    | Evidence
    | Hold
    | Resume
    | Yield
    | Truncation
    | Commit
    | Discard
    | FirstAudio
    | PlayoutStarted
    | PlayoutEnded
    | ToolCall
    | AgentState
    | UserState
    | Transcript
    | Failure
    | Press
    | Release
    | Changed
    | Usage
    | BudgetUsed
    | Handoff
)
