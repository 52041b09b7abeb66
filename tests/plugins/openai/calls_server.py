"""A server of WebRTC calls for tests: real peers of aiortc, and a model that says what the test says."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdatachannel import RTCDataChannel
from numpy.typing import NDArray

from antiphon.plugins.webrtc.pacing import PacedTrack
from antiphon.plugins.webrtc.receive import ReceivedAudio


@dataclass
class Call:
    """One call, as the server sees it."""

    peer: RTCPeerConnection
    track: PacedTrack
    offer: str
    session: dict[str, Any] | None
    headers: dict[str, str]
    query: dict[str, str]
    events: list[dict[str, Any]] = field(default_factory=list)
    heard: list[NDArray[np.int16]] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    """For each event, how many samples had been heard."""
    channel: RTCDataChannel | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    answers: bool = True

    @property
    def samples(self) -> int:
        return sum(len(part) for part in self.heard)

    def send(self, event: dict[str, Any]) -> None:
        assert self.channel is not None
        self.channel.send(json.dumps({"event_id": f"event_{id(event)}", **event}))

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def until(self, kind: str, count: int = 1, timeout: float = 5.0) -> dict[str, Any]:
        """Waits for the ``count``-th event of a kind from the client."""
        async with asyncio.timeout(timeout):
            while self.types().count(kind) < count:
                self.changed.clear()
                await self.changed.wait()
        return [event for event in self.events if event["type"] == kind][count - 1]

    async def played(self) -> None:
        """Waits until the track has sent everything it was given."""
        gone = asyncio.Event()
        self.track.on_played = lambda _: gone.set()
        while self.track.queued_samples:
            gone.clear()
            await gone.wait()

    def take(self, text: str) -> None:
        event = json.loads(text)
        self.events.append(event)
        self.at.append(self.samples)
        self.changed.set()
        if not self.answers:
            return
        if event["type"] == "input_audio_buffer.commit":
            self.send({"type": "input_audio_buffer.committed", "item_id": "item_u", "previous_item_id": None})
        elif event["type"] == "input_audio_buffer.clear":
            self.send({"type": "input_audio_buffer.cleared"})
        elif event["type"] == "conversation.item.create":
            item = {"status": "completed", **event["item"]}
            self.send({"type": "conversation.item.added", "previous_item_id": None, "item": item})

    def begin(self, event: dict[str, Any], *, name: str = "resp_1", item: str = "item_1") -> None:
        """The events with which a spoken reply begins, for a ``response.create``."""
        metadata = (event.get("response") or {}).get("metadata")
        self.send(
            {
                "type": "response.created",
                "response": {"id": name, "object": "realtime.response", "status": "in_progress", "output": [],
                             "metadata": metadata},
            }
        )  # fmt: skip
        message = {"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        where = {"response_id": name, "item_id": item, "output_index": 0, "content_index": 0}
        self.send({"type": "response.output_item.added", **where, "item": message})
        self.send({"type": "conversation.item.added", "previous_item_id": None, "item": message})
        self.send(
            {"type": "response.content_part.added", **where, "part": {"type": "audio", "transcript": ""}}
        )
        self.send({"type": "response.output_audio_transcript.delta", **where, "delta": "Hello there."})

    def finish(self, *, name: str = "resp_1", item: str = "item_1", status: str = "completed") -> None:
        """The events with which it ends, which come before its sound is over."""
        content = [{"type": "output_audio", "transcript": "Hello there."}]
        message = {
            "id": item,
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
        where = {"response_id": name, "item_id": item, "output_index": 0, "content_index": 0}
        self.send({"type": "response.output_audio.done", **where})
        self.send({"type": "response.output_item.done", **where, "item": message})
        usage = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}
        response = {"id": name, "object": "realtime.response", "status": status, "output": [], "usage": usage}
        self.send({"type": "response.done", "response": response})


class CallsServer:
    """``POST /v1/realtime/calls`` on loopback."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.refusals: list[web.Response] = []
        """Given to the next offers, in order."""
        self.came = asyncio.Event()
        self.max_message: int | None = None
        """Named in the answers; 0 for none."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**22)
        app.router.add_post("/v1/realtime/calls", self._post)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        for call in self.calls:
            await call.peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()

    async def call(self, index: int = 0) -> Call:
        """The call with that number, once its channel is open."""
        async with asyncio.timeout(10):
            while len(self.calls) <= index or self.calls[index].channel is None:
                self.came.clear()
                await self.came.wait()
        return self.calls[index]

    async def _post(self, request: web.Request) -> web.Response:
        if self.refusals:
            return self.refusals.pop(0)
        session = None
        if request.content_type == "multipart/form-data":
            parts = {part.name: await part.text() async for part in await request.multipart()}  # type: ignore[union-attr]
            offer, session = parts["sdp"], json.loads(parts["session"])
        else:
            offer = await request.text()
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        track = PacedTrack()
        call = Call(peer, track, offer, session, dict(request.headers), dict(request.query))
        self.calls.append(call)

        @peer.on("track")
        def _on_track(_: object) -> None:
            task = asyncio.create_task(self._hear(call, ReceivedAudio(peer.getTransceivers()[0].receiver)))
            self._tasks.add(task)

        @peer.on("datachannel")
        def _on_channel(channel: RTCDataChannel) -> None:
            call.channel = channel
            channel.on("message", call.take)
            call.send({"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}})
            self.came.set()

        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        peer.getTransceivers()[0].direction = "sendrecv"
        peer.addTrack(track)
        await peer.setLocalDescription(await peer.createAnswer())
        sdp = peer.localDescription.sdp
        if self.max_message is not None:
            line = f"a=max-message-size:{self.max_message}\r\n" if self.max_message else ""
            sdp = re.sub(r"a=max-message-size:\d+\r\n", line, sdp)
        return web.Response(
            status=201,
            text=sdp,
            content_type="application/sdp",
            headers={"Location": "/v1/realtime/calls/rtc_1"},
        )

    async def _hear(self, call: Call, audio: ReceivedAudio) -> None:
        async for samples in audio:
            call.heard.append(samples)
