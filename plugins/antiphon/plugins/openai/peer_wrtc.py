"""A peer of libwebrtc, through the package ``wrtc``: for lossy paths.

Its own jitter buffer (NetEQ) adapts to the path, stretches and shortens sound, and fills gaps from
in-band FEC; Opus and the packets never touch Python. It costs less processor time than aiortc a call,
and some 25 ms more delay on a clean path.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence

import numpy as np
import webrtc
from numpy.typing import NDArray

from antiphon.plugins.openai.peer import CHANNEL, DEFAULT_MAX_MESSAGE, RATE_HZ, PeerEvents, Samples

__all__ = ["Halver", "WrtcPeer"]

_WIRE_HZ = 48_000
_GATHER_S = 5.0  # s; without STUN it takes milliseconds
_COUNT_S = 1.0  # s between looks at the count of packets
_TAPS = 31  # of the filter before every second sample is left out: -60 dB above 13.5 kHz


class Halver:
    """48 kHz to 24 kHz, a piece at a time."""

    def __init__(self) -> None:
        offsets = np.arange(_TAPS) - _TAPS // 2
        taps = np.sinc(offsets * 0.46) * np.kaiser(_TAPS, 6.0)
        self._taps = (taps / taps.sum()).astype(np.float32)
        self._before: NDArray[np.float32] = np.zeros(_TAPS - 1, dtype=np.float32)

    def __call__(self, samples: NDArray[np.int16]) -> Samples:
        """Mono int16 of an even length n as n / 2 samples; 0.3 ms late."""
        sound = np.concatenate([self._before, samples.astype(np.float32)])
        self._before = sound[len(sound) - _TAPS + 1 :]
        windows = np.lib.stride_tricks.sliding_window_view(sound, _TAPS)[::2]
        halved: Samples = np.clip(np.rint(windows @ self._taps), -32768, 32767).astype(np.int16)
        return halved


class WrtcPeer:
    """One call; `peer.PeerTransport` says how to use it.

    Args:
        events: Whom it tells.
        ice_servers: STUN addresses.
        loopback: Whether to be reached over 127.0.0.1 too. For the whole process, from its first peer on.
    """

    def __init__(
        self, events: PeerEvents, ice_servers: Sequence[str] = (), *, loopback: bool = False
    ) -> None:
        if loopback:
            with contextlib.suppress(webrtc.InvalidStateError):  # an earlier peer was for elsewhere
                webrtc.allow_loopback()
        self._events = events
        servers = [webrtc.RTCIceServer(urls=address) for address in ice_servers]
        self._peer = webrtc.RTCPeerConnection(webrtc.RTCConfiguration(ice_servers=servers))
        self._track = webrtc.MediaStreamTrackGenerator("audio")
        self._writer = self._track.writable.get_writer()
        self._gathered = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._closing = False
        self._halve = Halver()
        self._packets = 0
        self._counter: asyncio.Task[None] | None = None
        self._peer.add_track(self._track)
        self._channel = self._peer.create_data_channel(CHANNEL)
        self._channel.on("open", lambda _: self._events.opened())
        self._channel.on("message", self._message)
        self._channel.on("close", lambda _: self._closed("the data channel was closed"))
        self._peer.on("icegatheringstatechange", self._gathering)
        self._peer.on("connectionstatechange", self._state_changed)
        self._peer.on("track", self._on_track)
        self.max_message = DEFAULT_MAX_MESSAGE

    @property
    def packets(self) -> int:
        """As `peer.PeerTransport.packets`, up to a second old."""
        return self._packets

    async def offer(self) -> str:
        """As `peer.PeerTransport.offer`."""
        await self._peer.set_local_description(await self._peer.create_offer())
        self._gathering(None)
        await asyncio.wait_for(self._gathered.wait(), _GATHER_S)
        description = self._peer.local_description
        assert description is not None
        return description.sdp

    async def answer(self, sdp: str) -> None:
        """As `peer.PeerTransport.answer`."""
        if found := re.search(r"^a=max-message-size:(\d+)", sdp, re.MULTILINE):
            self.max_message = int(found[1]) or self.max_message
        try:
            await self._peer.set_remote_description(webrtc.RTCSessionDescription(type="answer", sdp=sdp))
        except (webrtc.OperationError, webrtc.InvalidAccessError, webrtc.InvalidStateError) as error:
            raise ValueError(str(error)) from error

    def write(self, frame: Samples) -> None:
        """As `peer.PeerTransport.write`."""
        sound = webrtc.AudioDataInit(
            format="s16",
            sample_rate=RATE_HZ,
            number_of_frames=len(frame),
            number_of_channels=1,
            timestamp=0,
            data=np.ascontiguousarray(frame, dtype=np.int16).tobytes(),
        )
        self._writer.write(webrtc.AudioData(sound)).add_done_callback(_ignore)

    def send(self, text: str) -> None:
        """As `peer.PeerTransport.send`."""
        self._channel.send(text)

    async def close(self) -> None:
        """As `peer.PeerTransport.close`."""
        self._closing = True
        tasks = [task for task in (self._reader, self._counter) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._track.stop()
        self._peer.close()

    def _on_track(self, event: webrtc.RTCTrackEvent) -> None:
        if self._reader is None:
            loop = asyncio.get_running_loop()
            self._reader = loop.create_task(self._read(event.track), name="antiphon-peer-audio")
            self._counter = loop.create_task(self._count(), name="antiphon-peer-packets")

    async def _read(self, track: webrtc.MediaStreamTrack) -> None:
        processor = webrtc.MediaStreamTrackProcessor(webrtc.MediaStreamTrackProcessorInit(track))
        async for piece in processor.readable:
            if isinstance(piece, webrtc.AudioData):
                self._events.audio(self._mono(piece))
                piece.close()

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(_COUNT_S)
            for stats in (await self._peer.get_stats()).values():
                if isinstance(stats, webrtc.RTCInboundRtpStreamStats):
                    self._packets = stats.packets_received or 0

    def _mono(self, piece: webrtc.AudioData) -> Samples:
        data = bytearray(2 * piece.number_of_frames * piece.number_of_channels)
        piece.copy_to(data, webrtc.AudioDataCopyToOptions(plane_index=0, format="s16"))
        sound = np.frombuffer(data, dtype=np.int16).reshape(-1, piece.number_of_channels)
        mono = sound[:, 0] if piece.number_of_channels == 1 else sound.mean(axis=1).astype(np.int16)
        return self._halve(mono) if int(piece.sample_rate) == _WIRE_HZ else mono

    def _message(self, event: webrtc.MessageEvent) -> None:
        if isinstance(event.data, str) and not self._closing:
            self._events.message(event.data)

    def _gathering(self, _: object) -> None:
        if self._peer.ice_gathering_state == "complete":
            self._gathered.set()

    def _state_changed(self, _: object) -> None:
        state = str(self._peer.connection_state.value)
        if self._closing:
            return
        if state in ("connected", "disconnected"):
            self._events.connected(state == "connected")
        elif state in ("failed", "closed"):
            self._closed(f"the connection is {state}")

    def _closed(self, why: str) -> None:
        if not self._closing:
            self._events.closed(why)


def _ignore(future: asyncio.Future[None]) -> None:
    """A frame that came after the end is nobody's loss."""
    if not future.cancelled():
        future.exception()
