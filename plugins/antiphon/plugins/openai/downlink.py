"""What comes from the model over WebRTC, made into what a WebSocket would have brought.

livekit-agents' session expects a reply's audio as ``response.output_audio.delta`` between the reply's
other events. Over WebRTC the audio comes on a track, in real time, and the events come ahead of it on
the channel. This core puts them together:

- audio between ``output_audio_buffer.started`` and ``stopped`` or ``cleared`` becomes deltas of the
  reply's first spoken item;
- what says that a reply or its spoken item is done is held back until its audio is over, since it closes
  the session's streams; words and tool calls go on at once;
- a reply that is created while another still sounds is held back whole, until that one is over;
- a cancel becomes a cancel, if there is still something to cancel, and an ``output_audio_buffer.clear``;
- the server cuts its memory to what it sent; the person heard less, since sound was on its way and maybe
  held. A truncate of ours goes out only if it cuts `TOLERANCE_MS` more than the server's own, and never
  beyond what came.

Sessions, tracks and sockets are unknown here; times are arguments. Give it every server event (`event`),
every client event before it is sent (`sent`), every frame of the track (`audio`), and call `tick` about
every 20 ms.
"""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "Downlink", "Event", "Samples"]

RATE_HZ = 24_000
CUSHION_S = 0.04  # s gathered before a reply's first delta: later frames may be that late without a gap
EARLY_S = 1.0  # s of audio kept from before ``started``: a lost event comes later than the track
TAIL_S = 0.50  # s after ``stopped`` in which audio still belongs to the reply: the track may be slower
TAIL_SILENCE_S = 0.12  # s of silence in it that end the reply sooner; longer than any stop in a word
LEAD_S = 0.20  # s of leading silence left out: the track's, from before the reply
TOLERANCE_MS = 40  # two packets; chosen
TRUNCATED_S = 1.0  # s to wait for the server's own truncation after a clear
NO_AUDIO_S = 2.0  # s after a reply is done in which its audio may still begin
UNENDED_S = 3.0  # s of silence after which a reply that is done has no more audio, said or not
_SILENCE = 32.0  # of int16, RMS, -60 dBFS: what an encoder makes of silence stays below

Event = dict[str, Any]
Samples = NDArray[np.int16]

_CLEAR: Event = {"type": "output_audio_buffer.clear"}


@dataclass(slots=True)
class _Reply:
    id: str
    item: str | None = None
    """The first item with audio."""
    output_index: int = 0
    spoken: set[str] = field(default_factory=set)
    started: bool = False
    stopping_at: float | None = None
    done_at: float | None = None
    sounded_at: float = 0.0
    over: bool = False
    """All its audio came, or no more is wanted."""
    dropped: bool = False
    cleared: bool = False
    waiting: bool = False
    """Its events wait until the reply before it is over."""
    lead: int = 0
    received: int = 0
    gathered: list[Samples] = field(default_factory=list)
    tail: list[Samples] = field(default_factory=list)
    """Silence after ``stopped``: the reply's if a voice follows."""
    held: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class _Truncate:
    event: Event
    since: float


class Downlink:
    """One call's way from the model."""

    def __init__(self) -> None:
        self._replies: deque[_Reply] = deque(maxlen=16)
        self._waiting: list[Event] = []  # events of a reply that was created while another sounds
        self._early: deque[Samples] = deque()
        self._early_samples = 0
        self._clearing = False  # a clear is under way: what sounds is of the reply that was cancelled
        self._truncations: dict[str, int] = {}  # item id: ms that the server kept by itself
        self._pending: dict[str, _Truncate] = {}
        self._made = 0

    # The server's events.

    def event(self, event: Event, now: float) -> list[Event]:
        """Takes an event of the server; returns the session's."""
        kind = str(event.get("type", ""))
        if kind == "conversation.item.truncated":
            self._truncations[str(event.get("item_id"))] = int(event.get("audio_end_ms") or 0)
        elif kind == "response.created":
            return self._created(event)
        reply = self._reply_of(event)
        if reply is not None and reply.waiting:
            self._waiting.append(event)
            return []
        return self._known(event, kind, reply, now)

    def _created(self, event: Event) -> list[Event]:
        self._clearing = False  # a server that never says cleared
        waits = bool(self._waiting) or self._sounding() is not None
        self._replies.append(_Reply(str(event["response"]["id"]), waiting=waits))
        if not waits:
            return [event]
        self._waiting.append(event)
        return []

    def _known(self, event: Event, kind: str, reply: _Reply | None, now: float) -> list[Event]:
        if reply is None:
            return [event]
        if kind == "output_audio_buffer.started":
            return [event, *self._start(reply, now)]
        if kind == "output_audio_buffer.stopped":
            reply.stopping_at = now + TAIL_S
        elif kind == "output_audio_buffer.cleared":
            self._clearing = False
            self._forget_early()
            return [event, *self._end(reply, now)]
        elif kind in ("response.content_part.added", "response.output_audio_transcript.delta"):
            if kind.endswith("delta") or (event.get("part") or {}).get("type") == "audio":
                self._speaks(reply, event)
        elif kind == "response.done":
            reply.done_at = now
            if not reply.started and event["response"].get("status") in ("cancelled", "failed"):
                return [*self._end(reply, now), event]
            return self._held_back(reply, event)
        elif kind == "response.output_audio.done" or _ends_message(event):
            return self._held_back(reply, event)
        return [event]

    def _speaks(self, reply: _Reply, event: Event) -> None:
        item = str(event.get("item_id"))
        reply.spoken.add(item)
        if reply.item is None:
            reply.item, reply.output_index = item, int(event.get("output_index") or 0)

    def _held_back(self, reply: _Reply, event: Event) -> list[Event]:
        speaks = reply.item is not None or reply.started
        if reply.over or not speaks:
            reply.over = reply.over or event["type"] == "response.done"
            return [event]
        reply.held.append(event)
        return []

    # The track's audio.

    def audio(self, samples: Samples, now: float) -> list[Event]:
        """Takes the track's next frame, mono int16, shape (n,), 24 kHz; returns the session's events."""
        reply = next((one for one in self._replies if one.started and not one.over), None)
        if reply is not None and not reply.dropped:
            return self._heard(reply, samples, now)
        if not self._clearing:
            self._early.append(samples)
            self._early_samples += len(samples)
            while self._early_samples - len(self._early[0]) >= EARLY_S * RATE_HZ:
                self._early_samples -= len(self._early.popleft())
        return []

    def _start(self, reply: _Reply, now: float) -> list[Event]:
        if reply.over or reply.started:
            return []
        reply.started = True
        reply.sounded_at = now
        early = list(self._early)
        self._forget_early()
        first = next((i for i, samples in enumerate(early) if not _silent(samples)), len(early))
        out: list[Event] = []
        for samples in early[first:]:
            out += self._heard(reply, samples, now)
        return out

    def _forget_early(self) -> None:
        self._early.clear()
        self._early_samples = 0

    def _heard(self, reply: _Reply, samples: Samples, now: float) -> list[Event]:
        silent = _silent(samples)
        if not silent:
            reply.sounded_at = now
        elif reply.stopping_at is not None:
            reply.tail.append(samples)
            return self._end(reply, now) if now - reply.sounded_at >= TAIL_SILENCE_S else []
        if silent and not reply.received and not reply.gathered and reply.lead < LEAD_S * RATE_HZ:
            reply.lead += len(samples)
            return []
        reply.gathered += [*reply.tail, samples]
        reply.tail.clear()
        return self._given(reply, CUSHION_S if not reply.received else 0.0)

    def _given(self, reply: _Reply, least_s: float) -> list[Event]:
        count = sum(len(part) for part in reply.gathered)
        if reply.item is None or not count or count < least_s * RATE_HZ:
            return []
        audio = np.concatenate(reply.gathered)
        reply.gathered = []
        reply.received += count
        self._made += 1
        return [
            {
                "type": "response.output_audio.delta",
                "event_id": f"event_track_{self._made}",
                "response_id": reply.id,
                "item_id": reply.item,
                "output_index": reply.output_index,
                "content_index": 0,
                "delta": base64.b64encode(audio.astype("<i2").tobytes()).decode(),
            }
        ]

    # The client's events.

    def sent(self, event: Event, now: float) -> list[Event]:
        """Takes an event of the session; returns what to send in its place."""
        kind = event.get("type")
        if kind == "response.cancel":
            return self._cancel(event, now)
        if kind == "conversation.item.truncate":
            return self._truncate(event, now)
        if kind == "response.create":
            return [*self._overdue(float("inf")), event]
        return [event]

    def _cancel(self, event: Event, now: float) -> list[Event]:
        wanted = event.get("response_id")
        reply = next(
            (one for one in reversed(self._replies) if one.id == wanted or (not wanted and not one.over)),
            None,
        )
        if reply is None:
            return [event]
        out = [event] if reply.done_at is None else []
        if not reply.over:
            reply.dropped = reply.cleared = self._clearing = True
            out.append(dict(_CLEAR))
        return out

    def _truncate(self, event: Event, now: float) -> list[Event]:
        item = str(event.get("item_id"))
        reply = next((one for one in self._replies if one.item == item), None)
        if reply is None:
            return [event]
        received_ms = reply.received * 1000 // RATE_HZ
        ours = {**event, "audio_end_ms": min(int(event["audio_end_ms"]), received_ms)}
        if reply.cleared and item not in self._truncations:
            self._pending[item] = _Truncate(ours, now)
            return []
        return self._if_less(ours, item, received_ms)

    def _if_less(self, ours: Event, item: str, received_ms: int) -> list[Event]:
        kept = min(self._truncations.get(item, received_ms), received_ms)
        return [ours] if kept - int(ours["audio_end_ms"]) > TOLERANCE_MS else []

    def _overdue(self, now: float) -> list[Event]:
        """Truncations that waited for the server's own: it came, or they wait no longer."""
        out: list[Event] = []
        for item, pending in list(self._pending.items()):
            known = item in self._truncations
            if known or now - pending.since >= TRUNCATED_S:
                del self._pending[item]
                received = next((one.received for one in self._replies if one.item == item), 0)
                out += self._if_less(pending.event, item, received * 1000 // RATE_HZ)
        return out

    # Time.

    def tick(self, now: float) -> tuple[list[Event], list[Event]]:
        """What is due by time alone: ``(events for the session, events to send)``."""
        out: list[Event] = []
        for reply in self._replies:
            if not reply.over and self._ends(reply, now):
                out += self._end(reply, now)
        return out, self._overdue(now)

    def _ends(self, reply: _Reply, now: float) -> bool:
        if reply.dropped:
            return True
        if reply.stopping_at is not None:
            return now >= reply.stopping_at
        if reply.done_at is None:
            return False
        quiet_since = max(reply.done_at, reply.sounded_at)
        return now - quiet_since >= (UNENDED_S if reply.started else NO_AUDIO_S)

    def _end(self, reply: _Reply, now: float) -> list[Event]:
        if reply.over:
            return []
        out = [] if reply.dropped else self._given(reply, 0.0)
        reply.over = True
        self._forget_early()
        out += reply.held
        reply.held = []
        return out + self._let_go(now)

    def _let_go(self, now: float) -> list[Event]:
        """The events of the reply that waited for this one to be over."""
        if not self._waiting or self._sounding() is not None:
            return []
        waiting, self._waiting = self._waiting, []
        out: list[Event] = []
        for index, event in enumerate(waiting):
            reply = self._reply_of(event)
            if event["type"] != "response.created":
                out += self._known(event, str(event["type"]), reply, now)
            elif self._sounding() is None:
                out.append(event)
                if reply is not None:
                    reply.waiting = False
            else:
                self._waiting = waiting[index:]
                break
        return out

    def _sounding(self) -> _Reply | None:
        """A reply whose last events are held back."""
        return next((one for one in self._replies if not one.over and one.held), None)

    def _reply_of(self, event: Event) -> _Reply | None:
        name = event.get("response_id") or (event.get("response") or {}).get("id")
        return next((one for one in self._replies if one.id == name), None)


def _ends_message(event: Event) -> bool:
    item = event.get("item") or {}
    return event.get("type") == "response.output_item.done" and item.get("type") == "message"


def _silent(samples: Samples) -> bool:
    return not len(samples) or float(np.mean(np.square(samples, dtype=np.float32))) <= _SILENCE**2
