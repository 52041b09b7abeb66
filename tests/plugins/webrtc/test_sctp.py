"""How long a data channel waits until it sends a lost packet again."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, rtcsctptransport

from antiphon.agents.errors import MediaError
from antiphon.plugins.webrtc.sctp import hasten


async def pair(hasty: bool) -> tuple[RTCPeerConnection, RTCPeerConnection]:
    """Two peers with an open channel between them."""
    near, far = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    channel = near.createDataChannel("x")
    opened = asyncio.Event()
    channel.on("open", opened.set)
    if hasty:
        assert near.sctp is not None
        hasten(near.sctp)
    await near.setLocalDescription(await near.createOffer())
    await far.setRemoteDescription(near.localDescription)
    await far.setLocalDescription(await far.createAnswer())
    await near.setRemoteDescription(far.localDescription)
    await asyncio.wait_for(opened.wait(), 10)
    return near, far


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


def test_another_aiortc_is_refused() -> None:
    with pytest.raises(MediaError, match="unknown"):
        hasten(object())  # type: ignore[arg-type]
