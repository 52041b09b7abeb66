"""Both kinds of peer, against a real one: the same behaviour is asked of each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import pytest

from antiphon.agents.errors import ConfigError
from antiphon.plugins.openai.peer import (
    DEFAULT_MAX_MESSAGE,
    PeerEvents,
    PeerTransport,
    Samples,
    make_peer,
    peer_thread,
)
from tests.plugins.openai.calls_server import Call, CallsServer

RATE = 24_000
FRAME = 480


def tone(hz: float, seconds: float) -> Samples:
    return (8000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.int16)


def pitch(sound: Samples) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum)) * RATE / len(sound)


@dataclass
class Told:
    """What a peer told."""

    messages: list[str] = field(default_factory=list)
    heard: list[Samples] = field(default_factory=list)
    connected: list[bool] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def events(self) -> PeerEvents:
        def noting(where: list[Any]) -> Callable[[Any], None]:
            def note(what: Any) -> None:
                where.append(what)
                self.changed.set()

            return note

        return PeerEvents(
            self.opened.set,
            noting(self.messages),
            noting(self.heard),
            noting(self.connected),
            noting(self.closed),
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def server() -> AsyncIterator[CallsServer]:
    async with CallsServer() as running:
        yield running


@pytest.fixture(params=["aiortc", "wrtc"])
async def peer(
    request: pytest.FixtureRequest, server: CallsServer
) -> AsyncIterator[tuple[PeerTransport, Told]]:
    told = Told()
    made = make_peer(request.param, told.events())
    yield made, told
    await made.close()


async def connected(peer: PeerTransport, told: Told, server: CallsServer) -> Call:
    async with aiohttp.ClientSession() as http:
        headers = {"Content-Type": "application/sdp"}
        url = f"{server.base_url}/realtime/calls"
        async with http.post(url, data=await peer.offer(), headers=headers) as answer:
            await peer.answer(await answer.text())
    await asyncio.wait_for(told.opened.wait(), 10)
    return await server.call()


async def test_the_offer_is_whole(peer: tuple[PeerTransport, Told]) -> None:
    sdp = await peer[0].offer()
    assert sdp.count("m=audio") == 1
    assert sdp.count("m=application") == 1
    assert "opus/48000/2" in sdp
    assert "a=candidate" in sdp
    assert "a=sendrecv" in sdp


async def test_messages_and_sound_both_ways(peer: tuple[PeerTransport, Told], server: CallsServer) -> None:
    here, told = peer
    call = await connected(here, told, server)
    await told.until(lambda: bool(told.messages))
    assert '"session.created"' in told.messages[0]
    here.send('{"type": "session.update"}')
    await call.until("session.update")
    call.track.push(tone(1000, 1.0))
    said = tone(600, 1.0)
    for start in range(0, len(said), FRAME):
        here.write(said[start : start + FRAME])
        await asyncio.sleep(FRAME / RATE)  # a track's own pace
    await told.until(lambda: sum(len(part) for part in told.heard) > 1.3 * RATE)
    heard = np.concatenate(told.heard)
    loud = heard[np.abs(heard.astype(np.int32)) > 500]
    assert len(loud) > 0.7 * RATE
    start = int(np.argmax(np.abs(heard.astype(np.int32)) > 4000)) + 4800
    assert pitch(heard[start : start + 9600]) == pytest.approx(1000, abs=10)
    got = np.concatenate(call.heard)
    start = int(np.argmax(np.abs(got.astype(np.int32)) > 4000)) + 4800
    assert pitch(got[start : start + 9600]) == pytest.approx(600, abs=10)


async def test_the_other_sides_end_is_told(peer: tuple[PeerTransport, Told], server: CallsServer) -> None:
    here, told = peer
    call = await connected(here, told, server)
    await call.peer.close()
    await told.until(lambda: bool(told.closed))


async def test_our_own_end_is_not_told(peer: tuple[PeerTransport, Told], server: CallsServer) -> None:
    here, told = peer
    await connected(here, told, server)
    await here.close()
    await asyncio.sleep(0)
    assert told.closed == []


@pytest.mark.parametrize("limit", [0, 2_000])
async def test_the_largest_message(peer: tuple[PeerTransport, Told], server: CallsServer, limit: int) -> None:
    server.max_message = limit
    here, told = peer
    await connected(here, told, server)
    assert here.max_message == (limit or DEFAULT_MAX_MESSAGE)


@pytest.mark.parametrize("sdp", ["", "v=0\r\n", "hello"])
async def test_an_answer_that_is_none(peer: tuple[PeerTransport, Told], sdp: str) -> None:
    await peer[0].offer()
    with pytest.raises(ValueError):  # noqa: PT011 - the libraries' own words
        await peer[0].answer(sdp)


async def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "antiphon.plugins.openai.peer_wrtc", None)
    with pytest.raises(ConfigError, match=r"pip install 'antiphon\[wrtc\]'"):
        make_peer("wrtc", Told().events())


def test_peers_share_one_thread() -> None:
    assert peer_thread() is peer_thread()
