"""One question to the deep tier: the race between its answer, the bridge and the person.

Pure. Events come in with their time, actions go out; drive it so: `handle` each event, carry out the
actions in order, send `DeadlineReached` at `deadline()`.

- The bridge ("Let me check…") is said when the answer has taken longer than `bridge_after_s`, once at most,
  and not at all where the fast model has said something of its own before it asked.
- The answer is spoken when both are there: the answer, and the fast model's voice (it says one thing at a
  time, so an answer that comes amid the bridge waits for its end).
- An interruption ends the wait: the question is cancelled, and an answer that comes nonetheless is dropped.
- No answer within `timeout_s`, or a failure: the fast model is told, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

__all__ = [
    "Action",
    "Answered",
    "AskDeep",
    "BridgeOver",
    "CancelDeep",
    "DeadlineReached",
    "DeepFailed",
    "Event",
    "Interrupted",
    "SayBridge",
    "Speak",
    "State",
    "Wait",
]


@dataclass(frozen=True, slots=True)
class Answered:
    """The deep tier's whole answer."""

    now: float
    text: str


@dataclass(frozen=True, slots=True)
class DeepFailed:
    """It could not answer."""

    now: float
    reason: str


@dataclass(frozen=True, slots=True)
class BridgeOver:
    """The fast model has made the bridge, or could not."""

    now: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The person took the floor, or the application cancelled."""

    now: float


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """What `deadline` named has come."""

    now: float


Event = Answered | DeepFailed | BridgeOver | Interrupted | DeadlineReached


@dataclass(frozen=True, slots=True)
class AskDeep:
    """Put the question."""


@dataclass(frozen=True, slots=True)
class SayBridge:
    """Let the fast model say the bridge."""


@dataclass(frozen=True, slots=True)
class CancelDeep:
    """The answer is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Let the fast model say this."""

    text: str
    """The answer; empty if there is none."""
    failed: str = ""
    """Why there is none."""


Action = AskDeep | SayBridge | CancelDeep | Speak


class State(Enum):
    """Where a wait is."""

    ASKED = auto()
    """The answer is awaited, nothing is being said."""
    BRIDGING = auto()
    """The answer is awaited while the bridge is made."""
    HOLDING = auto()
    """The answer is there and waits for the bridge's end."""
    OVER = auto()


class Wait:
    """One wait for the deep tier.

    Args:
        now: When the question came, s, monotonic.
        bridge_after_s: Wait before the bridge, s; None for no bridge.
        timeout_s: Longest wait for the answer, s.
    """

    def __init__(self, now: float, *, bridge_after_s: float | None, timeout_s: float) -> None:
        self.state = State.ASKED
        self.asked_at = now
        self.bridged = False
        """Whether the bridge was said."""
        self._bridge_at = None if bridge_after_s is None else now + bridge_after_s
        self._ends_at = now + timeout_s
        self._held: Speak | None = None

    def begin(self) -> tuple[Action, ...]:
        """What to do first."""
        return (AskDeep(),)

    def deadline(self) -> float | None:
        """When to send `DeadlineReached`, s; None for never."""
        if self.state is State.ASKED and self._bridge_at is not None:
            return min(self._bridge_at, self._ends_at)
        return self._ends_at if self.state in (State.ASKED, State.BRIDGING) else None

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Takes an event. After the wait is over nothing changes any more."""
        if self.state is State.OVER:
            return ()
        match event:
            case Interrupted():
                asking, self.state = self.state is not State.HOLDING, State.OVER
                return (CancelDeep(),) if asking else ()
            case Answered(text=text) if self.state is not State.HOLDING:
                return self._said(Speak(text) if text.strip() else Speak("", failed="an empty answer"))
            case DeepFailed(reason=reason) if self.state is not State.HOLDING:
                return self._said(Speak("", failed=reason))
            case BridgeOver() if self.state is State.BRIDGING:
                self.state = State.ASKED
            case BridgeOver() if self.state is State.HOLDING:
                assert self._held is not None
                self.state = State.OVER
                return (self._held,)
            case DeadlineReached(now=now) if self.state is not State.HOLDING:
                return self._late(now)
        return ()

    def _late(self, now: float) -> tuple[Action, ...]:
        if now >= self._ends_at:
            waited = now - self.asked_at
            return (CancelDeep(), *self._said(Speak("", failed=f"no answer within {waited:.1f} s")))
        if self.state is State.ASKED and self._bridge_at is not None and now >= self._bridge_at:
            self._bridge_at = None
            self.bridged = True
            self.state = State.BRIDGING
            return (SayBridge(),)
        return ()

    def _said(self, speak: Speak) -> tuple[Action, ...]:
        if self.state is State.BRIDGING:
            self._held = speak
            self.state = State.HOLDING
            return ()
        self.state = State.OVER
        return (speak,)
