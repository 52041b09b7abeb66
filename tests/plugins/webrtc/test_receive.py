"""A track's audio over two real peers, with packets lost on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from antiphon.agents.errors import MediaError
from antiphon.plugins.webrtc import receive
from antiphon.plugins.webrtc.pacing import PacedTrack
from antiphon.plugins.webrtc.receive import FRAME_SAMPLES, ReceivedAudio


class Pair:
    """One peer that sends, and one that hears."""

    def __init__(self) -> None:
        self.sender, self.receiver = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
        self.track = PacedTrack()
        self.sender.addTrack(self.track)
        self.audio = ReceivedAudio(self.receiver.addTransceiver("audio", "recvonly").receiver)

    async def connect(self) -> None:
        await self.sender.setLocalDescription(await self.sender.createOffer())
        await self.receiver.setRemoteDescription(self.sender.localDescription)
        await self.receiver.setLocalDescription(await self.receiver.createAnswer())
        await self.sender.setRemoteDescription(self.receiver.localDescription)

    def lose(self, rate: float) -> None:
        """Drops that part of the RTP packets."""
        transport, rng = self.sender.getSenders()[0].transport, random.Random(5)
        send = transport._send_rtp

        async def lossy(data: bytes) -> None:
            rtcp = 192 <= data[1] <= 223  # RFC 5761 section 4
            if rtcp or rng.random() >= rate:
                await send(data)

        transport._send_rtp = lossy  # type: ignore[method-assign]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    yield pair
    pair.audio.close()
    await pair.sender.close()
    await pair.receiver.close()


def tone(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * 24_000)) / 24_000
    return (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)


async def frames(audio: ReceivedAudio, count: int) -> list[np.ndarray]:
    made = []
    async with asyncio.timeout(20 + count * 0.02):
        async for frame in audio:
            made.append(frame)
            if len(made) == count:
                break
    return made


@pytest.mark.parametrize("loss", [0.0, 0.1])
async def test_sound_arrives_whole_with_its_losses_filled(pair: Pair, loss: float) -> None:
    pair.lose(loss)
    await pair.connect()
    await frames(pair.audio, 5)
    pair.track.push(tone(2.0))
    made = await frames(pair.audio, 130)
    assert {len(frame) for frame in made} == {FRAME_SAMPLES}
    assert made[0].dtype == np.int16
    heights = np.array([np.abs(frame.astype(np.int32)).max() for frame in made])
    first, last = np.flatnonzero(heights > 3000)[[0, -1]]
    assert last - first + 1 == pytest.approx(100, abs=8)
    inside = heights[first + 1 : last - 1]
    # No holes: a lost frame sounds on. A stall of this machine may cost some.
    assert np.mean(inside > 2000) > 0.9
    assert (pair.audio.stats.concealed > 3) == (loss > 0) or pair.audio.stats.late


async def test_frames_go_on_while_nothing_comes_and_end_with_close(pair: Pair) -> None:
    await pair.connect()
    pair.track.push(tone(0.5))
    await frames(pair.audio, 10)
    pair.lose(1.0)
    made = await frames(pair.audio, 60)
    assert np.abs(made[-1].astype(np.int32)).max() < 200
    waiting = asyncio.create_task(frames(pair.audio, 10_000))
    await asyncio.sleep(0)
    pair.audio.close()
    await waiting
    assert [frame async for frame in pair.audio] == []


async def test_before_the_first_packet_there_is_nothing_and_close_ends_that(pair: Pair) -> None:
    waiting = asyncio.create_task(frames(pair.audio, 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    pair.audio.close()
    assert await waiting == []


async def test_what_of_aiortc_is_relied_on() -> None:
    """Its private buffer, called with each depayloaded packet, and asked for no more than a pair."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = peer.addTransceiver("audio").receiver
    assert hasattr(receiver, receive._BUFFER)
    await peer.close()
    with pytest.raises(MediaError, match="aiortc"):
        ReceivedAudio(object.__new__(RTCRtpReceiver))


def test_two_frames_merge_in_phase() -> None:
    sound = tone(0.04)
    merged = receive._merged(sound[:FRAME_SAMPLES], sound[FRAME_SAMPLES:])
    assert len(merged) == FRAME_SAMPLES
    level = float(np.sqrt(np.mean(merged.astype(np.float64) ** 2)))
    assert level == pytest.approx(8000 / np.sqrt(2), rel=0.1)
    # It ends as the second does, so that what follows fits.
    assert abs(int(merged[-1]) - int(sound[-1])) < 500
    assert len(receive._merged(sound[:100], sound[:FRAME_SAMPLES])) == FRAME_SAMPLES
