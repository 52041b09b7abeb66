"""What goes to the model over WebRTC, in order: the person's voice on the track, events on the channel.

Over a WebSocket an append is a message like any other. Here audio leaves in real time on a track of its
own, while events go over a channel that knows nothing of it. This core keeps the two in step:

- an event that follows audio waits until that audio has left, a commit `flight_s` longer, so that the
  last packets are in the server's buffer when it gets there; what has no audio before it leaves at once;
- the track never stops: silence goes out when there is nothing to say;
- a burst (the gate's pre-roll, a loop that was late) leaves in real time, so the track lags behind. While
  it does, quiet stretches are shortened: `KEEP_AFTER_S` after a voice and `KEEP_BEFORE_S` before one
  stay. By the end of a turn its silence has paid the debt;
- while nobody speaks the server's buffer fills with silence, so it is cleared every `CLEAR_EVERY_S`.
  Nothing is cleared when a turn begins: the channel may be slower than the track, and would take the
  first syllable with it. For the same reason a voice waits for the answer to a commit or clear under way.

No clock, no I/O: call `tick` every `FRAME_S`; send what it and `event` return, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME", "FRAME_S", "RATE_HZ", "Samples", "Tick", "Uplink"]

RATE_HZ = 24_000
FRAME = 480  # samples: 20 ms, the packet that OpenAI's and everybody's Opus uses
FRAME_S = FRAME / RATE_HZ
KEEP_BEFORE_S = 0.06  # s of quiet kept before a voice: consonants begin softly; chosen
KEEP_AFTER_S = 0.10  # s of quiet kept after a voice; chosen
SERVER_KEEP_AFTER_S = 0.80  # s, where the server finds turns' ends: above its default pause of 0.5 s
CLEAR_EVERY_S = 2.0  # s; at most this much silence, 20 tokens, comes before a turn; chosen
FENCE_S = 1.0  # s a voice waits for the answer to a commit or clear; a lost SCTP packet costs 1 s
LEAST_S = 0.12  # s sent before a commit; under 0.1 s OpenAI answers ``input_audio_buffer_commit_empty``
_FLOOR_S = 3.0  # s over which the background's level is the lowest one
_ABOVE_FLOOR_DB = 6.0
_QUIET_DB = (-60.0, -40.0)  # dBFS: always quiet below the first, never above the second; chosen

Samples = NDArray[np.int16]
Kind = Literal["commit", "clear", "other"]


@dataclass(frozen=True, slots=True)
class Tick:
    """What to send now, the frame first."""

    frame: Samples
    """Mono int16, shape (FRAME,), 24 kHz."""
    events: tuple[str, ...]
    """Messages for the channel."""


@dataclass(frozen=True, slots=True)
class _Event:
    text: str
    kind: Kind


class Uplink:
    """One call's way to the model.

    Args:
        clear: A message that clears the server's input buffer; sent while nobody speaks.
        server_turns: Whether the server takes the turns itself; then it is never sent.
        flight_s: How much later than its last packet a commit leaves, s.
        shorten: Whether quiet stretches are shortened while the track lags.
    """

    def __init__(
        self, *, clear: str, server_turns: bool = False, flight_s: float = 0.06, shorten: bool = True
    ) -> None:
        self._clear = clear
        self.server_turns = server_turns
        """As the argument; may change in mid-call."""
        self._flight_s = flight_s
        self._shorten = shorten
        self._queue: deque[Samples | _Event] = deque()
        self._queued = 0  # samples in the queue
        self._rest: Samples = np.zeros(0, dtype=np.int16)  # less than a frame, waiting for more
        self._levels: deque[float] = deque(maxlen=round(_FLOOR_S / FRAME_S))
        self._quiet_run = 0  # frames of quiet sent since the last voice
        self._voice_left_at: float | None = None
        self._in_buffer = 0  # samples that the server's buffer holds
        self._turn = False  # a voice was given since the last commit or clear
        self._fence: tuple[Kind, float] | None = None  # the answer a voice waits for, and since when
        self._unanswered_since: float | None = None
        self._answered: bool | None = None  # whether this server answers them; None: not known yet
        self._cleared_at = float("-inf")
        self.skipped = 0
        """Samples of quiet left out so far."""

    @property
    def lag_s(self) -> float:
        """How far the track is behind, s."""
        return (self._queued + len(self._rest)) / RATE_HZ

    @property
    def unanswered_since(self) -> float | None:
        """Since when a commit or clear has no answer, s; None if none is due, or this server gives none."""
        return self._unanswered_since if self._answered else None

    def audio(self, samples: Samples) -> None:
        """Takes the next audio, mono int16, shape (n,), 24 kHz."""
        self._turn = True
        samples = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(samples) // FRAME * FRAME
        for start in range(0, whole, FRAME):
            frame = samples[start : start + FRAME]
            self._queue.append(frame)
            self._queued += FRAME
            self._levels.append(_level_db(frame))
        self._rest = samples[whole:]

    def event(self, text: str, kind: Kind, now: float) -> tuple[str, ...]:
        """Takes the next event; returns what has to go out at once.

        Args:
            text: The message.
            kind: What it does to the server's input buffer.
            now: s.
        """
        if kind == "clear":
            self._drop_audio()
        elif len(self._rest):
            self._queue.append(np.pad(self._rest, (0, FRAME - len(self._rest))))
            self._queued += FRAME
            self._rest = self._rest[:0]
        self._queue.append(_Event(text, kind))
        return tuple(self._due(now))

    def answered(self, kind: Kind) -> None:
        """The server answered a commit or clear, with an event or an error."""
        self._answered = True
        self._unanswered_since = None
        if self._fence is not None and self._fence[0] == kind:
            self._fence = None

    def tick(self, now: float) -> Tick:
        """The frame that leaves now, and the events that may."""
        events = list(self._due(now))
        frame = None if self._waits(now) else self._next_frame()
        if frame is None:
            self._quiet_run += 1
            frame = np.zeros(FRAME, dtype=np.int16)
        self._in_buffer += FRAME
        events += self._idle_clear(now)
        if self._quiet_run == 0:
            self._voice_left_at = now
        events += self._due(now)
        return Tick(frame, tuple(events))

    def _next_frame(self) -> Samples | None:
        """The next frame to send; leaves out quiet ones while the track lags."""
        while self._queue and not isinstance(frame := self._queue[0], _Event):
            self._queue.popleft()
            self._queued -= FRAME
            quiet = _level_db(frame) <= self._quiet_below()
            if quiet and self._shorten and self._queue and self._superfluous():
                self.skipped += FRAME
                continue
            self._quiet_run = self._quiet_run + 1 if quiet else 0
            return frame
        return None

    def _superfluous(self) -> bool:
        """Whether a quiet frame is far enough from any voice."""
        if self._quiet_run * FRAME_S < (SERVER_KEEP_AFTER_S if self.server_turns else KEEP_AFTER_S):
            return False
        ahead = round(KEEP_BEFORE_S / FRAME_S)
        below = self._quiet_below()
        for index in range(min(ahead, len(self._queue))):
            item = self._queue[index]
            if isinstance(item, _Event):
                return True  # a turn's end: no voice follows
            if _level_db(item) > below:
                return False
        return len(self._queue) >= ahead

    def _quiet_below(self) -> float:
        low, high = _QUIET_DB
        floor = min(self._levels, default=low) + _ABOVE_FLOOR_DB
        return min(max(floor, low), high)

    def _due(self, now: float) -> Iterable[str]:
        """Takes the events from the queue's head that nothing holds back."""
        while self._queue and isinstance(item := self._queue[0], _Event):
            if item.kind == "commit" and not self._may_commit(now):
                return
            self._queue.popleft()
            if item.kind != "other":
                self._buffer_empties(item.kind, now)
            yield item.text

    def _may_commit(self, now: float) -> bool:
        if self._in_buffer < LEAST_S * RATE_HZ:
            return False
        return self._voice_left_at is None or now - self._voice_left_at >= self._flight_s

    def _buffer_empties(self, kind: Kind, now: float) -> None:
        self._in_buffer = 0
        self._turn = any(not isinstance(item, _Event) for item in self._queue) or len(self._rest) > 0
        self._fence = (kind, now)
        if self._unanswered_since is None:
            self._unanswered_since = now
        if kind == "clear":
            self._cleared_at = now
        self._voice_left_at = None

    def _waits(self, now: float) -> bool:
        """Whether a voice has to wait for the server's answer."""
        if self._fence is None or self._answered is False:
            return False
        if now - self._fence[1] < FENCE_S:
            return True
        self._fence = None
        self._answered = self._answered or False
        return False

    def _idle_clear(self, now: float) -> Iterable[str]:
        if self.server_turns or self._turn or self._queue or self._waits(now):
            return
        if self._in_buffer >= CLEAR_EVERY_S * RATE_HZ:
            self._buffer_empties("clear", now)
            yield self._clear

    def _drop_audio(self) -> None:
        """Forgets the audio that has not left, for what clears it comes next; a committed turn's stays."""
        kept: deque[Samples | _Event] = deque()
        committed = False
        for item in reversed(self._queue):
            if isinstance(item, _Event):
                committed = committed or item.kind == "commit"
            elif not committed:
                self._queued -= FRAME
                continue
            kept.appendleft(item)
        self._queue = kept
        self._rest = self._rest[:0]


def _level_db(frame: Samples) -> float:
    power = float(np.mean(np.square(frame, dtype=np.float32)))
    return -120.0 if power < 1.0 else 10.0 * float(np.log10(power)) - 90.3
