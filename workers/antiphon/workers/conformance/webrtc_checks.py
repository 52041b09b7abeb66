"""Checks of a realtime server's WebRTC from outside: both ways to ask for a call, and a barge-in at the ear.

The peer is a plain one of aiortc's, not an adapter of ours, but for its jitter buffer: the usual one of 16
packets fills at the first hiccup and never drains, which would measure this process and not the server.
No packet loss is made here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlparse, urlunparse

import aiohttp
import numpy as np

from antiphon.workers.conformance.result import Check, Failure, NotApplicable, expect
from antiphon.workers.conformance.wire import Server

__all__ = ["WEBRTC_CHECKS"]

_OPEN_S = 0.5  # s for the data channel, as in the list
_CLEARED_S = 0.15 + 0.05  # s to silence after a clear, as in the list, and the peer's own two packets
_LOUD = 300  # of int16: a frame with voice in it; chosen
_WAIT_S = 20.0


@dataclass
class _Call:
    channel: Any
    status: int
    location: str
    opened_s: float
    events: list[dict[str, Any]] = field(default_factory=list)
    loud_at: float = 0.0
    """When the last loud frame came, s, monotonic."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, type_: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": type_, **fields}))

    async def wait(self, type_: str, after: int = 0) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_WAIT_S):
                while True:
                    for event in self.events[after:]:
                        if event["type"] == type_:
                            return event
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            seen = ", ".join(dict.fromkeys(event["type"] for event in self.events[after:])) or "nothing"
            raise Failure(f"no {type_} within {_WAIT_S:g} s; came: {seen}") from None

    async def listen(self, track: Any) -> None:
        while True:
            frame = await track.recv()
            if np.abs(frame.to_ndarray()).max(initial=0) > _LOUD:
                self.loud_at = time.monotonic()
                self.changed.set()


def _calls_url(server: Server) -> str:
    parts = urlparse(server.socket_url)
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    return urlunparse((scheme, parts.netloc, f"{parts.path}/calls", "", parts.query, ""))


@asynccontextmanager
async def _called(server: Server, form: str) -> AsyncIterator[_Call]:
    """A call, asked for in one of the two forms."""
    if find_spec("aiortc") is None:
        raise NotApplicable('aiortc is not installed: pip install "antiphon[webrtc]"')
    from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
    from aiortc.jitterbuffer import JitterBuffer
    from aiortc.mediastreams import MediaStreamError

    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(AudioStreamTrack())
    channel = peer.createDataChannel("oai-events")
    listening: list[asyncio.Task[None]] = []
    try:
        await peer.setLocalDescription(await peer.createOffer())
        offer = peer.localDescription.sdp
        headers = {"Authorization": f"Bearer {server.key}"}
        async with aiohttp.ClientSession() as http:
            if form == "multipart":
                body: Any = aiohttp.FormData()
                body.add_field("sdp", offer, content_type="application/sdp")
                session = json.dumps({"type": "realtime", "model": server.model})
                body.add_field("session", session, content_type="application/json")
            else:
                body = offer
                headers["Content-Type"] = "application/sdp"
            async with http.post(_calls_url(server), data=body, headers=headers) as answer:
                if answer.status in (404, 405, 501):
                    raise NotApplicable(f"the server has no WebRTC (POST /calls gave {answer.status})")
                text = await answer.text()
                expect(answer.status == 201, f"{form}: HTTP {answer.status} instead of 201: {text[:200]}")
                location = answer.headers.get("Location", "")
        call = _Call(channel, 201, location, 0.0)

        @peer.on("track")
        def _(track: Any) -> None:
            listening.append(asyncio.create_task(call.listen(track), name="antiphon-conformance-ear"))

        @channel.on("message")
        def _(message: Any) -> None:
            call.events.append(json.loads(message))
            call.changed.set()

        opened = asyncio.Event()
        channel.on("open", opened.set)
        began = time.monotonic()
        for receiver in peer.getReceivers():
            receiver._RTCRtpReceiver__jitter_buffer = JitterBuffer(  # type: ignore[attr-defined]
                capacity=4, prefetch=0
            )
        await peer.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))
        try:
            async with asyncio.timeout(_WAIT_S):
                await opened.wait()
        except TimeoutError:
            raise Failure(f"{form}: the data channel did not open within {_WAIT_S:g} s") from None
        call.opened_s = time.monotonic() - began
        yield call
    finally:
        for task in listening:
            task.cancel()
        for ended in await asyncio.gather(*listening, return_exceptions=True):
            if isinstance(ended, Exception) and not isinstance(ended, MediaStreamError):
                raise ended
        await peer.close()


async def both_forms(server: Server) -> str:
    """15: both forms of ``POST /calls`` give 201 with a Location, and a channel that opens at once."""
    times: list[float] = []
    for form in ("multipart", "sdp"):
        async with _called(server, form) as call:
            expect("/calls/" in call.location, f"{form}: Location is {call.location!r}")
            created = await call.wait("session.created")
            expect(created["session"].get("type") == "realtime", f"{form}: session.created has no type")
            times.append(call.opened_s)
    expect(max(times) <= _OPEN_S, f"the channel opened after {max(times):.2f} s ({_OPEN_S:g} allowed)")
    return f"201 and Location; channel open after {max(times) * 1000:.0f} ms"


async def barge_in(server: Server) -> str:
    """10: a clear silences the peer's ear; one ``cleared``, no ``stopped``; no audio on the channel."""
    async with _called(server, "multipart") as call:
        await call.wait("session.created")
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Tell me a long story, of at least ten sentences."}],
        }
        call.send("conversation.item.create", item=item)
        call.send("response.create")
        response = (await call.wait("response.created"))["response"]["id"]
        await call.wait("output_audio_buffer.started")
        try:
            async with asyncio.timeout(_WAIT_S):
                while not call.loud_at:
                    call.changed.clear()
                    await call.changed.wait()
        except TimeoutError:
            raise Failure(f"nothing was heard within {_WAIT_S:g} s") from None
        await asyncio.sleep(0.5)
        after, began = len(call.events), time.monotonic()
        call.send("response.cancel", response_id=response)
        call.send("output_audio_buffer.clear")
        await call.wait("output_audio_buffer.cleared", after)
        await asyncio.sleep(1.0)
        silent_s = max(call.loud_at - began, 0.0)
        kinds = [event["type"] for event in call.events]
        expect(kinds.count("output_audio_buffer.cleared") == 1, "cleared came more than once")
        expect("output_audio_buffer.stopped" not in kinds[after:], "stopped came after a clear")
        expect("response.output_audio.delta" not in kinds, "audio came on the channel")
        limit = _CLEARED_S
        expect(silent_s <= limit, f"silent after {silent_s * 1000:.0f} ms ({limit * 1000:.0f} allowed)")
    return f"silent {silent_s * 1000:.0f} ms after the clear"


WEBRTC_CHECKS: tuple[Check[Server], ...] = (
    Check("10 WebRTC barge-in", barge_in),
    Check("15 WebRTC calls", both_forms),
)
