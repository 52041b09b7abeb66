"""The interruption controller: events in, actions out, no clock.

Three parts: the onset detector turns windows into speech, `Turn` keeps the person's turn, and the table
in `table.py` says who has the floor. Speech over the agent holds the playout at once and cancels
nothing; an arbiter's verdict then resumes it at the very sample or yields.

Driven by one caller, in order: `handle` each event, carry out what it returns, then arrange for
`DeadlineReached` at `deadline()`. What is due is decided by the time alone, so a late, early or doubled
deadline changes nothing. Time that steps back is taken as standing still.

Choices worth knowing:
- Speech over a reply that nobody may interrupt is kept. Still on when the reply ends, it becomes a
  turn; over by then, it is dropped.
- Speech over the last of a reply that goes on after it is a turn; a sound that all but ends with the
  reply is not.
- A reply that is requested or starts while the person is speaking is held like any other.
- A sound that is judged a backchannel while it lasts is *excused*: the reply goes on, and the sound is
  kept until the arbiter has settled it after its end. It may become words, and a TURN about it still
  yields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from antiphon.agents.endpointing import Endpointer, FixedSilence
from antiphon.agents.errors import MisuseError
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption import events as ev
from antiphon.agents.interruption.arbiter import Arbiter, DurationArbiter
from antiphon.agents.interruption.events import Deadline, Reason
from antiphon.agents.interruption.hearing import Hearing
from antiphon.agents.interruption.onset import OnsetDetector, SpeechEnded, SpeechLikely
from antiphon.agents.interruption.replies import Replies
from antiphon.agents.interruption.table import LIMITS, TRANSITIONS, State, Trigger
from antiphon.agents.interruption.turn import Place, Turn
from antiphon.agents.interruption.verdicts import Verdict
from antiphon.agents.options import TurnTaking

__all__ = ["InterruptionController"]


class InterruptionController:
    """Decides who has the floor in one call.

    Args:
        options: The numbers.
        arbiter: Tells a backchannel from an interruption; by duration when not given.
        endpointer: Tells that a turn is over; a fixed silence when not given.
        strict: Raise where the table has no rule or a rule leads elsewhere; for tests. A call goes on
            and counts it in ``faults``.
    """

    def __init__(
        self,
        options: TurnTaking,
        *,
        arbiter: Arbiter | None = None,
        endpointer: Endpointer | None = None,
        strict: bool = False,
    ) -> None:
        self._options = options
        self._onset = OnsetDetector(
            enter=options.onset_enter,
            exit=options.onset_exit,
            onset_s=options.onset_s,
            speech_gap_s=options.speech_gap_s,
            rising=options.onset_rising,
            rise_db=options.onset_rise_db,
        )
        by_duration = DurationArbiter(
            yield_after_s=options.yield_after_s, resume_quiet_s=options.resume_quiet_s
        )
        self._hearing = Hearing(arbiter or by_duration)
        self._turn = Turn(options, endpointer or FixedSilence(options.silence_s))
        self._limits: dict[State, tuple[float, Reason]] = {
            state: (getattr(options, name), reason) for state, (name, reason) in LIMITS.items()
        }
        self._strict = strict
        self.state = State.QUIET
        """Who has the floor."""
        self.faults: Counter[tuple[State, Trigger]] = Counter()
        """Pairs that the table did not foresee."""
        self.unforeseen: Counter[str] = Counter()
        """Events of classes that the controller does not know."""
        self._now = 0.0
        self._since = 0.0  # when the state, or the last advance in it, began
        self._replies = Replies()
        self._over_agent_s = 0.0  # voice that stood over the agent in the speech that is on
        self._frame_at: float | None = None
        self._resumed_at: float | None = None  # when a hold was last taken back
        self._ducked = False  # the hold that is on only lowered the voice
        self._actions: list[act.Action] = []

    def handle(self, event: ev.Event) -> tuple[act.Action, ...]:
        """Takes an event; returns what to do, in order."""
        self._now = max(self._now, event.now)
        if not isinstance(event, ev.DeadlineReached):
            handler = self._HANDLERS.get(type(event))
            if handler is None:
                self._unforeseen(event)
            else:
                handler(self, event)
        self._due()
        actions, self._actions = tuple(self._actions), []
        return actions

    def deadline(self) -> Deadline | None:
        """The next thing that is due if nothing else happens."""
        found = self._turn.deadlines(self._onset.speaking, self.state is State.HELD)
        if self._onset.speaking and self._frame_at is not None:
            found.append(Deadline(self._frame_at + self._options.input_gap_s, Reason.INPUT_GAP))
        if (limit := self._limits.get(self.state)) is not None:
            found.append(Deadline(self._since + limit[0], limit[1]))
        if self._asking and (due := self._hearing.due()) is not None:
            found.append(Deadline(due, Reason.VERDICT))
        return min(found, key=lambda due: due.at, default=None)

    # The person.

    def _frame(self, event: ev.VadFrame) -> None:
        self._frame_at = self._now
        echo = event.echo >= self._options.echo_at
        speech = 0.0 if echo else event.speech
        found = self._onset.frame(self._now, speech, None if echo else event.level_dbfs)
        self._actions += self._turn.frame(self._now, self._onset)
        if isinstance(found, SpeechLikely):
            self._began(found)
            return
        if self._asking:
            voiced, voiced_s = self._onset.voiced, self._onset.voiced_s
            if self._ducked and voiced_s >= self._options.duck_s:
                self._ducked = False
                self._actions.append(act.HoldPlayout())
            self._weigh(self._hearing.frame(self._now, speech, voiced, voiced_s))
        if isinstance(found, SpeechEnded):
            self._ended(found)

    def _began(self, speech: SpeechLikely) -> None:
        over_agent = self.state in (State.SPEAKING, State.HELD)
        self._actions.append(act.ReportSpeech(True, speech.began_at, over_agent))
        self._turn.speech_began(self._now)
        self._step(Trigger.ONSET)

    def _ended(self, speech: SpeechEnded) -> None:
        over_agent = self.state in (State.SPEAKING, State.HELD)
        self._actions.append(act.ReportSpeech(False, speech.ended_at, over_agent))
        self._turn.speech_ended(self._now, speech.ended_at, speech.voiced_s)
        over, self._over_agent_s = self._over_agent_s, 0.0
        with_the_reply = over > 0 and speech.voiced_s - over < self._options.min_turn_s
        if with_the_reply and self._turn.place is Place.MODEL and not over_agent:
            self._actions += self._turn.discard("ended with the reply")
        if self._asking:
            self._weigh(self._hearing.ended(self._now, speech.ended_at))
        if self._hearing.excused and self._hearing.due() is None:  # nobody is going to settle it
            self._verdict(Verdict.BACKCHANNEL)

    def _lost(self, event: ev.InputLost) -> None:
        self._frame_at = None
        ended = self._onset.lose(self._now)
        if ended is not None:
            self._ended(ended)

    def _commit_requested(self, event: ev.CommitRequested) -> None:
        if self.state is State.HELD:
            self._step(Trigger.VERDICT_TURN, "committed by the application")
        self._hearing.close()
        self._cut_speech()
        if self._turn.place is not Place.NOWHERE:
            self._actions += self._turn.commit(self._now, False, 0.0)

    def _clear_requested(self, event: ev.ClearRequested) -> None:
        self._actions += self._turn.discard("cleared by the application")
        if self.state is State.HELD:
            self._step(Trigger.VERDICT_BACKCHANNEL, "cleared by the application")
            self._resumed_at = None
        self._hearing.close()
        self._cut_speech()

    def _cut_speech(self) -> None:
        """Ends the speech that is on, so that a voice that goes on has an onset and a turn of its own."""
        ended = self._onset.lose(self._now)
        if ended is not None:
            self._ended(ended)

    def _estimated(self, event: ev.EndOfTurnEstimated) -> None:
        self._turn.estimated(self._now, event.probability, event.pause)

    # The agent.

    def _requested(self, event: ev.ReplyRequested) -> None:
        if self._replies.request(event.reply_id, event.interruptible):
            self._step(Trigger.REQUESTED)

    def _started(self, event: ev.PlayoutStarted) -> None:
        if self._replies.start(event.reply_id, event.interruptible):
            self._step(Trigger.STARTED)

    def _advanced(self, event: ev.PlayoutAdvanced) -> None:
        if self._replies.advance(event.reply_id, event.heard_samples):
            self._step(Trigger.ADVANCED)

    def _playout_ended(self, event: ev.PlayoutEnded) -> None:
        if self._replies.ended(event.reply_id):
            self._step(Trigger.ENDED)

    def _reply_ended(self, event: ev.ReplyEnded) -> None:
        yielded = self._replies.is_over(event.reply_id)
        counts = self._replies.finish(event.reply_id)
        if self.state is State.YIELDED:
            counts = yielded or event.kind != "done"
        if counts:
            self._step(Trigger.OVER)

    def _verdict_reached(self, event: ev.VerdictReached) -> None:
        if self._hearing.concerns(event.speech):
            self._verdict(event.verdict, event.reason)

    def _opinion_reached(self, event: ev.OpinionReached) -> None:
        if self._asking:
            self._weigh(self._hearing.opinion(self._now, event.speech, event.opinion))

    def _interrupt_requested(self, event: ev.InterruptRequested) -> None:
        self._wanted = event.reply_id
        self._step(Trigger.INTERRUPT)

    _wanted: str | None = None

    # Rules of the table. Each returns the state that follows.

    def _ignore(self, _: str) -> State:
        return self.state

    def _take_turn(self, _: str) -> State:
        self._actions += self._turn.to_model(self._now)
        return self.state

    def _think(self, reason: str) -> State:
        if self._onset.speaking and self._hold(reason) is State.HELD:
            return State.HELD
        return State.THINKING

    def _speak(self, reason: str) -> State:
        if self._onset.speaking and not self._hearing.excused and self._hold(reason) is State.HELD:
            return State.HELD
        return State.SPEAKING

    def _advance(self, _: str) -> State:
        self._since = self._now
        return State.SPEAKING

    def _hold(self, _: str) -> State:
        self._actions += self._turn.keep(self._now)
        if not (self._replies.interruptible and self._options.interruptions):
            return self.state
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

    def _resume(self, reason: str) -> State:
        self._ducked = False
        self._resumed_at = self._now
        self._actions.append(act.ResumePlayout(reason))
        self._hearing.excused = self._onset.speaking and self._turn.place is Place.KEPT
        if not self._hearing.excused:
            self._hearing.close()
            if self._turn.place is Place.KEPT:
                self._actions += self._turn.discard(reason)
        return State.SPEAKING if self._replies.in_ear else State.THINKING

    def _settle(self, reason: str) -> State:
        """What was excused while it lasted is over and was none."""
        if self._hearing.excused and not self._onset.speaking:
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
        if self._turn.place is Place.KEPT:
            if self._onset.speaking:
                self._actions += self._turn.to_model(self._now)
            else:
                self._actions += self._turn.discard("over before the reply was interrupted")
        return State.THINKING if self._replies.waiting else State.YIELDED

    def _end(self, reason: str) -> State:
        """The reply was heard to its end; what the person says meanwhile is theirs."""
        following = State.THINKING if self._replies.waiting else State.QUIET
        if self._hearing.excused and self._replies.waiting:
            return following
        self._hearing.close()
        if self._turn.place is Place.KEPT:
            if not self._onset.speaking:
                self._actions += self._turn.discard("over before the reply was")
                return following
            if self.state is not State.THINKING:  # else nothing was heard, and all of it is theirs
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
        if self._onset.speaking:
            return self._yield("longest hold")
        return self._resume("longest hold")

    def _stall(self, _: str) -> State:
        self._actions.append(act.ReportStall(self._replies.stall()))
        return self._end("stalled")

    def _rest(self, _: str) -> State:
        return State.THINKING if self._replies.waiting else State.QUIET

    # Helpers.

    def _yield_replies(self, reason: str, only: str | None = None) -> bool:
        """Yields all replies, or only one; whether there was any."""
        taken = self._replies.take(only)
        self._actions += [act.YieldFloor(reply_id, heard, reason) for reply_id, heard in taken]
        return bool(taken)

    @property
    def _asking(self) -> bool:
        """Whether the arbiter has a speech before it."""
        return self.state is State.HELD or self._hearing.excused

    def _weigh(self, verdict: Verdict | None) -> None:
        """Takes what the arbiter says, and has the judges asked if it wants to know more."""
        self._actions += self._hearing.questions(self._now)
        self._verdict(verdict)

    def _verdict(self, verdict: Verdict | None, reason: str = "") -> None:
        if verdict is Verdict.TURN:
            self._step(Trigger.VERDICT_TURN, reason or "turn")
        elif verdict is Verdict.BACKCHANNEL:
            self._step(Trigger.VERDICT_BACKCHANNEL, reason or "backchannel")

    def _due(self) -> None:
        """Does what the time has made due. Ends because each step moves a deadline on or away."""
        if (
            self._onset.speaking
            and self._frame_at is not None
            and self._now >= self._frame_at + self._options.input_gap_s
        ):
            self._lost(ev.InputLost(self._now))
        if self._asking:
            self._weigh(self._hearing.expire(self._now))
        self._actions += self._turn.tail_over(self._now)
        if self._turn.over(self._now, self._onset.speaking):
            speaking = self._onset.speaking
            self._actions += self._turn.commit(self._now, speaking, self._onset.voiced_s)
            if speaking:  # the longest turn is over, and the person goes on: another begins
                self._actions += self._turn.to_model(self._now, self._onset.voiced_s)
        elif (
            self.state is not State.HELD
            and not self._hearing.excused
            and self._turn.lapsed(self._now, self._onset.speaking)
        ):
            self._actions += self._turn.discard("over before the reply was")
        limit = self._limits.get(self.state)
        if limit is not None and self._now >= self._since + limit[0]:
            self._step(Trigger.OVERDUE)

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

    def _unforeseen(self, event: object) -> None:
        self.unforeseen[type(event).__name__] += 1
        if self._strict:
            raise MisuseError("the controller knows no such event", value=type(event).__name__)

    def _fault(self, trigger: Trigger, what: str) -> None:
        self.faults[self.state, trigger] += 1
        if self._strict:
            raise MisuseError(what, value=f"{self.state.name}, {trigger.name}")

    _HANDLERS: ClassVar[dict[type[Any], Callable[..., None]]] = {
        ev.VadFrame: _frame,
        ev.InputLost: _lost,
        ev.ReplyRequested: _requested,
        ev.PlayoutStarted: _started,
        ev.PlayoutAdvanced: _advanced,
        ev.PlayoutEnded: _playout_ended,
        ev.ReplyEnded: _reply_ended,
        ev.OpinionReached: _opinion_reached,
        ev.VerdictReached: _verdict_reached,
        ev.EndOfTurnEstimated: _estimated,
        ev.CommitRequested: _commit_requested,
        ev.ClearRequested: _clear_requested,
        ev.InterruptRequested: _interrupt_requested,
    }
