"""How long a data channel waits until it sends a lost packet again."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, rtcsctptransport

from antiphon.agents.errors import MediaError
from antiphon.plugins.webrtc.sctp import hasten

STRING = 51  # of a data channel's payloads, RFC 8831 section 8


async def pair(hasty: bool) -> tuple[RTCPeerConnection, RTCPeerConnection]:
    """Two peers with an open channel between them."""
    near, far = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    channel = near.createDataChannel("x")
    opened = asyncio.Event()
    channel.on("open", opened.set)
    if hasty:
        assert near.sctp is not None
        hasten(near.sctp)
    await connect(near, far)
    await asyncio.wait_for(opened.wait(), 10)
    return near, far


async def connect(near: RTCPeerConnection, far: RTCPeerConnection) -> None:
    await near.setLocalDescription(await near.createOffer())
    await far.setRemoteDescription(near.localDescription)
    await far.setLocalDescription(await far.createAnswer())
    await near.setRemoteDescription(far.localDescription)


async def lost_once(near: RTCPeerConnection, far: RTCPeerConnection) -> float:
    """Seconds from the loss of a message's only packet to its arrival."""
    loop = asyncio.get_running_loop()
    sctp, other = near.sctp, far.sctp
    assert sctp is not None
    assert other is not None
    lost: list[float] = []
    send = sctp._send_chunk

    async def lossy(chunk: rtcsctptransport.Chunk) -> None:
        if isinstance(chunk, rtcsctptransport.DataChunk) and not lost:
            lost.append(loop.time())
            return
        await send(chunk)

    got: asyncio.Queue[str] = asyncio.Queue()
    next(iter(other._data_channels.values())).on("message", got.put_nowait)
    sctp._send_chunk = lossy  # type: ignore[method-assign]
    next(iter(sctp._data_channels.values())).send("hello")
    assert await asyncio.wait_for(got.get(), 10) == "hello"
    return loop.time() - lost[0]


@pytest.mark.parametrize("hasty", [True, False])
async def test_a_lost_packet_is_sent_again_soon(hasty: bool) -> None:
    near, far = await pair(hasty)
    try:
        took = await lost_once(near, far)
    finally:
        await near.close()
        await far.close()
    assert (took < 0.9) if hasty else (took >= rtcsctptransport.SCTP_RTO_MIN)


async def test_an_event_goes_out_again_before_it_is_known_to_be_lost() -> None:
    near, far = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    channel = near.createDataChannel("x")
    sctp = near.sctp
    assert sctp is not None
    sends: list[tuple[int, int]] = []
    send = sctp._send_chunk

    async def lossy(chunk: rtcsctptransport.Chunk) -> None:
        if isinstance(chunk, rtcsctptransport.DataChunk) and chunk.protocol == STRING:
            sends.append((chunk.tsn, chunk._sent_count))
            if len(sends) == 1:
                return
        await send(chunk)

    sctp._send_chunk = lossy  # type: ignore[method-assign]
    hasten(sctp)
    got: asyncio.Queue[str] = asyncio.Queue()
    far.on("datachannel", lambda other: other.on("message", got.put_nowait))
    channel.on("open", lambda: channel.send("hello"))
    try:
        await connect(near, far)
        assert await asyncio.wait_for(got.get(), 10) == "hello"
        assert sends[1] == (sends[0][0], 1), "the same packet, and not by its timer"
    finally:
        await near.close()
        await far.close()


def test_another_aiortc_is_refused() -> None:
    with pytest.raises(MediaError, match="unknown"):
        hasten(object())  # type: ignore[arg-type]
