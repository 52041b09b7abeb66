"""`VoiceSession`: livekit-agents' `AgentSession` with Antiphon's floor.

It takes the same arguments, emits the same events and runs the same `Agent`. What differs: sound goes
over the media plane, and turns are ours (``turn_detection="manual"`` over a model whose own turn
detection is off). The media plane decides on its own thread; what it decided arrives here and becomes
`interrupt`, `commit_user_turn` and `clear_user_turn`.

This module binds; it decides nothing about turns. It reaches into livekit-agents in four named places
(`_update_user_state`, `_on_room_io_participant_linked`, `_close_soon`, and RoomIO's pre-connect
handler), each pinned by `tests/agents/test_livekit_contract.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from livekit import rtc
from livekit.agents import NOT_GIVEN, Agent, CloseReason, NotGivenOr, llm
from livekit.agents.utils import is_given
from livekit.agents.voice import SpeechHandle, io, room_io
from livekit.agents.voice.events import CloseEvent, ConversationItemAddedEvent, SpeechCreatedEvent
from livekit.agents.voice.run_result import RunResult

from antiphon.agents import timeline as tl
from antiphon.agents.control.requests import DEFAULT_REMOTE
from antiphon.agents.control.session import Controlled
from antiphon.agents.endpointing import Endpointer, TurnEndEstimator, endpointer_for
from antiphon.agents.interruption import Arbiter, InterruptionController, Judge
from antiphon.agents.interruption.fusion import arbiter_for
from antiphon.agents.listener import LoopListener
from antiphon.agents.logs import get_logger
from antiphon.agents.media.apm import AudioProcessing
from antiphon.agents.media.call import RATE_HZ, MediaCall
from antiphon.agents.media.detector import default_detector, warm_up
from antiphon.agents.media.ingress import VoiceDetector
from antiphon.agents.media.inquiries import may_ask
from antiphon.agents.media.io import AudioInput, AudioOutput
from antiphon.agents.media.judges import default_judges, default_turn_end
from antiphon.agents.media.judging import Judging
from antiphon.agents.media.room import RoomAudio
from antiphon.agents.media.router import Samples
from antiphon.agents.media.source import NativeSource
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.observer import SessionObserver
from antiphon.agents.options import TurnTaking
from antiphon.agents.reading import WordsReader
from antiphon.agents.session_setup import bind_log, is_cascade, ours
from antiphon.agents.timeline_feed import TimelineFeed
from antiphon.agents.transcript import PacedTranscript
from antiphon.agents.usage import Budget, PriceTable

__all__ = ["VoiceSession"]

log = get_logger(__name__)
warm_up()  # at import, which a job process does before it gets its call
_T = TypeVar("_T")


class VoiceSession(Controlled[_T]):
    """An agent's side of one call.

    Args:
        turn_taking: When to hold, resume, yield and commit.
        voice_detector: Makes the call's speech detector; Silero when not given.
        judges: Whose opinions tell a backchannel from an interruption; shared by the process's calls.
            Those installed when not given; with none, duration alone decides.
        arbiter: Makes what weighs them, in place of `FusionArbiter`.
        turn_end: Estimates at a pause whether the turn is over; shared by the process's calls. The one
            installed when not given; with None a fixed silence decides.
        audio_processing: Echo cancellation, noise suppression, gain on the person's audio; none when not
            given.
        language: What the call speaks, as BCP 47 ("en"), for judges who listen to words.
        endpointer: Makes what tells that a turn is over, in place of `endpointer_for`.
        rejoin_grace_s: How long a person who left may take to come back before the session closes, s.
        timeline: Where the call's events are noted; one is made when not given.
        remote_control: What the linked participant may do from the room, of `ALLOWED_TO_CHANGE`: by default
            take turns with a key, and turn that on and off.
        budget: What the call may cost; at the limit it ends politely.
        prices: What models cost: a table, or the file of one that comes before the shipped one.
        options: Everything else that `livekit.agents.AgentSession` takes.

    Raises:
        ConfigError: An argument of `AgentSession` that Antiphon takes over, with what to use instead; or
            something else that is wrong.
    """

    def __init__(
        self,
        *,
        turn_taking: TurnTaking | None = None,
        voice_detector: Callable[[], VoiceDetector] | None = None,
        judges: Sequence[Judge] | None = None,
        arbiter: Callable[[], Arbiter] | None = None,
        turn_end: NotGivenOr[TurnEndEstimator | None] = NOT_GIVEN,
        audio_processing: AudioProcessing | None = None,
        language: str = "",
        endpointer: Callable[[], Endpointer] | None = None,
        rejoin_grace_s: float = 10.0,
        timeline: tl.Timeline | None = None,
        remote_control: Collection[str] = DEFAULT_REMOTE,
        budget: Budget | None = None,
        prices: PriceTable | str | Path | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**ours(options))
        self.turn_taking = turn_taking or TurnTaking()
        self.timeline = timeline or tl.Timeline()
        self._make_detector = voice_detector or default_detector
        self._judges = default_judges() if judges is None else tuple(judges)
        self._make_arbiter = arbiter
        self._turn_end = turn_end if is_given(turn_end) else default_turn_end()
        self._processing = audio_processing
        self._language = language
        self._make_endpointer = endpointer
        self._rejoin_grace_s = rejoin_grace_s
        self._media = MediaThread.shared()
        self._call: MediaCall | None = None
        self._audio_in: AudioInput | None = None
        self._audio_out: AudioOutput | None = None
        self._room_audio: RoomAudio | None = None
        self._transcript: PacedTranscript | None = None
        self._feed: TimelineFeed | None = None
        self._words: WordsReader | None = None
        self._source: NativeSource | None = None
        self._committed_at: float | None = None
        self._cleanup: asyncio.Task[None] | None = None
        self._close_when_left = True
        SessionObserver(self, self.timeline)
        self._set_up_control(remote_control, prices, budget)
        self.on("speech_created", self._on_speech_created)
        self.on("conversation_item_added", self._on_item)
        self.on("close", self._on_close)

    @property
    def output(self) -> io.AgentOutput:
        """As `AgentSession.output`; a room's transcription is paced by what was heard."""
        output = super().output
        text = output.transcription
        if self._audio_out is not None and text is not None and not isinstance(text, PacedTranscript):
            self._transcript = PacedTranscript(text, self._position)
            output.transcription = self._transcript
        return output

    async def start(  # type: ignore[override]
        self,
        agent: Agent,
        *,
        room: rtc.Room | None = None,
        room_options: room_io.RoomOptions | None = None,
        **options: Any,
    ) -> RunResult[Any] | None:
        """As `AgentSession.start`, with the room's audio over the media plane.

        Args:
            agent: The agent to begin with.
            room: The room; without one the session is as livekit's own (console, tests).
            room_options: As livekit's. Its audio options for the published track, its name and the
                pre-connect audio and noise cancellation are kept; rates and frame sizes are ours.
            options: Further arguments of `AgentSession.start`.
        """
        if room is None:
            self._account.start()
            plain: RunResult[Any] | None = await super().start(agent, **options)
            return plain
        given = room_options or room_io.RoomOptions()
        self._open_call(room, given, bind_log(room), is_cascade(agent, self))
        text = given.get_text_output_options()
        without_audio = replace(
            given,
            audio_input=False,
            audio_output=False,
            text_output=False if text is None else replace(text, sync_transcription=False),
            close_on_disconnect=False,  # the grace time is ours
        )
        self._close_when_left = given.close_on_disconnect
        self._account.start()
        async with AsyncExitStack() as unless_started:
            unless_started.push_async_callback(self._close_call)
            result: RunResult[Any] | None = await super().start(
                agent, room=room, room_options=without_audio, **options
            )
            unless_started.pop_all()
        return result

    async def aclose(self) -> None:
        """Closes the session and waits until its tracks and tasks are gone."""
        await super().aclose()
        if self._cleanup is not None:
            await self._cleanup

    def _open_call(
        self, room: rtc.Room, options: room_io.RoomOptions, log_fields: dict[str, str], cascade: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        hears = options.get_audio_input_options()
        speaks = options.get_audio_output_options() or room_io.AudioOutputOptions()
        self._source = NativeSource(RATE_HZ, loop=self._media.loop)
        ending = self._make_endpointer or partial(
            endpointer_for, self.turn_taking, estimated=self._turn_end is not None
        )
        weighing = self._make_arbiter or partial(arbiter_for, self.turn_taking, self._judges)
        controller = InterruptionController(self.turn_taking, arbiter=weighing(), endpointer=ending())
        self._call = call = MediaCall(
            media=self._media,
            options=self.turn_taking,
            controller=controller,
            detector=self._make_detector(),
            source=self._source,
            listener=LoopListener(
                loop,
                put=self._audio_in_put,
                committed=self._commit,
                discarded=self._discard,
                yielded=self._yielded,
                spoke=self._spoke,
                output=lambda: self._audio_out,
            ),
            timeline=self.timeline,
            asker=Judging(self._judges, self._turn_end, self._media.call),
            processing=self._processing,
            language=self._language,
            continuous=cascade,
            log_fields=log_fields,
        )
        self._room_audio = RoomAudio(
            room=room,
            call=call,
            source=self._source.native,
            publish=speaks.track_publish_options,
            track_name=speaks.track_name or "agent",
            noise_cancellation=hears.noise_cancellation if hears else None,
            pre_connect_s=hears.pre_connect_audio_timeout if hears and hears.pre_connect_audio else 0.0,
            rejoin_grace_s=self._rejoin_grace_s,
            on_left=self._left,
        )
        self._audio_in = AudioInput(loop, call.ingress.enable)
        self._audio_out = AudioOutput(
            call=call,
            media=self._media,
            current_speech=lambda: self.current_speech,
            ready=self._room_audio.ready,
            on_first_audio=self._first_audio,
            heard_text=self._heard_text,
            on_over=self._reply_over,
        )
        self._feed = TimelineFeed(self.timeline, room)
        self._words = WordsReader(
            self,
            self._judges,
            lambda opinion, began: self._media.call(call.read, opinion, began),
            language=self._language,
            continuous=cascade,
        )
        self._open_control(room, call)
        if hears is not None:
            self.input.audio = self._audio_in
        self.output.audio = self._audio_out
        self._media.call(call.start)

    # What the media plane decided, on the application's loop.

    def _audio_in_put(self, item: Samples | Callable[[], None]) -> None:
        if self._audio_in is not None:
            self._audio_in.put(item)

    def _commit(self, speech_ended_at: float) -> None:
        """Runs in the input's order, after the last of the turn's audio went to the model."""
        self._committed_at = time.monotonic()
        if self._words is not None:
            self._words.committed()
        try:
            self.commit_user_turn().add_done_callback(_ignore_result)
        except RuntimeError as error:
            log.warning("a turn came after the session had ended", error=str(error))

    def _discard(self) -> None:
        try:
            self.clear_user_turn()
        except RuntimeError as error:
            log.debug("a turn was dropped after the session had ended", error=str(error))

    def _yielded(self, reply_id: str, heard: int) -> None:
        if self._audio_out is None:
            return
        if heard and isinstance(self.llm, llm.RealtimeModel) and self.llm.capabilities.message_truncation:
            # livekit-agents sends it with the interruption below, with the position given here.
            audio_end_ms = heard * 1000 // RATE_HZ
            self.timeline.append(tl.Truncation(time.monotonic(), audio_end_ms, reply_id))
        speech = self._audio_out.yielded(reply_id, heard)
        current = self.current_speech
        if speech is None and current is not None and reply_id.startswith(f"{current.id}#"):
            speech = current  # yielded before its first audio
        if speech is None or speech.interrupted or speech.done():
            return
        try:
            self.interrupt().add_done_callback(_ignore_result)
        except RuntimeError as error:
            log.warning("the speech would not be interrupted", error=str(error))

    def _spoke(self, speaking: bool, at: float) -> None:
        wall = time.time() - (time.monotonic() - at)
        self._update_user_state("speaking" if speaking else "listening", last_speaking_time=wall)

    # Replies.

    def _first_audio(self, reply_id: str) -> None:
        now = time.monotonic()
        since = None if self._committed_at is None else now - self._committed_at
        self._committed_at = None
        self.timeline.append(tl.FirstAudio(now, since, reply_id))

    def _position(self) -> tuple[float, float, bool] | None:
        return self._audio_out.position if self._audio_out is not None else None

    def _heard_text(self, heard: int) -> str | None:
        position = self._position()
        if self._transcript is None or position is None:
            return None
        return self._transcript.heard_text(heard / RATE_HZ, position[1], position[2])

    def _reply_over(self, interrupted: bool) -> None:
        if self._transcript is not None:
            self._transcript.finish(everything=not interrupted)

    def _on_speech_created(self, event: SpeechCreatedEvent) -> None:
        call, out = self._call, self._audio_out
        if call is None or out is None:
            return
        speech = event.speech_handle
        self._media.call(call.reply_requested, out.next_id(speech), speech.allow_interruptions)
        speech.add_done_callback(self._on_speech_done)

    def _on_speech_done(self, speech: SpeechHandle) -> None:
        if self._call is not None and self._audio_out is not None:
            self._media.call(self._call.reply_over, self._audio_out.next_id(speech), speech.interrupted)
        if self._transcript is not None and (self._audio_out is None or self._audio_out.segment_id is None):
            self._transcript.finish(everything=not speech.interrupted)  # a reply in text alone

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        """A "mm-hm" after a question of the agent's is an answer."""
        item = event.item
        if self._call is not None and isinstance(item, llm.ChatMessage) and item.role == "assistant":
            self._call.agent_asked(item.interrupted or may_ask(item.text_content or ""))

    # The room.

    def _on_room_io_participant_linked(self, participant: rtc.RemoteParticipant) -> None:
        super()._on_room_io_participant_linked(participant)
        if self._room_audio is not None:
            self._room_audio.follow(participant)
        if self._feed is not None:
            self._feed.offer(participant)
        if self._room_control is not None:
            self._room_control.follow(participant)

    def _left(self) -> None:
        if self._close_when_left:
            log.info("the person left and did not come back", grace_s=self._rejoin_grace_s)
            self._close_soon(reason=CloseReason.PARTICIPANT_DISCONNECTED)

    # The end.

    def _on_close(self, _: CloseEvent) -> None:
        self._cleanup = asyncio.get_running_loop().create_task(self._close_call(), name="antiphon-close")

    async def _close_call(self) -> None:
        await self._close_control()
        call, self._call = self._call, None
        if call is None:
            return
        self._media.call(call.close)
        if self._words is not None:
            self._words.close()
        if self._audio_in is not None:
            self._audio_in.put(None)
        for part in (self._room_audio, self._transcript, self._feed):
            if part is not None:
                await part.aclose()
        if self._source is not None:
            self._source.close()
        self.timeline.close()


def _ignore_result(future: asyncio.Future[Any]) -> None:
    """Takes a future's outcome, so that an unread exception is not reported by the loop."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.warning("the session reported an error", error=str(error))
