"""The interruption controller: events in, actions out, no clock.

Three parts: the onset detector turns windows into speech, `Turn` keeps the person's turn, and the table
in `table.py` says who has the floor; its rules are in `floor.py`. Speech over the agent holds the playout
at once and cancels nothing; an arbiter's verdict then resumes it at the very sample or yields.

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
- A short sound to a silent agent is committed unless the judges who hear words say clearly that there
  were none (`aside.py`).
- With push-to-talk the voice decides nothing. A press is an onset that is held and kept like any other,
  and its own length is the verdict: meant after `press_min_s`, or there was none. A release commits; over
  a reply that nobody may interrupt, when that is over.
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
from antiphon.agents.interruption.floor import Floor
from antiphon.agents.interruption.judges import Occasion
from antiphon.agents.interruption.onset import OnsetDetector, SpeechEnded, SpeechLikely
from antiphon.agents.interruption.table import State, Trigger
from antiphon.agents.interruption.turn import Place
from antiphon.agents.interruption.verdicts import Verdict
from antiphon.agents.options import TurnTaking

__all__ = ["InterruptionController"]


class InterruptionController(Floor):
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
        by_duration = DurationArbiter(
            yield_after_s=options.yield_after_s, resume_quiet_s=options.resume_quiet_s
        )
        super().__init__(
            options, arbiter or by_duration, endpointer or FixedSilence(options.silence_s), strict=strict
        )
        self.unforeseen: Counter[str] = Counter()
        """Events of classes that the controller does not know."""
        self._frame_at: float | None = None

    @property
    def onset(self) -> OnsetDetector:
        """Finds the person's speech; for others to read, and driven here alone."""
        return self._onset

    @property
    def undecided(self) -> bool:
        """Whether a speech over the agent waits to be decided about."""
        return self._asking

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
        undecided = self.state is State.HELD or self._hearing.excused
        found = self._turn.deadlines(self._speaking, undecided)
        if (pressed := self._key.deadline()) is not None:
            found.append(pressed)
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
        level, voicing = (None, 0.0) if echo else (event.level_dbfs, event.voicing)
        found = self._onset.frame(self._now, speech, level, voicing)
        if self._options.push_to_talk:
            return
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
        over_agent = self._over_agent
        self._actions.append(act.ReportSpeech(True, speech.began_at, over_agent))
        self._turn.speech_began(self._now)
        self._step(Trigger.ONSET)

    def _ended(self, speech: SpeechEnded) -> None:
        over_agent = self._over_agent
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
        self._cut_speech()

    def _commit_requested(self, event: ev.CommitRequested) -> None:
        if self.state is State.HELD:
            self._step(Trigger.VERDICT_TURN, "committed by the application")
        self._hearing.close()
        self._cut_speech()
        self._key_up()
        if self._turn.place is not Place.NOWHERE:
            by_key = self._options.push_to_talk
            self._actions += self._turn.commit(self._now, False, 0.0, by_key=by_key)

    def _clear_requested(self, event: ev.ClearRequested) -> None:
        self._key_up()
        self._actions += self._turn.discard("cleared by the application")
        if self.state is State.HELD:
            self._step(Trigger.VERDICT_BACKCHANNEL, "cleared by the application")
            self._resumed_at = None
        self._hearing.close()
        self._cut_speech()

    def _cut_speech(self) -> None:
        """Ends the speech that is on, so that a voice that goes on has an onset and a turn of its own."""
        ended = self._onset.lose(self._now)
        if ended is not None and not self._options.push_to_talk:
            self._ended(ended)

    def _estimated(self, event: ev.EndOfTurnEstimated) -> None:
        self._turn.estimated(self._now, event.probability, event.pause)

    # The key.

    def _pressed(self, event: ev.TurnPressed) -> None:
        if self._options.push_to_talk and self._key.press(self._now):
            self._actions.append(act.ReportSpeech(True, self._now, self._over_agent))
            self._step(Trigger.PRESSED)

    def _released(self, event: ev.Event) -> None:
        self._press_due()
        meant = self._key.meant
        if self._key_up():
            self._step(Trigger.RELEASED if meant else Trigger.LET_GO)

    def _cancelled(self, event: ev.TurnCancelled) -> None:
        if not self._options.push_to_talk:
            return
        self._actions += self._turn.discard("cancelled")
        if self._key_up():
            self._step(Trigger.LET_GO, "cancelled")

    def _key_up(self) -> bool:
        """Takes the key as up; whether it was down."""
        if not self._key.down:
            return False
        self._key.release()
        self._actions.append(act.ReportSpeech(False, self._now, self._over_agent))
        return True

    def _press_due(self) -> None:
        """Finds a press to be meant, and what came to be held in it to be interrupted."""
        if self._key.meant:
            if self.state is State.HELD:
                self._step(Trigger.MEANT)
        elif self._key.long_enough(self._now):
            self._key.meant = True
            self._step(Trigger.MEANT)

    def _options_changed(self, event: ev.OptionsChanged) -> None:
        """What is said when the way to take turns changes is lost only if nobody had decided on it."""
        if event.options.push_to_talk and not self._options.push_to_talk:
            self._to_key()
            self._change(event.options)
        elif self._options.push_to_talk and not event.options.push_to_talk:
            if self._onset.speaking and self._key.down:
                self._key.release()
                self._change(event.options)
                self._to_voice()
            else:
                self._released(event)
                self._onset.lose(self._now)  # what goes on has an onset of its own
                self._change(event.options)
        else:
            self._change(event.options)

    def _to_key(self) -> None:
        """From now on the voice alone says nothing: a turn is committed as it stands."""
        reason = "push-to-talk from now on"
        self._cut_speech()
        if self.state is State.HELD:
            self._step(Trigger.VERDICT_BACKCHANNEL, reason)
        self._hearing.close()
        if self._turn.place is Place.KEPT:
            self._actions += self._turn.discard(reason)
        elif self._turn.place is Place.MODEL:
            self._actions += self._turn.commit(self._now, False, 0.0)

    def _to_voice(self) -> None:
        """The key was down and the person is speaking: their turn goes on, and ends as any other."""
        if self.state is State.HELD:
            self._hearing.begin(self._now, self._onset.voiced_s)
        elif self.state in (State.QUIET, State.YIELDED):
            self._actions += self._turn.to_model(self._now)

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
        if self._hearing.concerns(event.speech) and not self._options.push_to_talk:
            self._verdict(event.verdict, event.reason)

    def _opinion_reached(self, event: ev.OpinionReached) -> None:
        if event.opinion.occasion is Occasion.ASIDE:
            if event.speech is not None:
                self._turn.opinion(event.speech, event.opinion)
        elif self._asking:
            self._weigh(self._hearing.opinion(self._now, event.speech, event.opinion))

    def _interrupt_requested(self, event: ev.InterruptRequested) -> None:
        self._wanted = event.reply_id
        self._step(Trigger.INTERRUPT)

    # What is due.

    @property
    def _asking(self) -> bool:
        """Whether the arbiter has a speech before it."""
        return not self._options.push_to_talk and (self.state is State.HELD or self._hearing.excused)

    def _weigh(self, verdict: Verdict | None) -> None:
        """Takes what the arbiter says, and has the judges asked if it wants to know more."""
        self._actions += self._hearing.questions(self._now)
        if verdict is not None:
            self._verdict(verdict)
        elif (leaning := self._hearing.leaning(self._now)) is not None and self._turn.place is Place.KEPT:
            self._lean(leaning >= self._options.turn_at)

    def _lean(self, to_turn: bool) -> None:
        """Nobody has decided yet: what is likelier counts once it has lasted."""
        if self.state is State.HELD:
            if not to_turn and self._hearing.held_s(self._now) >= self._options.patience_s:
                self._step(Trigger.WAITED)
            return
        settled = self._resumed_at is None or self._now >= self._resumed_at + self._options.rehold_s
        if to_turn and settled and self._onset.voiced and not self._hearing.held_again:
            self._step(Trigger.LEANS)

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
        self._press_due()
        if self._key.stuck(self._now):
            self._released(ev.TurnReleased(self._now))
        if self._asking:
            self._weigh(self._hearing.expire(self._now))
        self._actions += self._turn.tail_over(self._now)
        self._turn_due()
        limit = self._limits.get(self.state)
        if limit is not None and self._now >= self._since + limit[0]:
            self._step(Trigger.OVERDUE)

    def _turn_due(self) -> None:
        speaking = self._speaking
        if self._turn.over(self._now, speaking):
            if self._turn.dismissed and not speaking:
                self._actions += self._turn.discard("no words")
                return
            voiced_s, by_key = self._onset.voiced_s, self._options.push_to_talk
            self._actions += self._turn.commit(self._now, speaking, voiced_s, by_key=by_key)
            if speaking:  # the longest turn is over, and the person goes on: another begins
                self._actions += self._turn.to_model(self._now, voiced_s)
        elif (
            self.state is not State.HELD
            and not self._hearing.excused
            and self._turn.lapsed(self._now, speaking)
        ):
            self._actions += self._turn.drop(self._now, "over before the reply was")

    def _unforeseen(self, event: object) -> None:
        self.unforeseen[type(event).__name__] += 1
        if self._strict:
            raise MisuseError("the controller knows no such event", value=type(event).__name__)

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
        ev.TurnPressed: _pressed,
        ev.TurnReleased: _released,
        ev.TurnCancelled: _cancelled,
        ev.OptionsChanged: _options_changed,
    }
