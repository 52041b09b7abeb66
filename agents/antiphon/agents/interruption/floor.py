"""The floor: whose it is, and what each rule of the table does about it.

`Floor` holds what the rules work on (the state, the person's turn, the agent's replies, the speech before
the arbiter, the key) and one method for each rule that `table.py` names. A method appends actions and
returns the state that follows. Which rule is taken when is the controller's part, in `controller.py`; it
alone drives this.
"""

from __future__ import annotations

from collections import Counter

from antiphon.agents.endpointing import Endpointer
from antiphon.agents.errors import MisuseError
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption.arbiter import Arbiter
from antiphon.agents.interruption.aside import Asides, AsidesJudged
from antiphon.agents.interruption.events import Reason
from antiphon.agents.interruption.hearing import Hearing
from antiphon.agents.interruption.key import Key
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.interruption.replies import Replies
from antiphon.agents.interruption.table import LIMITS, TRANSITIONS, State, Trigger
from antiphon.agents.interruption.turn import Place, Turn
from antiphon.agents.options import TurnTaking

__all__ = ["Floor"]


class Floor:
    """Who has the floor in one call, and the rules by which it changes hands.

    Args:
        options: The numbers.
        arbiter: Tells a backchannel from an interruption.
        endpointer: Tells that a turn is over.
        strict: Raise where the table has no rule or a rule leads elsewhere.
    """

    def __init__(
        self, options: TurnTaking, arbiter: Arbiter, endpointer: Endpointer, *, strict: bool
    ) -> None:
        self._options = options
        self._onset = OnsetDetector.of(options)
        self._hearing = Hearing(arbiter)
        asides = Asides(arbiter.aside_judges if isinstance(arbiter, AsidesJudged) else None)
        self._turn = Turn(options, endpointer, asides)
        self._key = Key(options)
        self._replies = Replies()
        self._limits = _limits(options)
        self._strict = strict
        self.state = State.QUIET
        """Who has the floor."""
        self.faults: Counter[tuple[State, Trigger]] = Counter()
        """Pairs that the table did not foresee."""
        self._now = 0.0
        self._since = 0.0  # when the state, or the last advance in it, began
        self._over_agent_s = 0.0  # voice that stood over the agent in the speech that is on
        self._resumed_at: float | None = None  # when a hold was last taken back
        self._ducked = False  # the hold that is on only lowered the voice
        self._spoke = False  # the agent was heard in this call
        self._wanted: str | None = None  # the reply that the application interrupts; None for all
        self._actions: list[act.Action] = []

    def _step(self, trigger: Trigger, reason: str = "") -> None:
        """Takes the table's rule for the state and trigger."""
        rule = TRANSITIONS.get((self.state, trigger))
        if rule is None:
            self._fault(trigger, "the table has no rule")
            return
        following: State = getattr(self, rule.method)(reason or trigger.value)
        if rule.next and following not in rule.next:
            self._fault(trigger, f"the rule led to {following.name}")
        if following is not self.state or trigger is Trigger.OVERDUE:  # who stays is waited for anew
            self.state = following
            self._since = self._now

    def _fault(self, trigger: Trigger, what: str) -> None:
        self.faults[self.state, trigger] += 1
        if self._strict:
            raise MisuseError(what, value=f"{self.state.name}, {trigger.name}")

    def _change(self, options: TurnTaking) -> None:
        """Takes other numbers, from now on."""
        self._options = self._key.options = options
        self._limits = _limits(options)
        self._onset.change(options)
        self._hearing.change(options)
        self._turn.change(options)

    @property
    def _speaking(self) -> bool:
        """Whether the person is speaking: by the voice, or by the key where that counts."""
        return self._key.down if self._options.push_to_talk else self._onset.speaking

    @property
    def _over_agent(self) -> bool:
        """Whether a reply is being heard, held ones included."""
        return self.state in (State.SPEAKING, State.HELD)

    @property
    def _may_interrupt(self) -> bool:
        return self._options.interruptions and self._replies.interruptible

    # The rules.

    def _ignore(self, _: str) -> State:
        return self.state

    def _take_turn(self, _: str) -> State:
        # Before the agent has said anything there is nothing to hum to: what is said then is a turn.
        may_be_none = self._spoke and self.state is State.QUIET and self._turn.place is Place.NOWHERE
        self._actions += self._turn.to_model(self._now)
        self._turn.to_silent |= may_be_none and not self._options.push_to_talk
        return self.state

    def _keep(self, _: str) -> State:
        self._actions += self._turn.keep(self._now)
        return self.state

    def _think(self, reason: str) -> State:
        if self._speaking and self._hold(reason) is State.HELD:
            return State.HELD
        return State.THINKING

    def _speak(self, reason: str) -> State:
        self._spoke = True
        if self._speaking and not self._hearing.excused and self._hold(reason) is State.HELD:
            return State.HELD
        return State.SPEAKING

    def _advance(self, _: str) -> State:
        self._since = self._now
        return State.SPEAKING

    def _hold(self, _: str) -> State:
        self._actions += self._turn.keep(self._now)
        self._turn.to_silent = False
        if not self._may_interrupt:
            return self.state
        if self._options.push_to_talk:  # the key needs no judges
            self._actions.append(act.HoldPlayout())
            return State.HELD
        self._hearing.begin(self._now, self._onset.voiced_s if self._fresh() else 0.0)
        if self._resumed_at is not None and self._now < self._resumed_at + self._options.rehold_s:
            self._hearing.excused = True  # the same cough again: judged while the agent goes on
            return self.state
        self._ducked = self._options.duck_db > 0
        self._actions.append(act.HoldPlayout(self._ducked))
        return State.HELD

    def _fresh(self) -> bool:
        """Whether the speech began over the agent, and not long before its reply started."""
        return self._onset.voiced_s <= self._options.onset_s + self._options.speech_gap_s

    def _hold_again(self, _: str) -> State:
        """What was excused leans to a turn: once a speech, and by no cough."""
        if not self._may_interrupt:
            return self.state
        self._hearing.hold_again(self._now)
        self._actions.append(act.HoldPlayout())
        return State.HELD

    def _go_on(self, reason: str) -> State:
        """The reply goes on, and the speech stays before the arbiter."""
        return self._resume(reason, undecided=self._hearing.due() is not None)

    def _resume(self, reason: str, undecided: bool = False) -> State:
        self._ducked = False
        self._resumed_at = self._now
        self._actions.append(act.ResumePlayout(reason))
        goes_on = (self._speaking or undecided) and not self._options.push_to_talk
        self._hearing.excused = goes_on and self._turn.place is Place.KEPT
        if not self._hearing.excused:
            self._hearing.close()
            if self._turn.place is Place.KEPT and not self._options.push_to_talk:
                self._actions += self._turn.drop(self._now, reason)
        return State.SPEAKING if self._replies.in_ear else State.THINKING

    def _settle(self, reason: str) -> State:
        """What was excused while it lasted is over and was none."""
        if self._hearing.excused and not self._speaking:
            self._hearing.close()
            if self._turn.place is Place.KEPT:
                self._actions += self._turn.discard(reason)
        return self.state

    def _yield_late(self, reason: str) -> State:
        """What was judged a backchannel became words."""
        return self._yield(reason) if self._hearing.excused else self.state

    def _yield(self, reason: str) -> State:
        self._ducked = False
        self._hearing.close()
        self._yield_replies(reason)
        self._actions += self._turn.to_model(self._now)
        return State.YIELDED

    def _interrupt(self, reason: str) -> State:
        in_ear = self._replies.in_ear
        yielded = self._yield_replies("interrupted by the application", self._wanted)
        if not yielded or (in_ear and self._replies.in_ear):
            return self.state  # none of ours, or one that waited behind the one that goes on
        if self._replies.waiting and not in_ear:  # others are still asked for
            if self.state is State.HELD:
                self._actions.append(act.HoldPlayout())  # the yield ended it
            return self.state
        self._hearing.close()
        if self._turn.place is Place.KEPT or self._turn.owed:
            if self._speaking:
                self._actions += self._turn.to_model(self._now)
            else:
                self._actions += self._turn.drop(self._now, "over before the reply was interrupted")
        return State.THINKING if self._replies.waiting else State.YIELDED

    def _end(self, reason: str) -> State:
        """The reply was heard to its end; what the person says meanwhile is theirs."""
        following = State.THINKING if self._replies.waiting else State.QUIET
        if self._hearing.excused and self._replies.waiting:
            return following
        self._hearing.close()
        if self._turn.place is Place.KEPT or self._turn.owed:
            if not self._speaking:
                self._actions += self._turn.drop(self._now, "over before the reply was")
                return following
            if (
                self.state is not State.THINKING and not self._options.push_to_talk
            ):  # else nothing was heard, and all of it is theirs
                self._over_agent_s = self._onset.voiced_s
            self._actions += self._turn.to_model(self._now)
        return following

    def _end_held(self, reason: str) -> State:
        self._ducked = False
        self._hearing.close()
        self._actions.append(act.ResumePlayout("nothing was left to hold"))
        return self._end(reason)

    def _decide(self, _: str) -> State:
        """The longest hold is over: the voice itself decides."""
        if self._speaking:
            return self._yield("longest hold")
        return self._resume("longest hold")

    def _stall(self, _: str) -> State:
        self._actions.append(act.ReportStall(self._replies.stall()))
        return self._end("stalled")

    def _rest(self, _: str) -> State:
        return State.THINKING if self._replies.waiting else State.QUIET

    def _let_go(self, reason: str) -> State:
        """The key went up and was not meant, or cancelled: what it silenced goes on."""
        following = self._resume(reason) if self.state is State.HELD else self.state
        if self._turn.owed and following is self.state:  # the key only bounced
            self._actions += self._turn.shut()
        else:
            self._actions += self._turn.drop(self._now, reason, as_if_unheard=True)
        return following

    def _release(self, reason: str) -> State:
        """The key went up and was meant: the turn is over."""
        following = self._yield(reason) if self.state is State.HELD else self.state
        if following in (State.THINKING, State.SPEAKING) and not self._may_interrupt:
            self._actions += self._turn.owe(self._now)
        elif self._turn.place is not Place.NOWHERE:
            self._actions += self._turn.commit(self._now, False, 0.0, by_key=True)
        return following

    # Helpers.

    def _yield_replies(self, reason: str, only: str | None = None) -> bool:
        """Yields all replies, or only one; whether there was any."""
        taken = self._replies.take(only)
        self._actions += [act.YieldFloor(reply_id, heard, reason) for reply_id, heard in taken]
        return bool(taken)


def _limits(options: TurnTaking) -> dict[State, tuple[float, Reason]]:
    return {state: (getattr(options, name), reason) for state, (name, reason) in LIMITS.items()}
