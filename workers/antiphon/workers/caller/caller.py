"""An ordinary participant that plays and records.

A microphone track (antiphon.workers.caller.outgoing); the agent's tracks, recorded with arrival times on
the same monotonic clock; transcripts, the agent's state and its timeline as they come. What a person's
app sees is what this sees.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.errors import MisuseError, RoomError
from antiphon.agents.logs import get_logger
from antiphon.agents.timeline_feed import ATTRIBUTE, TOPIC
from antiphon.workers.caller.feed import FeedReader
from antiphon.workers.caller.outgoing import FRAME_SAMPLES, MIC_RATE_HZ, Outgoing, Played
from antiphon.workers.caller.recording import Mix, Recording

__all__ = ["AGENT_RATE_HZ", "MIC_RATE_HZ", "Caller", "Line", "Played", "Sound"]

log = get_logger(__name__)

AGENT_RATE_HZ = 24_000
_QUEUE_MS = 40  # of the source; small, so that handed over is nearly on the wire
_STATE = "lk.agent.state"
_BACKGROUND = "background_audio"  # livekit-agents' name for the track of its BackgroundAudioPlayer

Samples = NDArray[np.int16]


@dataclass(slots=True)
class Line:
    """One segment of a transcript."""

    at: float
    """When its first words came, s, monotonic."""
    speaker: str
    """``user`` or ``agent``."""
    text: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Sound:
    """10 ms of a track of the agent's, as it came."""

    track: str
    """Its id."""
    samples: Samples
    """Mono at 24 kHz, shape (n,)."""


class Caller:
    """One caller. An asynchronous context manager: connected inside, gone after.

    Args:
        url: Of the server.
        token: To join with; it names room and identity.
        on_event: Told of lines (`Line`), states (`str`), sound (`Sound`) and timeline events as they come.
    """

    def __init__(self, url: str, token: str, *, on_event: Callable[[object], None] | None = None) -> None:
        self._url = url
        self._token = token
        self._on_event = on_event or (lambda _: None)
        self.room = rtc.Room()
        self.voice = Mix(AGENT_RATE_HZ)
        """The agent's voice, as it arrived."""
        self.background = Mix(AGENT_RATE_HZ)
        """Its background sound, likewise."""
        self.heard = Mix(AGENT_RATE_HZ, self.voice, self.background)
        """Both, as a person hears them."""
        self.lines: list[Line] = []
        self.states: list[tuple[float, str]] = []
        self.events: list[tl.Event] = []
        """The agent's timeline, on this process's clock."""
        self.agent: rtc.RemoteParticipant | None = None
        self._agent_here = asyncio.Event()
        self._gone = asyncio.Event()
        self._changed = asyncio.Event()
        self._outgoing = Outgoing()
        self._source: rtc.AudioSource | None = None
        self._track: rtc.LocalTrackPublication | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._tracks: set[str] = set()
        self._feed = FeedReader()
        self._segments: dict[tuple[str, str], Line] = {}

    async def __aenter__(self) -> Caller:
        try:
            await self.connect()
        except BaseException:  # cancelled as well: nobody else would leave the room
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def sent(self) -> Recording:
        """The microphone, as handed to the wire."""
        return self._outgoing.sent

    @property
    def late_frames(self) -> int:
        """Microphone frames sent more than 20 ms late."""
        return self._outgoing.late_frames

    @property
    def disconnected(self) -> bool:
        """Whether the room is gone."""
        return self._gone.is_set()

    async def wait_disconnected(self) -> None:
        """Waits until the room is gone."""
        await self._gone.wait()

    async def connect(self, *, microphone: bool = True) -> None:
        """Joins the room and opens the microphone.

        Raises:
            RoomError: It cannot be joined.
        """
        room = self.room
        room.on("track_subscribed", self._on_track)
        room.on("participant_connected", self._on_participant)
        room.on("participant_attributes_changed", self._on_attributes)
        room.on("disconnected", self._on_disconnected)
        room.register_text_stream_handler("lk.transcription", self._on_transcription)
        room.register_text_stream_handler(TOPIC, self._on_feed)
        try:
            await room.connect(self._url, self._token)
        except rtc.ConnectError as error:
            raise RoomError(
                "the room could not be joined",
                value=f"{self._url}: {error}",
                hint="Check the address, the key and that the server runs.",
            ) from None
        await room.local_participant.set_attributes({ATTRIBUTE: "1"})
        for participant in room.remote_participants.values():
            self._on_participant(participant)
        if microphone:
            self._source = rtc.AudioSource(MIC_RATE_HZ, 1, queue_size_ms=_QUEUE_MS)
            track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            self._track = await room.local_participant.publish_track(track, options)
            self._spawn(self._speak(self._source))

    async def wait_for_agent(self, timeout: float = 15.0) -> rtc.RemoteParticipant:
        """The agent, once its track is subscribed.

        Raises:
            RoomError: None came in time.
        """
        try:
            await asyncio.wait_for(self._agent_here.wait(), timeout)
        except TimeoutError:
            seen = ", ".join(p.identity for p in self.room.remote_participants.values()) or "nobody"
            raise RoomError(
                f"no agent came within {timeout:g} s",
                value=f"in the room: {seen}",
                hint="Is a worker running for this server, and does its agent name match?",
            ) from None
        assert self.agent is not None
        return self.agent

    async def play(self, samples: Samples, at: float | None = None) -> Played:
        """Plays a clip through the microphone: mono int16 at 48 kHz, shape (n,).

        Args:
            samples: The clip.
            at: When its first sample is due, s, monotonic; at once, behind what plays, when not given.
        """
        if self._source is None:
            raise MisuseError("the caller has no microphone", hint="Await connect() first.")
        return await self._outgoing.play(samples, at or 0.0)

    def feed(self, samples: Samples) -> None:
        """Adds live microphone audio, e.g. from a sound card; it is sent as it comes.

        A sound card whose clock is faster than ours is kept within 0.2 s by leaving out what is too much.
        """
        self._outgoing.feed(samples)

    async def mute(self, muted: bool = True) -> None:
        """Mutes or unmutes the microphone."""
        if self._track is None or self._track.track is None:
            return
        track = self._track.track
        assert isinstance(track, rtc.LocalAudioTrack)
        if muted:
            track.mute()
        else:
            track.unmute()

    async def send_text(self, text: str) -> None:
        """Types to the agent."""
        await self.room.local_participant.send_text(text, topic="lk.chat")

    async def request(self, method: str, payload: str = "") -> str:
        """Asks the agent's side for something, by RPC; returns its answer.

        Raises:
            RoomError: It refused, with its reason, or nobody is there who could answer.
        """
        agent = self.agent
        if agent is None:
            raise MisuseError("there is no agent to ask", hint="Await wait_for_agent() first.")
        try:
            return await self.room.local_participant.perform_rpc(
                destination_identity=agent.identity, method=method, payload=payload
            )
        except rtc.RpcError as error:
            raise RoomError(
                f"the agent refused {method}",
                value=error.message,
                hint="Does its session allow it? See remote_control in docs/push-to-talk.md.",
            ) from None

    async def use_key(self) -> None:
        """Has the agent take turns by push-to-talk from now on."""
        await self.request("antiphon.update", '{"push_to_talk": true}')

    async def say(self, samples: Samples, at: float | None = None) -> Played:
        """Plays a clip with the push-to-talk key down: pressed as it begins, released as it ends.

        Args:
            samples: As `play` takes it.
            at: When to press, s, monotonic; at once when not given.

        Raises:
            RoomError: The agent refused the press.
        """
        if at is not None:
            await asyncio.sleep(max(at - time.monotonic(), 0.0))
        pressing = asyncio.get_running_loop().create_task(self.request("start_turn"))
        played = await self.play(samples)
        await pressing
        await self.request("end_turn")
        return played

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Waits until something observed makes the condition true; False if time ran out."""
        deadline = time.monotonic() + timeout
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), min(left, 0.25))
            except TimeoutError:
                continue
        return True

    async def aclose(self) -> None:
        """Leaves the room."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._outgoing.close()
        if self.room.isconnected():
            await self.room.disconnect()
        if self._source is not None:
            await self._source.aclose()
            self._source = None

    async def _speak(self, source: rtc.AudioSource) -> None:
        while True:
            await asyncio.sleep(self._outgoing.wait_s(time.monotonic()))
            frame = self._outgoing.frame(time.monotonic())
            await source.capture_frame(rtc.AudioFrame(frame.tobytes(), MIC_RATE_HZ, 1, FRAME_SAMPLES))

    # The room.

    def _on_disconnected(self, *_: object) -> None:
        self._gone.set()
        self._changed.set()

    def _tell(self, event: object) -> None:
        self._on_event(event)
        self._changed.set()

    def _on_participant(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            return
        self.agent = participant
        self._note_state(participant.attributes.get(_STATE))
        for publication in participant.track_publications.values():
            if publication.track is not None:
                self._on_track(publication.track, publication, participant)

    def _on_track(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if track.kind != rtc.TrackKind.KIND_AUDIO or track.sid in self._tracks:
            return
        if participant.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            return
        self._tracks.add(track.sid)
        if publication.name == _BACKGROUND:
            self._spawn(self._record(track, self.background.track()))
            return
        self.agent = participant
        self._spawn(self._record(track, self.voice.track()))
        self._agent_here.set()
        self._changed.set()

    async def _record(self, track: rtc.Track, recording: Recording) -> None:
        stream = rtc.AudioStream(track, sample_rate=AGENT_RATE_HZ, num_channels=1)
        try:
            async for event in stream:
                samples = np.frombuffer(bytes(event.frame.data), dtype=np.int16)
                recording.add(samples, time.monotonic() - len(samples) / AGENT_RATE_HZ)
                self._tell(Sound(track.sid, samples))
        finally:
            self._tracks.discard(track.sid)  # it may be subscribed to again
            await stream.aclose()

    def _on_attributes(self, changed: dict[str, str], participant: rtc.Participant) -> None:
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            self._note_state(changed.get(_STATE))

    def _note_state(self, state: str | None) -> None:
        if state and (not self.states or self.states[-1][1] != state):
            self.states.append((time.monotonic(), state))
            self._tell(state)

    def _on_transcription(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._spawn(self._read(reader, lambda: self._transcribe(reader, identity)))

    async def _transcribe(self, reader: rtc.TextStreamReader, identity: str) -> None:
        attributes = reader.info.attributes or {}
        agent = self.agent is not None and identity == self.agent.identity
        track = attributes.get("lk.transcribed_track_id", "")
        own = self._track is not None and track == self._track.sid
        speaker = "user" if own or not agent else "agent"
        segment = attributes.get("lk.segment_id", reader.info.stream_id)
        final = attributes.get("lk.transcription_final", "false") == "true"
        key = (speaker, segment)
        line = self._segments.get(key)
        if line is None:
            line = self._segments[key] = Line(time.monotonic(), speaker)
            self.lines.append(line)
        if speaker == "user":
            text = await reader.read_all()
            if final or not line.final:  # an interim that comes late changes nothing
                line.text = text
        else:
            async for piece in reader:
                line.text += piece
                self._tell(line)
            final = True
        line.final = line.final or final
        self._tell(line)

    def _on_feed(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._spawn(self._read(reader, lambda: self._take_feed(reader)))

    async def _read(
        self, reader: rtc.TextStreamReader, take: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """A stream that breaks off ends its reading and nothing else; what came of it is kept."""
        try:
            await take()
        except rtc.StreamError as error:
            log.debug("< a text stream broke off", topic=reader.info.topic, error=str(error))
        finally:
            reader.close()

    async def _take_feed(self, reader: rtc.TextStreamReader) -> None:
        text = await reader.read_all()
        for event in self._feed.read(text, now=time.monotonic(), wall=time.time()):
            self.events.append(event)
            self._tell(event)

    def _spawn(self, coro: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
