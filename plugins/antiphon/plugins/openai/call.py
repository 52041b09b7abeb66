"""A call to the model over WebRTC, with the face of the WebSocket that livekit-agents' session expects.

The session calls `send_str`, `receive` and `close` on its own loop. The peer, and the cores that keep
audio and events together (`uplink`, `downlink`), live on the peers' loop, so that application code that
blocks its loop stops no packet on its way out. Crossing is by ``call_soon_threadsafe``, in order.

Kept from the session: ``input_audio_buffer.append`` becomes sound on the track. Given to it besides the
server's own events: the track's sound as ``response.output_audio.delta``, and an ``error`` for a message
too large for the channel, which is not sent.

A path that is lost has `grace_s` to come back; then `receive` raises, and the session connects anew.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np
from livekit.agents import APIConnectionError, APIError

from antiphon.agents.logs import get_logger
from antiphon.agents.media.thread import MediaThread
from antiphon.plugins.openai.downlink import Downlink, Event
from antiphon.plugins.openai.peer import PeerEvents, PeerTransport, Samples
from antiphon.plugins.openai.signalling import Answer
from antiphon.plugins.openai.uplink import FRAME_S, Kind, Uplink

__all__ = ["Call", "CallOptions"]

log = get_logger(__name__)

_APPEND = "input_audio_buffer.append"
_CLEAR = json.dumps({"type": "input_audio_buffer.clear"})
_BEHIND_S = 0.2  # s that the pacer catches up after a stall; more is skipped
_STALL_S = 0.2  # s between two looks that are a stall of this loop
_SILENT_S = 1.5  # s without packet or message, with an answer due, that count as a lost path; chosen


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How a call behaves."""

    grace_s: float = 5.0
    """How long a lost path may take to come back, s; as long as OpenAI's own JavaScript client waits."""
    flight_s: float = 0.06
    """How much later than its last packet a commit leaves, s."""
    server_turns: bool = False
    """Whether the server detects turns: then its buffer is never cleared from here."""
    shorten: bool = True
    """Whether quiet is left out while the track lags."""
    catch_up: float = 1.0
    """How fast the track goes while it lags, times real time. More than 1 is for servers known to take what
    comes: one that plays it by a clock would still have the rest before it when the commit arrives."""


class Call:
    """One call. Made by `open`.

    Args:
        thread: Where the peer lives.
        make: Makes the peer, on that thread.
        options: How it behaves.
    """

    def __init__(
        self, thread: MediaThread, make: Callable[[PeerEvents], PeerTransport], options: CallOptions
    ) -> None:
        self._thread = thread
        self._make = make
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[str | APIError | None] = asyncio.Queue()
        self._closed = False
        self._limit = 0  # bytes a message; known when the call is open
        self.location = ""
        """The call's address on the server."""
        # The peers' loop's from here on.
        self._peer: PeerTransport | None = None
        self._up = Uplink(
            clear=_CLEAR,
            server_turns=options.server_turns,
            flight_s=options.flight_s,
            shorten=options.shorten,
        )
        self._down = Downlink()
        self._open = asyncio.Event()
        self._pacer: asyncio.Task[None] | None = None
        self._over: str | None = None
        self._lost_at: float | None = None
        self._seen_at = 0.0
        self._packets = 0
        self._watched_at = 0.0

    @classmethod
    async def open(
        cls,
        thread: MediaThread,
        make: Callable[[PeerEvents], PeerTransport],
        options: CallOptions,
        *,
        post: Callable[[str], Awaitable[Answer]],
        timeout_s: float,
    ) -> Call:
        """Sets a call up; returns when the channel is open.

        Args:
            thread: Where the peer lives.
            make: Makes the peer.
            options: How it behaves.
            post: Sends an offer and brings the answer, on the caller's loop.
            timeout_s: For each step, s.

        Raises:
            APIError: It could not be set up; ``retryable`` says whether trying again may help.
        """
        call = cls(thread, make, options)
        try:
            offer = await thread.run(call._offer())
            answer = await post(offer)
            call.location = answer.call
            call._limit = await thread.run(call._start(answer.sdp, timeout_s))
        except BaseException:
            await call.close()
            raise
        return call

    # The session's side.

    async def send_str(self, text: str) -> None:
        """Sends an event of the session."""
        if self._closed:
            raise ConnectionResetError("the call is closed")
        if len(text) > self._limit and (event := json.loads(text)).get("type") != _APPEND:
            # Refused on the session's own loop: megabytes of image would hold up every call's packets.
            self._inbox.put_nowait(json.dumps(_too_large(event, len(text), self._limit)))
            return
        self._thread.call(self._send, text)

    async def receive(self) -> aiohttp.WSMessage:
        """The next event for the session, as a text message; a closing message at the end.

        Raises:
            APIError: The call broke, and why.
        """
        item = await self._inbox.get()
        if isinstance(item, str):
            return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, item, None)
        self._inbox.put_nowait(item)  # whoever asks again gets the same
        if isinstance(item, APIError):
            raise item
        return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)

    async def close(self) -> None:
        """Ends the call. May be called more than once."""
        if not self._closed:
            self._closed = True
            self._inbox.put_nowait(None)
            await self._thread.run(self._close())

    def _deliver(self, item: str | APIError | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, item)
        except RuntimeError:
            log.debug("the application's loop is closed; a model event is dropped")

    # The peers' side.

    async def _offer(self) -> str:
        self._peer = self._make(
            PeerEvents(
                opened=self._open.set,
                message=self._message,
                audio=self._audio,
                connected=self._connected,
                closed=self._ended,
            )
        )
        return await self._peer.offer()

    async def _start(self, sdp: str, timeout_s: float) -> int:
        peer = self._peer
        assert peer is not None
        try:
            await peer.answer(sdp)
        except ValueError as error:
            raise APIConnectionError(
                f"the server's SDP answer cannot be used ({error})", retryable=False
            ) from error
        self._pacer = asyncio.get_running_loop().create_task(self._pace(), name="antiphon-peer-pace")
        try:
            await asyncio.wait_for(self._open.wait(), timeout_s)
        except TimeoutError as error:
            why = self._over or "no packet found its way; is UDP allowed?"
            raise APIConnectionError(
                f"the WebRTC call was answered but did not connect within {timeout_s:g} s: {why}"
            ) from error
        self._seen_at = time.monotonic()
        return peer.max_message

    async def _close(self) -> None:
        if self._pacer is not None:
            self._pacer.cancel()
            await asyncio.gather(self._pacer, return_exceptions=True)
        peer, self._peer = self._peer, None
        if peer is not None:
            await peer.close()

    async def _pace(self) -> None:
        """One frame each 20 ms, and what goes with it."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        credit = 0.0
        while True:
            await asyncio.sleep(max(due - loop.time(), 0.0))
            due = max(due, loop.time() - _BEHIND_S) + FRAME_S
            self._tick(time.monotonic())
            credit += self._options.catch_up - 1.0
            while credit >= 1.0 and self._up.lag_s >= FRAME_S:
                credit -= 1.0
                self._tick(time.monotonic())
            credit = min(credit, 1.0)

    def _tick(self, now: float) -> None:
        if self._peer is None or self._over is not None:
            return
        tick = self._up.tick(now)
        self._peer.write(tick.frame)
        for text in tick.events:
            self._put(text)
        if self._open.is_set():
            events, due = self._down.tick(now)
            self._give(events)
            for event in due:
                self._queue(event, now)
            self._watch(now)

    def _send(self, text: str) -> None:
        event: Event = json.loads(text)
        now = time.monotonic()
        if event.get("type") == _APPEND:
            try:
                self._up.audio(np.frombuffer(base64.b64decode(event["audio"]), dtype="<i2").astype(np.int16))
            except (KeyError, TypeError, ValueError, binascii.Error):
                log.warning("an append with no audio in it is dropped")
            return
        if (taken := _server_turns(event)) is not None:
            self._up.server_turns = taken
        for changed in self._down.sent(event, now):
            self._queue(changed, now)

    def _queue(self, event: Event, now: float) -> None:
        text = json.dumps(event)
        for message in self._up.event(text, _kind(event), now):
            self._put(message)

    def _put(self, text: str) -> None:
        if self._peer is None or self._over is not None or not self._open.is_set():
            return
        try:
            self._peer.send(text)
        except (ValueError, ConnectionError, RuntimeError) as error:
            self._ended(f"the channel takes nothing more ({error})")

    def _message(self, text: str) -> None:
        now = self._seen_at = time.monotonic()
        try:
            event = json.loads(text)
        except ValueError:
            log.warning("the model's server sent something that is not JSON; it is ignored")
            return
        if not isinstance(event, dict):
            return
        if kind := _answers(event):
            self._up.answered(kind)
        self._give(self._down.event(event, now))

    def _audio(self, samples: Samples) -> None:
        self._give(self._down.audio(samples, time.monotonic()))

    def _give(self, events: list[Event]) -> None:
        for event in events:
            self._deliver(json.dumps(event))

    # Life and death of the path.

    def _connected(self, there: bool) -> None:
        self._lost_at = None if there else (self._lost_at or time.monotonic())

    def _watch(self, now: float) -> None:
        """Ends a call whose path was lost for longer than the grace time."""
        peer, since = self._peer, self._up.unanswered_since
        if self._watched_at and (stall := now - self._watched_at) > _STALL_S:
            self._seen_at += stall  # nobody looked: what came in the meantime is still to be read
        self._watched_at = now
        if peer is not None and peer.packets != self._packets:
            self._packets, self._seen_at = peer.packets, now
        unheard = now - self._seen_at
        lost_for = now - self._lost_at if self._lost_at is not None else 0.0
        if since is not None and min(now - since, unheard) > _SILENT_S:
            lost_for = max(lost_for, unheard)
        if lost_for > self._options.grace_s:
            self._ended(f"nothing came over WebRTC for {self._options.grace_s:g} s")

    def _ended(self, why: str) -> None:
        if self._over is None:
            self._over = why
            self._deliver(APIConnectionError(f"the WebRTC call to the model ended: {why}"))


def _kind(event: Mapping[str, Any]) -> Kind:
    if event.get("type") == "input_audio_buffer.commit":
        return "commit"
    return "clear" if event.get("type") == "input_audio_buffer.clear" else "other"


def _server_turns(event: Event) -> bool | None:
    """Whether the server is to take the turns from now on; None if the event does not say."""
    part: Any = event if event.get("type") == "session.update" else None
    for key in ("session", "audio", "input"):
        part = part.get(key) if isinstance(part, dict) else None
    if not isinstance(part, dict) or "turn_detection" not in part:
        return None
    return part["turn_detection"] is not None


def _answers(event: Mapping[str, Any]) -> Kind | None:
    """What in the uplink a server's event answers."""
    kind = event.get("type")
    if kind == "input_audio_buffer.committed":
        return "commit"
    if kind == "input_audio_buffer.cleared":
        return "clear"
    error = event.get("error")
    if kind == "error" and isinstance(error, dict) and "commit" in str(error.get("code") or ""):
        return "commit"
    return None


def _too_large(event: Event, size: int, limit: int) -> Event:
    """The error for a message that was not sent, as the server words its own."""
    return {
        "type": "error",
        "event_id": "event_local",
        "error": {
            "type": "invalid_request_error",
            "code": "message_too_large",
            "message": f"{event.get('type')} has {size} bytes; the WebRTC data channel takes {limit}. "
            'It was not sent. Send less (a smaller image), or use transport="websocket".',
            "param": None,
            "event_id": event.get("event_id"),
        },
    }
