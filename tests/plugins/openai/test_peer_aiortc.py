"""What is ours in aiortc's peer; what it does as a peer is in test_peer."""

from __future__ import annotations

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from antiphon.plugins.openai.peer import PeerEvents
from antiphon.plugins.openai.peer_aiortc import AiortcPeer, _Track
from antiphon.plugins.webrtc.opus import OpusDecoder

NOBODY = PeerEvents(lambda: None, lambda _: None, lambda _: None, lambda _: None, lambda _: None)
FRAME = np.full(480, 3000, dtype=np.int16)


async def test_packets_leave_as_written_20_ms_apart() -> None:
    track = _Track()
    for _ in range(3):
        track.write(FRAME)
    packets = [await track.recv() for _ in range(3)]
    assert [packet.pts for packet in packets] == [0, 960, 1920]
    decoder = OpusDecoder()
    assert all(len(decoder.decode(bytes(packet))) == 480 for packet in packets)
    track.stop()


async def test_what_nobody_takes_does_not_pile_up() -> None:
    track = _Track()
    for _ in range(100):
        track.write(FRAME)
    assert (await track.recv()).pts == 90 * 960, "the newest 200 ms stay"
    track.stop()


async def test_a_stopped_track_ends_its_reader() -> None:
    track = _Track()
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


@pytest.mark.parametrize("loopback", [True, False])
async def test_loopback_is_offered_where_it_is_wanted(loopback: bool) -> None:
    peer = AiortcPeer(NOBODY, loopback=loopback)
    try:
        assert (" 127.0.0.1 " in await peer.offer()) is loopback
    finally:
        await peer.close()
