"""A WebRTC peer of the local model: its offer answered, its channel and its tracks.

The client makes the offer, with an audio section and the data channel ``oai-events``; everything is
gathered before the answer, nothing trickles. Media and channel share one UDP port of the addresses given.
Needs the extra ``webrtc``.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from functools import partial

from aioice.candidate import Candidate
from aioice.ice import Connection
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack
from aiortc.sdp import SessionDescription

from antiphon.agents.logs import get_logger
from antiphon.plugins.local.engines import Samples
from antiphon.plugins.local.transport import Media
from antiphon.plugins.webrtc.pacing import PacedTrack
from antiphon.plugins.webrtc.receive import ReceivedAudio
from antiphon.plugins.webrtc.sctp import hasten

__all__ = ["CHANNEL", "BadOffer", "PeerTransport"]

log = get_logger(__name__)

CHANNEL = "oai-events"
CONNECT_S = 30.0  # s from the answer to an open channel; chosen
_MAX_INBOX = 22 * 1024 * 1024  # bytes of messages that wait to be served; more, and the peer is cut. Chosen.
_MAX_OUTBOX = 16 * 1024 * 1024  # bytes that wait to go out, likewise
_MAX_CANDIDATES = 64  # each is an address that gets packets of ours; chosen
_TOO_LARGE = (
    '{{"type":"error","event_id":"{event_id}","error":{{"type":"server_error","code":"event_too_large",\
"message":"An event of {size} bytes is larger than this channel takes.","param":null,"event_id":null}}}}'
)
# Names of the local network, which cannot be asked for here, and the end of candidates: the peer is found
# by its own checks, which come in any case, and they must be waited for.
_LEFT_OUT = re.compile(r"^a=(?:candidate:.*\.local |end-of-candidates).*\r?\n", re.MULTILINE)
_LIMIT = re.compile(r"^a=max-message-size:.*\r?\n", re.MULTILINE)


class BadOffer(Exception):
    """The offer cannot be answered; the text says why, for the client."""


class _Tracks:
    """The peer's `Media`."""

    def __init__(self) -> None:
        self.track = PacedTrack(self._moved)
        self.on_played: Callable[[int], None] | None = None
        self._given = 0
        self._audio: asyncio.Future[ReceivedAudio | None] = asyncio.get_running_loop().create_future()

    @property
    def position(self) -> int:
        return self._given - self.track.queued_samples

    async def heard(self) -> AsyncIterator[Samples]:
        audio = await asyncio.shield(self._audio)
        if audio is not None:
            async for samples in audio:
                yield samples

    def play(self, samples: Samples) -> None:
        self._given += len(samples)
        self.track.push(samples)

    def flush(self) -> None:
        self.track.clear()

    def receive(self, receiver: RTCRtpReceiver) -> None:
        """Takes the client's audio from here on."""
        if not self._audio.done():
            self._audio.set_result(ReceivedAudio(receiver))

    def close(self) -> None:
        """Ends `heard`."""
        if not self._audio.done():
            self._audio.set_result(None)
        elif (audio := self._audio.result()) is not None:
            audio.close()
        self.track.stop()

    def _moved(self, _: int) -> None:
        if self.on_played is not None:
            self.on_played(self.position)


class PeerTransport:
    """One peer. Make it with `answer`; whatever becomes of that, `close` it.

    Args:
        addresses: To offer UDP ports on; None for those of every interface but loopback.
    """

    def __init__(self, addresses: Sequence[str] | None) -> None:
        self._addresses = addresses
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._tracks = _Tracks()
        self.media: Media | None = self._tracks
        self._audio: RTCRtpTransceiver = self._peer.addTransceiver(self._tracks.track, direction="sendrecv")
        opus = [c for c in RTCRtpSender.getCapabilities("audio").codecs if c.mimeType == "audio/opus"]
        self._audio.setCodecPreferences(opus)
        self._channel: RTCDataChannel | None = None
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._inbox_bytes = 0
        self._waiting: list[str] = []
        self._closed = False
        self._closing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._peer.on("track", self._on_track)
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._on_state)

    async def answer(self, offer: str) -> str:
        """Answers an offer; the peer connects from here on, or is closed after `CONNECT_S`.

        Raises:
            BadOffer: It is no offer, or none that has audio in Opus and a data channel.
        """
        offer = _LEFT_OUT.sub("", offer)
        _check(offer)
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if self._peer.sctp is not None:
                hasten(self._peer.sctp)
            self._bind()
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except Exception as error:  # aiortc's parser meets what it does not know with any kind of error
            raise BadOffer(f"The SDP cannot be answered: {str(error) or type(error).__name__}") from error
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(CONNECT_S, self._give_up)
        # aiortc takes more; without the line it is 64 KiB (RFC 8841 section 6.1), as with OpenAI's answer.
        return _LIMIT.sub("", self._peer.localDescription.sdp)

    @property
    def closed(self) -> bool:
        return self._closed

    async def messages(self) -> AsyncGenerator[str | bytes, None]:
        while (message := await self._inbox.get()) is not None:
            self._inbox_bytes -= len(message)
            yield message

    async def send(self, text: str) -> None:
        if self._closed:
            raise ConnectionError("the peer is gone")
        if self._channel is None:
            self._waiting.append(text)  # a session says little before its client does
        else:
            self._send(self._channel, text)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._end()
        if self._closing is not None:
            await asyncio.shield(self._closing)

    def drop(self) -> None:
        self._end(abruptly=True)

    def _end(self, *, abruptly: bool = False) -> None:
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._tracks.close()
        self._inbox.put_nowait(None)
        self._closing = asyncio.create_task(self._hang_up(abruptly), name="antiphon-model-peer")

    async def _hang_up(self, abruptly: bool) -> None:
        try:
            if abruptly:  # the sockets first, so that nothing is said any more
                await asyncio.gather(*(connection.close() for connection in self._connections()))
            await self._peer.close()
        except Exception as error:  # a peer that aiortc has half made cannot always be unmade
            log.warning("a WebRTC peer did not close", error=str(error) or type(error).__name__)

    def _bind(self) -> None:
        """Has ports opened on the addresses given, be it loopback, and on no other."""
        if self._addresses is not None:
            for connection in self._connections():
                gather = partial(_gather, connection, list(self._addresses))
                connection.get_component_candidates = gather  # type: ignore[method-assign]

    def _connections(self) -> list[Connection]:
        transports = {self._audio.receiver.transport.transport}
        if self._peer.sctp is not None:
            transports.add(self._peer.sctp.transport.transport)
        return [transport.iceGatherer._connection for transport in transports]

    def _on_track(self, track: MediaStreamTrack) -> None:
        if self._audio.receiver.track is track:
            self._tracks.receive(self._audio.receiver)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", self._end)
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = self._waiting, []
        for text in waiting:
            self._send(channel, text)

    def _on_message(self, message: str | bytes) -> None:
        self._inbox_bytes += len(message)
        if self._inbox_bytes > _MAX_INBOX:
            log.warning("a peer sends faster than it can be served, and is cut", bytes=self._inbox_bytes)
            self.drop()
            return
        self._inbox.put_nowait(message)

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._end()

    def _send(self, channel: RTCDataChannel, text: str) -> None:
        if channel.readyState != "open":
            raise ConnectionError("the channel is closed")
        if channel.bufferedAmount > _MAX_OUTBOX:
            log.warning("a peer takes nothing more, and is cut", bytes=channel.bufferedAmount)
            self.drop()
            raise ConnectionError("the peer takes nothing more")
        try:
            channel.send(text)
        except ValueError:  # larger than the client said it takes
            size = len(text.encode())
            log.warning("an event was too large for a data channel", bytes=size)
            channel.send(_TOO_LARGE.format(event_id=f"event_{secrets.token_hex(10)}", size=size))

    def _give_up(self) -> None:
        log.warning("a WebRTC peer was answered and never opened its channel", waited_s=CONNECT_S)
        self._end()


def _check(offer: str) -> None:
    """Refuses what aiortc would not, or would halfway.

    Raises:
        BadOffer: Says what the offer must have.
    """
    try:
        description = SessionDescription.parse(offer)
        group = next((group for group in description.group if group.semantic == "BUNDLE"), None)
    except Exception as error:  # the parser meets what it does not know with any kind of error
        raise BadOffer(f"The SDP cannot be read: {str(error) or type(error).__name__}") from error
    if not offer.startswith("v=0"):
        raise BadOffer("This is no SDP: it begins with a line v=0.")
    media = {section.kind: section for section in description.media}
    if sorted(section.kind for section in description.media) != ["application", "audio"]:
        raise BadOffer(
            f"The offer must have one audio section and one data channel, made before it as {CHANNEL!r}, "
            f"and nothing else; it has {', '.join(s.kind for s in description.media) or 'neither'}."
        )
    if group is None or {s.rtp.muxId for s in description.media} != set(map(str, group.items)):
        raise BadOffer("The offer's sections must be in one BUNDLE group.")
    if not any(codec.mimeType.lower() == "audio/opus" for codec in media["audio"].rtp.codecs):
        raise BadOffer("The offer's audio must include Opus (opus/48000/2).")
    for section in description.media:
        ice, dtls = section.ice, section.dtls
        missing = {
            "ice-ufrag": ice is not None and ice.usernameFragment,
            "ice-pwd": ice is not None and ice.password,
            "fingerprint": dtls is not None and dtls.fingerprints,
        }
        if len(section.ice_candidates) > _MAX_CANDIDATES:
            raise BadOffer(f"The offer has more than {_MAX_CANDIDATES} candidates.")
        if line := next((name for name, value in missing.items() if not value), None):
            raise BadOffer(f"The offer's {section.kind} section has no line a={line}.")


async def _gather(
    connection: Connection, ours: list[str], component: int, addresses: list[str], timeout: int = 5
) -> list[Candidate]:
    """`Connection.get_component_candidates` on our addresses, whatever aioice found: it skips loopback."""
    return await Connection.get_component_candidates(connection, component, ours, timeout)
