"""The call's two tracks in a LiveKit room: ours published, the person's followed.

The person is whom livekit's RoomIO links (the first participant that is no agent, or the one named);
this part follows their microphone through muting, a switched device and a return within the grace time,
and hands over what they said before the agent was there. Others' tracks are not listened to.

Runs on the application's loop, where the room's events arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import numpy as np
from livekit import rtc
from livekit.agents.voice.room_io._pre_connect_audio import PreConnectAudioHandler
from livekit.agents.voice.room_io.types import NoiseCancellationParams, NoiseCancellationSelector
from livekit.rtc._proto.track_pb2 import AudioTrackFeature
from livekit.rtc.participant import UnpublishTrackError
from livekit.rtc.room import EventTypes

from antiphon.agents.logs import get_logger
from antiphon.agents.media.call import RATE_HZ, MediaCall
from antiphon.agents.media.router import Samples, mixed_down

__all__ = ["RoomAudio"]

log = get_logger(__name__)

NoiseCancellation = (
    rtc.NoiseCancellationOptions | rtc.FrameProcessor[rtc.AudioFrame] | NoiseCancellationSelector | None
)

_DISCONNECTED_FOR_GOOD = frozenset({rtc.DisconnectReason.ROOM_DELETED, rtc.DisconnectReason.USER_REJECTED})


class RoomAudio:
    """Publishes the agent's track and follows the person's.

    Args:
        room: The room, connected or about to be.
        call: Gets the person's audio.
        source: The agent's native source, to be published.
        publish: Options of the published track.
        track_name: Its name.
        noise_cancellation: As livekit's; a frame processor is not applied, since it would run on the thread
            that all calls share.
        pre_connect_s: How long to wait for audio recorded before the agent came, s; 0 for never.
        rejoin_grace_s: How long a person who left may take to come back, s.
        on_left: Told when they did not.
    """

    def __init__(
        self,
        *,
        room: rtc.Room,
        call: MediaCall,
        source: rtc.AudioSource,
        publish: rtc.TrackPublishOptions,
        track_name: str,
        noise_cancellation: NoiseCancellation,
        pre_connect_s: float,
        rejoin_grace_s: float,
        on_left: Callable[[], None],
    ) -> None:
        self._room = room
        self._call = call
        self._source = source
        self._publish_options = publish
        self._track_name = track_name
        self._noise_cancellation = noise_cancellation
        self._rejoin_grace_s = rejoin_grace_s
        self._on_left = on_left
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        """Done when somebody is subscribed to the agent's track."""
        self.track_sid = ""
        self._identity: str | None = None
        self._following: str | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._published = False
        self._earlier: PreConnectAudioHandler | None = None
        if pre_connect_s > 0:
            self._earlier = PreConnectAudioHandler(room, timeout=pre_connect_s)
            self._earlier.register()
        for name, handler in self._handlers():
            room.on(name, handler)
        self._on_connection(room.connection_state)

    def _handlers(self) -> list[tuple[EventTypes, Callable[..., None]]]:
        return [
            ("connection_state_changed", self._on_connection),
            ("track_subscribed", self._on_subscribed),
            ("track_unsubscribed", self._on_unsubscribed),
            ("track_muted", self._on_muted),
            ("participant_disconnected", self._on_disconnected),
            ("participant_connected", self._on_connected),
        ]

    def follow(self, participant: rtc.RemoteParticipant) -> None:
        """Listens to this participant's microphone from now on."""
        if self._identity not in (None, participant.identity):
            self._stop_following()
        self._identity = participant.identity
        self._stay()
        self._subscribed_tracks(participant)

    async def aclose(self) -> None:
        """Stops following and takes the track back."""
        for name, handler in self._handlers():
            self._room.off(name, handler)
        self._stay()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._earlier is not None:
            await self._earlier.aclose()
        if not self.ready.done():
            self.ready.cancel()
        if self.track_sid and self._room.isconnected():
            try:
                await self._room.local_participant.unpublish_track(self.track_sid)
            except (UnpublishTrackError, RuntimeError) as error:
                log.debug("the agent's track was gone already", error=str(error))

    # Ours.

    def _on_connection(self, _: rtc.ConnectionState.ValueType) -> None:
        if self._room.isconnected() and not self._published:
            self._published = True
            self._spawn(self._publish())

    async def _publish(self) -> None:
        track = rtc.LocalAudioTrack.create_audio_track(self._track_name, self._source)
        publication = await self._room.local_participant.publish_track(track, self._publish_options)
        self.track_sid = publication.sid
        await publication.wait_for_subscription()
        if not self.ready.done():
            self.ready.set_result(None)

    # The person's.

    def _on_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if (
            participant.identity != self._identity
            or publication.source != rtc.TrackSource.SOURCE_MICROPHONE
            or publication.sid == self._following
        ):
            return
        self._following = publication.sid
        recorded = self._earlier is not None and (
            AudioTrackFeature.TF_PRECONNECT_BUFFER in publication.audio_features
        )
        self._call.ingress.attach(
            track,
            wait_for_earlier=recorded,
            noise_cancellation=_native(self._noise_cancellation, participant, track),
        )
        if recorded:
            self._spawn(self._hand_over_earlier(track.sid))

    async def _hand_over_earlier(self, track_sid: str) -> None:
        """Brings what was recorded before; whatever happens, the live audio goes on."""
        samples: Samples = np.zeros(0, dtype=np.int16)
        try:
            assert self._earlier is not None
            samples = _joined(await self._earlier.wait_for_data(track_sid))
        except TimeoutError:
            log.warning("the audio recorded before the agent came did not arrive in time")
        finally:
            self._call.ingress.earlier(samples)

    def _on_unsubscribed(
        self, _: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity == self._identity and publication.sid == self._following:
            self._stop_following()
            self._subscribed_tracks(participant)  # a switched device: the other one may be here already

    def _subscribed_tracks(self, participant: rtc.RemoteParticipant) -> None:
        for publication in participant.track_publications.values():
            if publication.track is not None:
                self._on_subscribed(publication.track, publication, participant)

    def _on_muted(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
        if participant.identity == self._identity and publication.sid == self._following:
            self._call.ingress.mute()

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._identity:
            self._stay()

    def _on_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity != self._identity:
            return
        self._stop_following()
        grace = self._rejoin_grace_s
        if participant.disconnect_reason in _DISCONNECTED_FOR_GOOD:
            grace = 0.0
        self._leaving = self._loop.call_later(grace, self._on_left)

    def _stop_following(self) -> None:
        self._following = None
        self._call.ingress.detach()

    def _stay(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _spawn(self, coro: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the call's audio could not be set up", exc_info=task.exception())


def _native(
    wanted: NoiseCancellation, participant: rtc.RemoteParticipant, track: rtc.Track
) -> rtc.NoiseCancellationOptions | None:
    """The noise cancellation of a person's track, if it can be applied natively."""
    if wanted is not None and not isinstance(wanted, rtc.NoiseCancellationOptions | rtc.FrameProcessor):
        wanted = wanted(NoiseCancellationParams(participant, track))
    if isinstance(wanted, rtc.FrameProcessor):
        log.warning("noise cancellation by a frame processor is not applied", kind=type(wanted).__name__)
        return None
    return wanted


def _joined(frames: list[rtc.AudioFrame]) -> Samples:
    """Frames of one format as mono int16 at `RATE_HZ`."""
    parts: list[Samples] = []
    resampler: rtc.AudioResampler | None = None
    for frame in frames:
        samples = mixed_down(np.frombuffer(bytes(frame.data), dtype=np.int16), frame.num_channels)
        if frame.sample_rate == RATE_HZ:
            parts.append(samples)
            continue
        if resampler is None:
            resampler = rtc.AudioResampler(input_rate=frame.sample_rate, output_rate=RATE_HZ)
        mono = rtc.AudioFrame(samples.tobytes(), frame.sample_rate, 1, len(samples))
        parts += [np.frombuffer(bytes(out.data), dtype=np.int16) for out in resampler.push(mono)]
    if resampler is not None:
        parts += [np.frombuffer(bytes(out.data), dtype=np.int16) for out in resampler.flush()]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)
