"""One call on the media plane: the shell around the controller.

Sound comes in through the `Ingress`, and each window's speech probability is an event for the
`InterruptionController`; its actions hold, resume and flush the playout and move the person's
audio through the gate. What concerns the application is told to the `Listener`. Everything runs on the
media loop; other threads come through `MediaThread.call`.

The shell decides nothing: it reads the clock, builds the event, calls the controller, carries out the
actions in order and re-arms one timer. Events that the actions cause are queued, not nested.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import assert_never

import numpy as np

from antiphon.agents import timeline as tl
from antiphon.agents.interruption import InterruptionController, Opinion
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption import events as ev
from antiphon.agents.interruption.evidence import Evidence
from antiphon.agents.logs import get_logger
from antiphon.agents.media.apm import AudioProcessing, AudioProcessor
from antiphon.agents.media.echo import EchoEstimator, EchoReference
from antiphon.agents.media.gate import Gate
from antiphon.agents.media.ingress import Ingress, IngressEvents, VoiceDetector
from antiphon.agents.media.inquiries import Inquiries
from antiphon.agents.media.judging import Asker
from antiphon.agents.media.looking import Looking
from antiphon.agents.media.noting import EvidenceNotes
from antiphon.agents.media.playout import Playout, PlayoutEvents
from antiphon.agents.media.router import Samples
from antiphon.agents.media.source import Source
from antiphon.agents.media.tap import Tap
from antiphon.agents.media.telling import Listener
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.media.windows import RATE_IN_HZ
from antiphon.agents.options import TurnTaking

__all__ = ["RATE_HZ", "Listener", "MediaCall"]

log = get_logger(__name__)

RATE_HZ = RATE_IN_HZ  # Hz; what the realtime models speak, both ways


class MediaCall:
    """One call.

    Args:
        media: The thread whose loop it runs on.
        options: How turns are taken.
        controller: Decides.
        detector: Speech probability.
        source: The way to the person's ear.
        listener: The application's side.
        timeline: Where events are noted.
        asker: Has the judges asked; nobody is when not given.
        processing: What is done to the person's audio; nothing when not given.
        language: What the call speaks, as BCP 47, for the judges; empty when it is not known.
        continuous: Send all live audio on, gate or no gate: for a recogniser that needs to hear the silence.
        log_fields: Added to every log record: call, room, job.
    """

    def __init__(
        self,
        *,
        media: MediaThread,
        options: TurnTaking,
        controller: InterruptionController,
        detector: VoiceDetector,
        source: Source,
        listener: Listener,
        timeline: tl.Timeline,
        asker: Asker | None = None,
        processing: AudioProcessing | None = None,
        language: str = "",
        continuous: bool = False,
        log_fields: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log.bind(**(log_fields or {}))
        self._continuous = continuous
        self._media = media
        self._loop = media.loop
        self._controller = controller
        self._listener = listener
        self._timeline = timeline
        self._gate = Gate(rate_hz=RATE_HZ, pre_roll_s=options.pre_roll_s, send=self._send)
        self._at_model = False  # the model holds audio of the turn at hand
        self._reference = EchoReference(RATE_HZ)
        self._echo = EchoEstimator(self._reference)
        self._inquiries = Inquiries(asker, self._echo, language)
        self._evidence = EvidenceNotes(controller.onset, self._reference.stand, self._note)
        self._looking = Looking(options, self._echo, self._inquiries, self._evidence)
        self._playout = Playout(
            Tap(source, self._reference),
            PlayoutEvents(self._on_started, self._on_advanced, self._on_ended),
            fade_s=options.fade_s,
            rewind_after_s=options.rewind_after_s,
        )
        self._take(options)
        self._interruptible: dict[str, bool] = {}
        self._pending: deque[ev.Event] = deque()
        self._draining = False
        self._voice_at = 0.0
        self._turn_at: float | None = None  # where the voice of the turn at hand began
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closed = False
        heard = IngressEvents(self._hear, self._window, self._lose, self._echo.reset)
        reference = self._reference
        processor = AudioProcessor(processing, rate_hz=RATE_HZ, reference=reference) if processing else None
        self.ingress = Ingress(media, detector, heard, processor)
        """The person's side."""
        self.heard: tuple[str, int] = ("", 0)
        """The reply last heard, and its position in samples. Read from any thread."""

    @property
    def voice_at(self) -> float:
        """When a window last sounded like a voice, s, the media loop's clock. Read from any thread."""
        return self._looking.voice_at

    # The agent's side. Media thread.

    def reply_requested(self, reply_id: str, interruptible: bool) -> None:
        """A reply is being generated."""
        self._event(ev.ReplyRequested(self._loop.time(), reply_id, interruptible))

    def reply_audio(self, reply_id: str, interruptible: bool, samples: Samples) -> None:
        """Audio of a reply, mono int16 at `RATE_HZ`."""
        self._interruptible.setdefault(reply_id, interruptible)
        self._playout.append(reply_id, samples, self._loop.time())
        self._drain()

    def reply_complete(self, reply_id: str) -> None:
        """All audio of a reply is here."""
        self._playout.complete(reply_id, self._loop.time())
        self._drain()

    def reply_over(self, reply_id: str, cancelled: bool) -> None:
        """The application is through with a reply, whether or not any of it was heard."""
        self._event(ev.ReplyEnded(self._loop.time(), reply_id, "cancelled" if cancelled else "done"))

    def interrupt(self, reply_id: str) -> None:
        """The application interrupts a reply; `Listener.floor_yielded` answers, once."""
        now = self._loop.time()
        self._event(ev.InterruptRequested(now, reply_id))
        if self._playout.reply_id == reply_id:  # the application was through with it, yet it sounds
            self._yield(reply_id, "interrupted by the application", now)
            self._arm()

    def commit(self) -> None:
        """The application ends the person's turn."""
        self._event(ev.CommitRequested(self._loop.time()))

    def clear(self) -> None:
        """The application drops the person's turn."""
        self._event(ev.ClearRequested(self._loop.time()))

    # Turn taking, from the application. Any thread.

    def press_turn(self) -> None:
        """Push-to-talk: the person's turn begins. Any thread; nothing while it is on already."""
        self._media.call(self._now, ev.TurnPressed)

    def release_turn(self) -> None:
        """Push-to-talk: the person's turn is over and committed. Any thread."""
        self._media.call(self._now, ev.TurnReleased)

    def cancel_turn(self) -> None:
        """Push-to-talk: the person's turn is dropped. Any thread."""
        self._media.call(self._now, ev.TurnCancelled)

    def change_options(self, options: TurnTaking) -> None:
        """Takes turns by other numbers from now on, or with a key or without. Any thread."""
        self._media.call(self._change, options)

    def agent_asked(self, asked: bool) -> None:
        """Whether the agent's last words may be a question, to which "mm-hm" is an answer; so it is held
        to be until told otherwise. Any thread."""
        self._media.call(self._note_asked, asked)

    def _note_asked(self, asked: bool) -> None:
        self._inquiries.asked = asked

    def _now(self, kind: type[ev.TurnPressed | ev.TurnReleased | ev.TurnCancelled]) -> None:
        self._event(kind(self._loop.time()))

    def _change(self, options: TurnTaking) -> None:
        self._event(ev.OptionsChanged(self._loop.time(), options))
        self._take(options)

    def _take(self, options: TurnTaking) -> None:
        self._by_key = options.push_to_talk
        self._duck = 10 ** (-options.duck_db / 20)
        self._looking.change(options)
        self._gate.change(options.pre_roll_s)
        self._playout.change(options.fade_s, options.rewind_after_s)

    def evidence(self) -> Evidence:
        """What the person's speech sounds like so far, or the last one did. Media thread; 1 to 3 ms."""
        return self._evidence.evidence(self._loop.time())

    def start(self) -> None:
        """Begins the flow of audio, silence at first. Media thread."""
        self._playout.tick(self._loop.time())
        self._arm()

    def close(self) -> None:
        """Ends the call on this plane. Media thread."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._inquiries.close()
        self.ingress.close()

    # The ingress.

    def _hear(self, samples: Samples) -> None:
        if self._continuous and not self._by_key:
            self._listener.turn_audio(samples)
        elif self._continuous and not self._gate.is_open:  # a recogniser needs the silence after a turn
            self._listener.turn_audio(np.zeros_like(samples))
        self._gate.push(samples)

    def _window(self, at: float, window: Samples, speech: float) -> None:
        self._event(self._looking.window(at, window, speech))

    def _lose(self) -> None:
        self._looking.lose()
        self._event(ev.InputLost(self._loop.time()))
        self._gate.forget()

    # The controller.

    def _event(self, event: ev.Event) -> None:
        self._pending.append(event)
        self._drain()

    def _drain(self) -> None:
        if self._draining or self._closed:
            return
        self._draining = True
        try:
            while self._pending:
                event = self._pending.popleft()
                actions = self._controller.handle(event)
                for action in actions:
                    self._perform(action, event.now)
        finally:
            self._draining = False
        self._arm()

    def _arm(self) -> None:
        if self._closed:
            return
        deadline = self._controller.deadline()
        at = self._playout.next_tick
        if deadline is not None and deadline.at < at:
            at = deadline.at
        if self._timer is not None:
            if abs(at - self._timer_at) < 0.0005:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now >= self._playout.next_tick - 0.0005:
            self._playout.tick(now)
        deadline = self._controller.deadline()
        if deadline is not None and now >= deadline.at:
            self._pending.append(ev.DeadlineReached(now, deadline.reason))
        self._drain()

    # Actions.

    def _perform(self, action: act.Action, now: float) -> None:
        match action:
            case act.HoldPlayout(ducked):
                reply_id = self._playout.reply_id or ""
                now = self._loop.time()
                heard = self._playout.duck(now, self._duck) if ducked else self._playout.hold(now)
                self._note(tl.Hold(now, _ms(heard), reply_id, ducked))
            case act.ResumePlayout(reason):
                reply_id = self._playout.reply_id or ""
                heard = self._playout.resume(self._loop.time())  # first: the evidence takes 1 to 3 ms
                self._evidence.decided(self._loop.time())
                self._note(tl.Resume(self._loop.time(), _ms(heard), reason, reply_id))
            case act.YieldFloor(reply_id, _, reason):
                self._evidence.decided(self._loop.time())
                self._yield(reply_id, reason, self._loop.time())
            case act.AskJudges():
                told = partial(self._told, action.speech)
                self._inquiries.judges(action, self._voice_at, self._turn_at, told)
            case act.AskTurnEnd(pause, quiet_s):
                self._inquiries.turn_end(quiet_s, self._turn_at, partial(self._estimated, pause))
            case act.OpenGate():
                self._turn_began()
                self._at_model = True
                self._gate.open(now - self._voice_at)
            case act.CloseGate():
                self._gate.close()
            case act.BufferTurn():
                self._turn_began()
                self._gate.store(now - self._voice_at)
            case act.ReleaseTurn():
                self._at_model = True
                self._gate.release()
            case act.CommitTurn(speech_ended_at):
                audio = self._gate.commit() / RATE_HZ
                self._at_model = False
                self._turn_at = None
                self._note(tl.Commit(self._loop.time(), speech_ended_at, audio))
                self._listener.turn_committed(speech_ended_at)
            case act.DiscardTurn(reason, as_if_unheard):
                audio = self._gate.discard(as_if_unheard=as_if_unheard) / RATE_HZ
                if self._at_model or self._continuous:
                    self._listener.turn_discarded()
                self._at_model = False
                self._turn_at = None
                self._note(tl.Discard(self._loop.time(), reason, audio))
            case act.ReportSpeech(speaking, at, over_agent):
                self._report_speech(speaking, at, over_agent)
            case act.ReportStall(reply_id):
                self._log.warning("a reply stalled", reply=reply_id)
                self._note(tl.Failure(self._loop.time(), "ReplyStalled", "no audio came", fatal=False))
            case _:
                assert_never(action)

    def _told(self, speech: int | None, opinion: Opinion) -> None:
        now = self._loop.time()
        occasion = opinion.occasion.value
        self._note(tl.Opinion(now, opinion.judge, occasion, opinion.probability, opinion.took_s))
        self._event(ev.OpinionReached(now, speech, opinion))

    def read(self, opinion: Opinion, began_at: float) -> None:
        """What a judge holds of a recogniser's words, whose first came at ``began_at``, s. Media thread."""
        heard = self._continuous or self._at_model  # else the recogniser has nothing of this speech
        if heard and began_at > self._voice_at and self._controller.undecided:
            self._told(None, opinion)

    def _turn_began(self) -> None:
        if self._turn_at is None:  # else it goes on after a pause
            self._turn_at = self._voice_at

    def _estimated(self, pause: int, estimator: str, probability: float, took_s: float) -> None:
        now = self._loop.time()
        self._note(tl.TurnEnd(now, estimator, probability, took_s))
        self._event(ev.EndOfTurnEstimated(now, probability, pause))

    def _yield(self, reply_id: str, reason: str, now: float) -> None:
        heard = self._playout.drop(reply_id, now)
        self._interruptible.pop(reply_id, None)
        self._note(tl.Yield(now, _ms(heard), reason, reply_id))
        if heard:
            self._note(tl.PlayoutEnded(now, _ms(heard), True, reply_id))
        self._listener.floor_yielded(reply_id, heard)

    def _report_speech(self, speaking: bool, at: float, over_agent: bool) -> None:
        now = self._loop.time()
        if speaking:
            self._voice_at = at
            self._note(tl.Onset(now, at, over_agent))
        else:
            self._note(tl.SpeechEnded(now, at, max(at - self._voice_at, 0.0)))
        self._listener.speech(speaking, at)

    def _send(self, samples: Samples) -> None:
        if self._by_key or not self._continuous:
            self._listener.turn_audio(samples)

    # The playout's events.

    def _on_started(self, reply_id: str) -> None:
        now = self._loop.time()
        self._note(tl.PlayoutStarted(now, reply_id))
        self._pending.append(ev.PlayoutStarted(now, reply_id, self._interruptible.get(reply_id, True)))
        self._listener.playout_started(reply_id, now)

    def _on_advanced(self, reply_id: str, heard: int) -> None:
        self.heard = (reply_id, heard)
        self._pending.append(ev.PlayoutAdvanced(self._loop.time(), reply_id, heard))

    def _on_ended(self, reply_id: str, heard: int) -> None:
        now = self._loop.time()
        self._interruptible.pop(reply_id, None)
        self._note(tl.PlayoutEnded(now, _ms(heard), False, reply_id))
        self._pending.append(ev.PlayoutEnded(now, reply_id))
        self._listener.playout_ended(reply_id, heard)

    def _note(self, event: tl.Event) -> None:
        self._timeline.append(event)


def _ms(samples: int) -> int:
    return round(samples * 1000 / RATE_HZ)
