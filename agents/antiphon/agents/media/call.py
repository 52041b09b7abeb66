"""One call on the media plane: the shell around the controller.

Sound comes in (`attach`, `audio`), is cut into windows, and each window's speech probability is an event
for the `InterruptionController`; its actions hold, resume and flush the playout and move the person's
audio through the gate. What concerns the application is told to the `Listener`. Everything runs on the
media loop; other threads come through `MediaThread.call`.

The shell decides nothing: it reads the clock, builds the event, calls the controller, carries out the
actions in order and re-arms one timer. Events that the actions cause are queued, not nested.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Protocol, assert_never

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.interruption import InterruptionController
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption import events as ev
from antiphon.agents.logs import get_logger
from antiphon.agents.media.gate import Gate
from antiphon.agents.media.playout import Playout, PlayoutEvents
from antiphon.agents.media.router import NativeStream, Samples, open_stream
from antiphon.agents.media.source import Source
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.media.windows import Windows
from antiphon.agents.options import TurnTaking

__all__ = ["RATE_HZ", "Listener", "MediaCall", "VoiceDetector"]

log = get_logger(__name__)

RATE_HZ = 24_000  # Hz; what the realtime models speak, both ways
_FRAME_MS = 20  # ms; the Opus frame, so that nothing waits for a second one
_LATE_S = 0.1  # s; a gap in the person's audio after which the detector starts afresh


class VoiceDetector(Protocol):
    """Speech probability by window; Silero unless another is given. One for each stream."""

    def window(self, samples: NDArray[np.int16]) -> float:
        """The probability of speech, 0 to 1, in mono int16, shape (512,), 16 kHz. At most 0.2 ms."""
        ...

    def reset(self) -> None:
        """Forgets what was heard."""
        ...


class Listener(Protocol):
    """Who carries out what concerns the application. Called on the media thread; must not block."""

    def turn_audio(self, samples: Samples) -> None:
        """Audio of the person's turn, for the model: mono int16 at `RATE_HZ`, shape (n,)."""

    def turn_committed(self, speech_ended_at: float) -> None:
        """The turn is complete: have it answered. Comes after all of its audio."""

    def turn_discarded(self) -> None:
        """The model holds audio of a turn that was none: have it dropped."""

    def floor_yielded(self, reply_id: str, heard: int) -> None:
        """The reply is flushed at ``heard`` samples: cancel it and cut the model's memory."""

    def speech(self, speaking: bool, at: float) -> None:
        """The person began or stopped speaking."""

    def playout_started(self, reply_id: str, at: float) -> None:
        """A reply's first sample went to the transport."""

    def playout_ended(self, reply_id: str, heard: int) -> None:
        """A reply was heard to its end."""


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
        continuous: bool = False,
        log_fields: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log.bind(**(log_fields or {}))
        self._continuous = continuous
        self._media = media
        self._loop = media.loop
        self._controller = controller
        self._detector = detector
        self._listener = listener
        self._timeline = timeline
        self._windows = Windows()
        self._gate = Gate(rate_hz=RATE_HZ, pre_roll_s=options.pre_roll_s, send=self._send)
        self._at_model = False  # the model holds audio of the turn at hand
        self._playout = Playout(
            source,
            PlayoutEvents(self._on_started, self._on_advanced, self._on_ended),
            fade_s=options.fade_s,
        )
        self._interruptible: dict[str, bool] = {}
        self._pending: deque[ev.Event] = deque()
        self._draining = False
        self._stream: NativeStream | None = None
        self._backlog: list[Samples] | None = None
        self._input_enabled = True
        self._last_audio = 0.0
        self._voice_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closed = False
        self.heard: tuple[str, int] = ("", 0)
        """The reply last heard, and its position in samples. Read from any thread."""

    # The person's side.

    def attach(self, track: rtc.Track, *, wait_for_earlier: bool = False) -> None:
        """Listens to a track in place of the one before. Any thread.

        Args:
            track: A subscribed remote audio track.
            wait_for_earlier: Keep what comes until `earlier_audio` brought what was said before it.
        """
        self._media.call(self._attach, track, wait_for_earlier)

    def detach(self) -> None:
        """Listens to nobody. Any thread."""
        self._media.call(self._detach)

    def mute(self) -> None:
        """The person's track was muted. Any thread."""
        self._media.call(self.input_lost)

    def input_lost(self) -> None:
        """No more audio comes for now. Media thread."""
        self._event(ev.InputLost(self._loop.time()))
        self._gate.forget()
        self._windows.reset()
        self._detector.reset()

    def audio(self, samples: Samples) -> None:
        """The person's next audio, mono int16 at `RATE_HZ`. Media thread."""
        now = self._loop.time()
        if now - self._last_audio > _LATE_S and self._last_audio:
            self._windows.reset()
            self._detector.reset()
        self._last_audio = now
        if self._backlog is not None:
            self._backlog.append(samples)
            return
        self._take(samples, now)

    def earlier_audio(self, samples: Samples) -> None:
        """What the person said before the agent came, mono int16 at `RATE_HZ`; may be empty. Any thread."""
        self._media.call(self._earlier, samples)

    def enable_input(self, enabled: bool) -> None:
        """Switches hearing on or off. Media thread."""
        if self._input_enabled and not enabled:
            self.input_lost()
        self._input_enabled = enabled

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
        if self._playout.reply_id == reply_id or reply_id in self._interruptible:
            # The controller no longer counts it (stalled, or waiting behind another): drop it all the same.
            self._yield(reply_id, "interrupted by the application", now)
            self._arm()

    def commit(self) -> None:
        """The application ends the person's turn."""
        self._event(ev.CommitRequested(self._loop.time()))

    def clear(self) -> None:
        """The application drops the person's turn."""
        self._event(ev.ClearRequested(self._loop.time()))

    def start(self) -> None:
        """Begins the flow of audio, silence at first. Media thread."""
        self._playout.tick(self._loop.time())
        self._arm()

    def close(self) -> None:
        """Ends the call on this plane. Media thread."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    # Ingress.

    def _attach(self, track: rtc.Track, wait_for_earlier: bool) -> None:
        if self._closed:
            return
        self._detach()
        self._backlog = [] if wait_for_earlier else None
        self._stream = open_stream(
            track,
            rate_hz=RATE_HZ,
            frame_ms=_FRAME_MS,
            loop=self._loop,
            sink=self.audio,
            ended=self.input_lost,
        )

    def _detach(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self.input_lost()

    def _earlier(self, samples: Samples) -> None:
        """Takes earlier audio and the live audio that waited for it, dated as if each had come in time."""
        backlog, self._backlog = self._backlog, None
        everything = np.concatenate([samples, *(backlog or [])])
        now = self._loop.time()
        step = RATE_HZ * _FRAME_MS // 1000
        for start in range(0, len(everything), step):
            left = (len(everything) - start - step) / RATE_HZ
            self._take(everything[start : start + step], now - max(left, 0.0))

    def _take(self, samples: Samples, now: float) -> None:
        if self._closed or not self._input_enabled:
            return
        self._gate.push(samples)
        if self._continuous:
            self._listener.turn_audio(samples)
        for window in self._windows.push(samples):
            self._event(ev.VadFrame(now, self._detector.window(window)))

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
            case act.HoldPlayout():
                reply_id = self._playout.reply_id or ""
                heard = self._playout.hold(self._loop.time())
                self._note(tl.Hold(self._loop.time(), _ms(heard), reply_id))
            case act.ResumePlayout(reason):
                reply_id = self._playout.reply_id or ""
                heard = self._playout.resume(self._loop.time())
                self._note(tl.Resume(self._loop.time(), _ms(heard), reason, reply_id))
            case act.YieldFloor(reply_id, _, reason):
                self._yield(reply_id, reason, self._loop.time())
            case act.OpenGate():
                self._at_model = True
                self._gate.open(now - self._voice_at)
            case act.CloseGate():
                self._gate.close()
            case act.BufferTurn():
                self._gate.store(now - self._voice_at)
            case act.ReleaseTurn():
                self._at_model = True
                self._gate.release()
            case act.CommitTurn(speech_ended_at):
                audio = self._gate.commit() / RATE_HZ
                self._at_model = False
                self._note(tl.Commit(self._loop.time(), speech_ended_at, audio))
                self._listener.turn_committed(speech_ended_at)
            case act.DiscardTurn(reason):
                audio = self._gate.discard() / RATE_HZ
                if self._at_model or self._continuous:
                    self._listener.turn_discarded()
                self._at_model = False
                self._note(tl.Discard(self._loop.time(), reason, audio))
            case act.ReportSpeech(speaking, at, over_agent):
                self._report_speech(speaking, at, over_agent)
            case act.ReportStall(reply_id):
                self._log.warning("a reply stalled", reply=reply_id)
                self._note(tl.Failure(self._loop.time(), "ReplyStalled", "no audio came", fatal=False))
            case _:
                assert_never(action)

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
        if not self._continuous:
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
