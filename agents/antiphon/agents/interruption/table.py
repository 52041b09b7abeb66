"""Who has the floor, as a table: states, events, and what each pair does.

Every pair of a state and an event is written. A rule names the controller's method and the states it
may lead to; `IGNORE` stays. The picture in docs/turn-taking.md is drawn from here.

- QUIET: the agent says nothing and is asked nothing. The only state without a deadline.
- THINKING: a reply was asked for, and nothing of it is heard yet.
- SPEAKING: a reply is being heard.
- HELD: the person speaks, or has just pressed the key; the playout is silent until a verdict.
- YIELDED: the person has the floor; the cancelled reply has not ended yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from antiphon.agents.interruption.events import Reason

__all__ = ["IGNORE", "LIMITS", "TRANSITIONS", "Rule", "State", "Trigger", "mermaid"]


class State(Enum):
    """Who has the floor."""

    QUIET = "quiet"
    THINKING = "thinking"
    SPEAKING = "speaking"
    HELD = "held"
    YIELDED = "yielded"


class Trigger(Enum):
    """What can change it; found by the controller in the events it is told."""

    ONSET = "onset"
    """The person was found to be speaking."""
    VERDICT_TURN = "verdict: turn"
    VERDICT_BACKCHANNEL = "verdict: backchannel"
    WAITED = "held long enough"
    """And nobody thinks that it is a turn."""
    LEANS = "leans to a turn"
    """What was excused may be one after all."""
    REQUESTED = "reply requested"
    STARTED = "playout started"
    ADVANCED = "playout advanced"
    ENDED = "playout ended"
    OVER = "reply over"
    """The application is through with it."""
    INTERRUPT = "interrupt requested"
    PRESSED = "key pressed"
    """Push-to-talk; the four of them come with no voice."""
    MEANT = "key held down"
    """For `press_min_s`: the press was meant."""
    LET_GO = "key let go"
    """Before that, or cancelled: there was none."""
    RELEASED = "key released"
    """The person's turn is over."""
    OVERDUE = "deadline of the state"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a pair does."""

    method: str
    """Of the controller."""
    next: tuple[State, ...]
    """Where it may lead; more than one where a guard decides."""


IGNORE: Final = Rule("_ignore", ())
_Q, _T, _S, _H, _Y = State.QUIET, State.THINKING, State.SPEAKING, State.HELD, State.YIELDED

TRANSITIONS: Final[Mapping[tuple[State, Trigger], Rule]] = {
    (_Q, Trigger.ONSET): Rule("_take_turn", (_Q,)),
    (_Q, Trigger.VERDICT_TURN): IGNORE,
    (_Q, Trigger.VERDICT_BACKCHANNEL): IGNORE,
    (_Q, Trigger.WAITED): IGNORE,
    (_Q, Trigger.LEANS): IGNORE,
    (_Q, Trigger.REQUESTED): Rule("_think", (_T, _H)),
    (_Q, Trigger.STARTED): Rule("_speak", (_S, _H)),
    (_Q, Trigger.ADVANCED): Rule("_speak", (_S, _H)),
    (_Q, Trigger.ENDED): IGNORE,
    (_Q, Trigger.OVER): IGNORE,
    (_Q, Trigger.INTERRUPT): Rule("_interrupt", (_Q, _Y)),
    (_Q, Trigger.PRESSED): Rule("_keep", (_Q,)),
    (_Q, Trigger.MEANT): Rule("_take_turn", (_Q,)),
    (_Q, Trigger.LET_GO): Rule("_let_go", (_Q,)),
    (_Q, Trigger.RELEASED): Rule("_release", (_Q,)),
    (_Q, Trigger.OVERDUE): IGNORE,
    (_T, Trigger.ONSET): Rule("_hold", (_T, _H)),
    (_T, Trigger.VERDICT_TURN): Rule("_yield_late", (_T, _Y)),
    (_T, Trigger.VERDICT_BACKCHANNEL): Rule("_settle", (_T,)),
    (_T, Trigger.WAITED): IGNORE,
    (_T, Trigger.LEANS): Rule("_hold_again", (_T, _H)),
    (_T, Trigger.REQUESTED): IGNORE,
    (_T, Trigger.STARTED): Rule("_speak", (_S, _H)),
    (_T, Trigger.ADVANCED): Rule("_speak", (_S, _H)),
    (_T, Trigger.ENDED): IGNORE,
    (_T, Trigger.OVER): Rule("_end", (_Q, _T)),
    (_T, Trigger.INTERRUPT): Rule("_interrupt", (_T, _Y)),
    (_T, Trigger.PRESSED): Rule("_hold", (_T, _H)),
    (_T, Trigger.MEANT): IGNORE,
    (_T, Trigger.LET_GO): Rule("_let_go", (_T,)),
    (_T, Trigger.RELEASED): Rule("_release", (_T,)),
    (_T, Trigger.OVERDUE): Rule("_stall", (_Q, _T)),
    (_S, Trigger.ONSET): Rule("_hold", (_S, _H)),
    (_S, Trigger.VERDICT_TURN): Rule("_yield_late", (_S, _Y)),
    (_S, Trigger.VERDICT_BACKCHANNEL): Rule("_settle", (_S,)),
    (_S, Trigger.WAITED): IGNORE,
    (_S, Trigger.LEANS): Rule("_hold_again", (_S, _H)),
    (_S, Trigger.REQUESTED): IGNORE,
    (_S, Trigger.STARTED): Rule("_speak", (_S, _H)),
    (_S, Trigger.ADVANCED): Rule("_advance", (_S,)),
    (_S, Trigger.ENDED): Rule("_end", (_Q, _T)),
    (_S, Trigger.OVER): Rule("_end", (_Q, _T)),
    (_S, Trigger.INTERRUPT): Rule("_interrupt", (_S, _T, _Y)),
    (_S, Trigger.PRESSED): Rule("_hold", (_S, _H)),
    (_S, Trigger.MEANT): IGNORE,
    (_S, Trigger.LET_GO): Rule("_let_go", (_S,)),
    (_S, Trigger.RELEASED): Rule("_release", (_S,)),
    (_S, Trigger.OVERDUE): Rule("_stall", (_Q, _T)),
    (_H, Trigger.ONSET): IGNORE,
    (_H, Trigger.VERDICT_TURN): Rule("_yield", (_Y,)),
    (_H, Trigger.VERDICT_BACKCHANNEL): Rule("_resume", (_S, _T)),
    (_H, Trigger.WAITED): Rule("_go_on", (_S, _T)),
    (_H, Trigger.LEANS): IGNORE,
    (_H, Trigger.REQUESTED): IGNORE,
    (_H, Trigger.STARTED): IGNORE,
    (_H, Trigger.ADVANCED): IGNORE,
    (_H, Trigger.ENDED): Rule("_end_held", (_Q, _T)),
    (_H, Trigger.OVER): Rule("_end_held", (_Q, _T)),
    (_H, Trigger.INTERRUPT): Rule("_interrupt", (_H, _T, _Y)),
    (_H, Trigger.PRESSED): IGNORE,
    (_H, Trigger.MEANT): Rule("_yield", (_Y,)),
    (_H, Trigger.LET_GO): Rule("_let_go", (_S, _T)),
    (_H, Trigger.RELEASED): Rule("_release", (_Y,)),
    (_H, Trigger.OVERDUE): Rule("_decide", (_S, _T, _Y)),
    (_Y, Trigger.ONSET): Rule("_take_turn", (_Y,)),
    (_Y, Trigger.VERDICT_TURN): IGNORE,
    (_Y, Trigger.VERDICT_BACKCHANNEL): IGNORE,
    (_Y, Trigger.WAITED): IGNORE,
    (_Y, Trigger.LEANS): IGNORE,
    (_Y, Trigger.REQUESTED): Rule("_think", (_T, _H)),
    (_Y, Trigger.STARTED): Rule("_speak", (_S, _H)),
    (_Y, Trigger.ADVANCED): Rule("_speak", (_S, _H)),
    (_Y, Trigger.ENDED): IGNORE,
    (_Y, Trigger.OVER): Rule("_rest", (_Q, _T)),
    (_Y, Trigger.INTERRUPT): IGNORE,
    (_Y, Trigger.PRESSED): Rule("_keep", (_Y,)),
    (_Y, Trigger.MEANT): Rule("_take_turn", (_Y,)),
    (_Y, Trigger.LET_GO): Rule("_let_go", (_Y,)),
    (_Y, Trigger.RELEASED): Rule("_release", (_Y,)),
    (_Y, Trigger.OVERDUE): Rule("_rest", (_Q, _T)),
}


LIMITS: Final[Mapping[State, tuple[str, Reason]]] = {
    State.THINKING: ("thinking_s", Reason.THINKING),
    State.SPEAKING: ("stall_s", Reason.STALL),
    State.HELD: ("hold_s", Reason.VERDICT),
    State.YIELDED: ("cancel_s", Reason.CANCEL),
}
"""The field of `TurnTaking` with the longest time in a state, and what a deadline of it is named."""


def mermaid() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> quiet"]
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, trigger), rule in TRANSITIONS.items():
        for following in rule.next:
            if following is not state:
                arrows.setdefault((state.value, following.value), []).append(trigger.value)
    for (state_name, following_name), triggers in arrows.items():
        lines.append(f"    {state_name} --> {following_name}: {', '.join(triggers).replace(':', '')}")
    return "\n".join(lines) + "\n"
