"""A peer of aiortc: pure Python, the default.

Its receive path is replaced by `antiphon.plugins.webrtc.receive`, since aiortc's own keeps the delay of
every loss. Frames leave as Opus packets made here (mono, in-band FEC), which aiortc passes on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from aioice import Candidate
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet

from antiphon.plugins.openai.peer import CHANNEL, DEFAULT_MAX_MESSAGE, PeerEvents, Samples
from antiphon.plugins.webrtc.opus import OpusEncoder
from antiphon.plugins.webrtc.receive import ReceivedAudio
from antiphon.plugins.webrtc.sctp import hasten

__all__ = ["AiortcPeer"]

_CLOCK = Fraction(1, 48_000)  # s; of RTP time, RFC 7587
_CLOCK_FRAME = 960
if TYPE_CHECKING:
    from av.stream import Stream

    _Packet: TypeAlias = Packet[Stream]
_CANDIDATES = "get_component_candidates"  # aioice 0.13; test_peer_aiortc pins it
_MAX_QUEUED = 10  # packets, 200 ms: more would be delay for good


def _with_loopback(
    gather: Callable[..., Awaitable[list[Candidate]]], component: int, addresses: list[str], timeout: int = 5
) -> Awaitable[list[Candidate]]:
    return gather(component, [*addresses, "127.0.0.1"], timeout)


class _Track(MediaStreamTrack):
    """Packets as they are written."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._encoder = OpusEncoder()
        self._packets: asyncio.Queue[_Packet | None] = asyncio.Queue()
        self._pts = 0

    def write(self, frame: Samples) -> None:
        packet: _Packet = Packet(self._encoder.encode(frame))
        packet.pts, packet.time_base = self._pts, _CLOCK
        self._pts += _CLOCK_FRAME
        while self._packets.qsize() >= _MAX_QUEUED:  # nobody takes them: not connected yet
            self._packets.get_nowait()
        self._packets.put_nowait(packet)

    async def recv(self) -> _Packet:
        packet = await self._packets.get()
        if packet is None or self.readyState != "live":
            raise MediaStreamError
        return packet

    def stop(self) -> None:
        super().stop()
        self._packets.put_nowait(None)


class AiortcPeer:
    """One call; `peer.PeerTransport` says how to use it.

    Args:
        events: Whom it tells.
        ice_servers: STUN addresses; none, rather than aiortc's default of Google's.
        loopback: Whether to be reached over 127.0.0.1 too, which aiortc leaves out.
    """

    def __init__(
        self, events: PeerEvents, ice_servers: Sequence[str] = (), *, loopback: bool = False
    ) -> None:
        self._events = events
        servers = [RTCIceServer(urls=address) for address in ice_servers]
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._track = _Track()
        self._closing = False
        transceiver = self._peer.addTransceiver(self._track, direction="sendrecv")
        self._audio = ReceivedAudio(transceiver.receiver)
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="antiphon-peer-audio")
        self._channel = self._peer.createDataChannel(CHANNEL)
        if self._peer.sctp is not None:
            hasten(self._peer.sctp)
        self._channel.on("open", self._opened)
        self._channel.on("message", self._message)
        self._channel.on("close", lambda: self._closed("the data channel was closed"))
        self._peer.on("connectionstatechange", self._state_changed)
        self.max_message = DEFAULT_MAX_MESSAGE
        if loopback:
            self._add_loopback()

    @property
    def packets(self) -> int:
        """As `peer.PeerTransport.packets`."""
        return self._audio.stats.received

    async def offer(self) -> str:
        """As `peer.PeerTransport.offer`."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        return str(self._peer.localDescription.sdp)

    async def answer(self, sdp: str) -> None:
        """As `peer.PeerTransport.answer`."""
        if found := re.search(r"^a=max-message-size:(\d+)", sdp, re.MULTILINE):
            self.max_message = int(found[1]) or self.max_message
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except (InvalidAccessError, InvalidStateError, OperationError, AssertionError, IndexError) as error:
            raise ValueError(str(error) or "it does not fit the offer") from error

    def write(self, frame: Samples) -> None:
        """As `peer.PeerTransport.write`."""
        self._track.write(frame)

    def send(self, text: str) -> None:
        """As `peer.PeerTransport.send`."""
        self._channel.send(text)

    async def close(self) -> None:
        """As `peer.PeerTransport.close`."""
        self._closing = True
        self._audio.close()
        self._track.stop()
        await self._peer.close()
        await self._reader

    def _add_loopback(self) -> None:
        ends = [transceiver.receiver for transceiver in self._peer.getTransceivers()]
        for end in (*ends, self._peer.sctp):
            assert end is not None
            connection = end.transport.transport.iceGatherer._connection
            gather = partial(_with_loopback, getattr(connection, _CANDIDATES))
            setattr(connection, _CANDIDATES, gather)

    async def _read(self) -> None:
        async for samples in self._audio:
            if not self._closing:
                self._events.audio(samples)

    def _opened(self) -> None:
        self._events.opened()

    def _message(self, message: str | bytes) -> None:
        if isinstance(message, str) and not self._closing:
            self._events.message(message)

    def _state_changed(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._events.connected(True)
        elif state == "disconnected":
            self._events.connected(False)
        elif state in ("failed", "closed"):
            self._closed(f"the connection is {state}")

    def _closed(self, why: str) -> None:
        if not self._closing:
            self._events.closed(why)
