"""A WebRTC client of the local model, made of aiortc: a microphone, an ear and the events' channel."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import aiohttp
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from antiphon.plugins.webrtc.pacing import PacedTrack
from antiphon.plugins.webrtc.receive import ReceivedAudio

_EVENTS: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
KEY = {"Authorization": "Bearer x"}


class Caller:
    """One call. Every event is validated against OpenAI's types; no audio may come in any."""

    def __init__(self, base_url: str, *, headers: dict[str, str] | None = None) -> None:
        self.base_url = base_url
        self.headers = headers or KEY
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = PacedTrack()
        transceiver = self.peer.addTransceiver(self.microphone)
        self.ear = ReceivedAudio(transceiver.receiver)
        self.channel = self.peer.createDataChannel("oai-events")
        self.opened, self.closed = asyncio.Event(), asyncio.Event()
        self.channel.on("open", self.opened.set)
        self.channel.on("close", self.closed.set)
        self.channel.on("message", self._take)
        self.events: list[dict[str, Any]] = []
        self.at: list[float] = []
        self.location = ""
        self.heard: list[NDArray[np.int16]] = []
        self.heard_at: list[float] = []
        self._changed = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def call(self, settings: dict[str, Any] | None = None, query: str = "") -> None:
        """Calls: with settings as a form, else as bare SDP; then waits for ``session.created``."""
        sdp = await self.offer()
        async with aiohttp.ClientSession() as http:
            if settings is None:
                headers = {**self.headers, "Content-Type": "application/sdp"}
                post = http.post(f"{self.base_url}/realtime/calls{query}", data=sdp, headers=headers)
            else:
                form = aiohttp.FormData()
                form.add_field("sdp", sdp, content_type="application/sdp")
                form.add_field("session", json.dumps(settings), content_type="application/json")
                post = http.post(f"{self.base_url}/realtime/calls", data=form, headers=self.headers)
            async with post as response:
                text = await response.text()
                assert response.status == 201, text
                assert response.content_type == "application/sdp"
                self.location = response.headers["Location"]
        await self.peer.setRemoteDescription(RTCSessionDescription(text, "answer"))
        self._listener = asyncio.create_task(self._listen())
        await self.wait_for("session.created")

    @property
    def call_id(self) -> str:
        return self.location.rsplit("/", 1)[1]

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def wait_for(self, kind: str, count: int = 1, timeout: float = 20.0) -> dict[str, Any]:
        """The ``count``-th event of a type, when it comes."""
        return await self.until(lambda: self.of(kind), count, timeout, kind)

    async def hear(self, loud: bool, frames: int = 1, timeout: float = 20.0) -> float:
        """When the ear next hears so many frames in a row, loud or silent: loop time of the first."""
        start = len(self.heard)

        def found() -> list[float]:
            runs = 0
            for index in range(start, len(self.heard)):
                runs = runs + 1 if (rms(self.heard[index]) > 300) == loud else 0
                if runs == frames:
                    return [self.heard_at[index - frames + 1]]
            return []

        return await self.until(found, 1, timeout, "loud" if loud else "silence")

    async def until(self, found: Any, count: int, timeout: float, what: str) -> Any:
        async with asyncio.timeout(timeout):
            try:
                while len(made := found()) < count:
                    self._changed.clear()
                    await self._changed.wait()
            except asyncio.CancelledError:
                raise AssertionError(f"no {what}; saw {dict.fromkeys(self.types())}") from None
        return made[count - 1]

    def _take(self, message: str) -> None:
        event = json.loads(message)
        parsed = _EVENTS.validate_python(event)
        assert type(parsed).__name__ != "dict", event
        self.events.append(event)
        self.at.append(asyncio.get_running_loop().time())
        self._changed.set()

    async def _listen(self) -> None:
        async for frame in self.ear:
            self.heard.append(frame)
            self.heard_at.append(asyncio.get_running_loop().time())
            self._changed.set()

    async def close(self) -> None:
        self.ear.close()
        await self.peer.close()
        if self._listener is not None:
            await self._listener

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def rms(frame: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(frame.astype(np.float64) ** 2)))
