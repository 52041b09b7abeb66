"""The agent's voice on its way to the ear: what plays, what is held, and what was heard.

A *reply* here is one stretch of audio from the model with a name of its own. The buffer fills faster
than real time; `tick` keeps about `DEPTH_S` of it in the transport's queue. Positions are samples of
the reply. Heard = what was pushed minus what is still queued; on a cut the queue is dropped and the
unheard samples go back to the front, so that a resume continues at the very sample.

Rules:
- audio flows without a break, silence included: a source that runs dry makes the far end's jitter
  buffer conceal for some 200 ms (measured);
- silence that is queued when speech has to start is dropped first, so that a deep queue costs nothing
  at the start or the stop of a reply;
- every cut fades over ``fade_s``, and so does what follows it. The faded-out stretch is played again
  when the reply goes on, and does not count as heard.

Driven from one thread, with the time as an argument: after any call, arrange for `tick` at `next_tick`.
Callbacks run inside the call that causes them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from antiphon.agents.media.boundary import last_boundary
from antiphon.agents.media.router import Samples
from antiphon.agents.media.source import Source

__all__ = ["DEPTH_S", "Playout", "PlayoutEvents"]

DEPTH_S = 0.100  # s of speech kept queued; covers a media loop that is late by 60 ms
_TICK_S = 0.040  # s between pushes of speech: fewer native calls than 20 ms, same latency
_IDLE_TICK_S = 0.160  # s between pushes of silence
_IDLE_DEPTH_S = 0.240  # s; costs nothing, since queued silence is dropped when speech starts
_MARGIN_S = 0.015  # s before the queue runs dry at which it is topped up at the latest
_HISTORY_S = 1.0  # s of what was heard that is kept: a rewind reaches back no further
_STARVED_DEPTH_S = 0.060  # s of silence under a reply whose next audio has not come yet


@dataclass(frozen=True, slots=True)
class PlayoutEvents:
    """Whom the playout tells. Each gets the reply's id, and positions in samples."""

    started: Callable[[str], None]
    """The first sample went to the transport."""
    advanced: Callable[[str, int], None]
    """So many samples were heard."""
    ended: Callable[[str, int], None]
    """Heard to its end."""


@dataclass(slots=True)
class _Reply:
    id: str
    chunks: deque[Samples] = field(default_factory=deque)
    """Audio from ``front`` on."""
    front: int = 0
    """Position of the first sample in ``chunks``."""
    back: int = 0
    """Position after the last sample received."""
    pushed: int = 0
    """Position after the last sample handed to the transport and not taken back."""
    reported: int = 0
    complete: bool = False
    started: bool = False
    fade_in: bool = False


class Playout:
    """One call's playout.

    Args:
        source: Where the audio goes.
        events: Whom to tell.
        fade_s: Length of the fades, s.
        rewind_after_s: A hold of so many s or more goes on at the beginning of the word it cut.
    """

    def __init__(
        self,
        source: Source,
        events: PlayoutEvents,
        *,
        fade_s: float = 0.005,
        rewind_after_s: float = math.inf,
    ) -> None:
        self._source = source
        self._rate = source.rate_hz
        self._events = events
        self.change(fade_s, rewind_after_s)
        self._silence = np.zeros(round(_IDLE_DEPTH_S * self._rate), dtype=np.int16)
        self._reply: _Reply | None = None
        self._waiting: deque[_Reply] = deque()
        self._retired: deque[str] = deque(maxlen=64)
        self._held = False
        self._held_at = 0.0
        self._gain = 1.0
        self._gain_before = 1.0  # what the next push ramps from
        # What the transport's queue holds, oldest first, as (is speech, samples); pruned as it drains.
        self._runs: deque[tuple[bool, int]] = deque()
        self.next_tick = 0.0
        """When to call `tick` next, s."""

    def change(self, fade_s: float, rewind_after_s: float) -> None:
        """Takes other lengths for the cuts to come; as the arguments."""
        fade = max(1, round(fade_s * self._rate))
        self._fade_in = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        self._rewind_after_s = rewind_after_s

    @property
    def held(self) -> bool:
        """Whether the playout is held."""
        return self._held

    @property
    def reply_id(self) -> str | None:
        """The reply in the person's ear, or next to be."""
        return self._reply.id if self._reply else None

    def append(self, reply_id: str, samples: Samples, now: float) -> None:
        """Adds audio to a reply, which begins with its first. Audio of a reply that is over is dropped.

        Args:
            samples: Mono int16, shape (n,), at the source's rate.
        """
        reply = self._find(reply_id)
        if reply is None:
            if reply_id in self._retired:
                return
            reply = _Reply(reply_id)
            if self._reply is None:
                self._reply = reply
            else:
                self._waiting.append(reply)
        if len(samples):
            reply.chunks.append(samples)
            reply.back += len(samples)
        if reply is self._reply and not self._held and not self._speech_queued(now):
            self.tick(now)

    def complete(self, reply_id: str, now: float) -> None:
        """Says that a reply has all its audio."""
        reply = self._find(reply_id)
        if reply is not None:
            reply.complete = True
            if reply is self._reply:
                self.next_tick = min(self.next_tick, now + self._source.queued_s(now))

    def heard(self, now: float) -> int:
        """Samples of the current reply that were heard; 0 when there is none."""
        reply = self._reply
        # What is played again after a rewind was heard before.
        return 0 if reply is None else max(reply.pushed - self._speech_queued(now), reply.reported)

    def hold(self, now: float) -> int:
        """Falls silent, keeps the reply, and returns the position heard. Held already: changes nothing."""
        if self._held:
            return self.heard(now)
        self._held = True
        self._held_at = now
        position = self._cut(now)
        self._gain = self._gain_before = 1.0
        return position

    def duck(self, now: float, gain: float) -> int:
        """Goes on at another level, what is queued included; returns the position heard.

        Args:
            now: s.
            gain: A factor, 0 to 1.
        """
        position = self.heard(now)
        if self._held or gain == self._gain:
            return position
        self._gain_before, self._gain = self._gain, gain
        queued = self._speech_queued(now)
        if self._reply is not None and queued:
            self._source.clear(now)
            self._runs.clear()
            self._reply.pushed -= queued
            self.tick(now)
        return position

    def resume(self, now: float) -> int:
        """Goes on at full level where it was held, or at the beginning of the word that a long hold cut;
        returns that position."""
        position = self.heard(now)
        self.duck(now, 1.0)
        if self._held:
            self._held = False
            if self._reply is not None and now - self._held_at >= self._rewind_after_s:
                position = self._reply.pushed = self._word(self._reply)
            if self._reply is not None:
                self._reply.fade_in = self._reply.pushed > 0
            self.tick(now)
        return position

    def flush(self, now: float, *, everything: bool = True) -> int:
        """Falls silent and drops the current reply; returns the position heard.

        Args:
            everything: Also drop the replies that wait behind it.
        """
        position = self.heard(now) if self._held else self._cut(now)
        self._held = False
        self._gain = self._gain_before = 1.0
        if self._reply is not None:
            self._retired.append(self._reply.id)
            self._reply = None
        if everything:
            self._retired.extend(reply.id for reply in self._waiting)
            self._waiting.clear()
        self._next(now)
        return position

    def drop(self, reply_id: str, now: float) -> int:
        """Drops one reply, wherever it stands; returns the position heard of it."""
        if self._reply is not None and self._reply.id == reply_id:
            return self.flush(now, everything=False)
        self._retired.append(reply_id)
        self._waiting = deque(reply for reply in self._waiting if reply.id != reply_id)
        if self._reply is None:  # held before its first audio came
            self._held = False
        return 0

    def tick(self, now: float) -> None:
        """Tops the transport's queue up, and tells what was heard since the last time."""
        reply = self._reply
        if reply is None or self._held:
            self._pad(now, _IDLE_DEPTH_S, _IDLE_TICK_S)
            return
        self._report(reply, now)
        if reply.complete and reply.pushed == reply.back and not self._speech_queued(now):
            self._finish(reply, now)
            return
        if reply.pushed < reply.back:
            self._push_speech(reply, now)
        else:
            self._pad(now, _STARVED_DEPTH_S, _TICK_S)
        self.next_tick = now + min(_TICK_S, max(self._source.queued_s(now) - _MARGIN_S, _MARGIN_S))
        if reply.complete and reply.pushed == reply.back:
            self.next_tick = min(self.next_tick, now + self._speech_queued(now) / self._rate)

    def _push_speech(self, reply: _Reply, now: float) -> None:
        queued = self._speech_queued(now)
        if not queued and self._runs:  # only silence is ahead of it
            self._source.clear(now)
            self._runs.clear()
        room = round((DEPTH_S - self._source.queued_s(now)) * self._rate)
        if room <= 0:
            return
        samples = self._leveled(self._take(reply, room))
        if reply.fade_in or not reply.started:
            samples = _faded(samples, self._fade_in)
            reply.fade_in = False
        least = room if reply.complete else room - round((DEPTH_S - 2 * _MARGIN_S) * self._rate)
        if len(samples) < least:
            # The silence that has to follow goes out in the same push: pushes must not be close.
            silence = self._silence[: least - len(samples)]
            self._push(np.concatenate([samples, silence]), now, speech=len(samples))
        else:
            self._push(samples, now, speech=len(samples))
        if not reply.started:
            reply.started = True
            self._events.started(reply.id)

    def _take(self, reply: _Reply, wanted: int) -> Samples:
        """The next samples to push. They stay in the buffer until they were heard."""
        start = reply.pushed
        stop = min(reply.back, start + wanted)
        reply.pushed = stop
        return self._between(reply, start, stop)

    def _word(self, reply: _Reply) -> int:
        """Where the word begins that stands at the position pushed; that position if none does."""
        start = max(reply.pushed - round(_HISTORY_S * self._rate), reply.front)
        found = last_boundary(self._between(reply, start, reply.pushed), self._rate)
        return reply.pushed if found is None else start + max(found, 0)

    def _leveled(self, samples: Samples) -> Samples:
        """The samples at the level that is wanted, with a ramp from the one before."""
        if self._gain == self._gain_before == 1.0:
            return samples
        gains = np.full(len(samples), self._gain, dtype=np.float32)
        count = min(len(self._fade_in), len(samples))
        gains[:count] += (self._gain_before - self._gain) * (1.0 - self._fade_in[:count])
        self._gain_before = self._gain
        leveled: Samples = (samples * gains).astype(np.int16)
        return leveled

    def _between(self, reply: _Reply, start: int, stop: int) -> Samples:
        parts: list[Samples] = []
        position = reply.front
        for chunk in reply.chunks:
            end = position + len(chunk)
            if end > start:
                parts.append(chunk[max(start - position, 0) : stop - position])
            if end >= stop:
                break
            position = end
        return np.concatenate(parts) if parts else self._silence[:0]

    def _cut(self, now: float) -> int:
        """Drops the queue, fades out what was playing and puts the unheard samples back."""
        reply = self._reply
        queued = self._speech_queued(now)
        silence = self._silence
        if reply is None or not queued:
            self._pad(now, _IDLE_DEPTH_S, _IDLE_TICK_S)
            return 0 if reply is None else reply.pushed
        heard = reply.pushed - queued
        self._source.clear(now)
        self._runs.clear()
        reply.pushed = heard
        tail = self._between(reply, heard, min(heard + len(self._fade_in), reply.back))
        tail = _faded(self._leveled(tail), self._fade_in[::-1])
        # One push: two that follow each other closely could be queued in either order.
        self._push(np.concatenate([tail, silence[len(tail) :]]), now, speech=0)
        self.next_tick = now + _IDLE_TICK_S
        self._report(reply, now)
        return max(heard, reply.reported)

    def _pad(self, now: float, depth_s: float, tick_s: float) -> None:
        room = round((depth_s - self._source.queued_s(now)) * self._rate)
        if room >= self._rate // 100:
            self._push(self._silence[:room], now, speech=0)
        self.next_tick = now + tick_s

    def _push(self, samples: Samples, now: float, *, speech: int) -> None:
        self._prune(now)
        self._source.push(samples, now)
        if speech:
            self._runs.append((True, speech))
        if len(samples) > speech:
            self._runs.append((False, len(samples) - speech))

    def _speech_queued(self, now: float) -> int:
        """Samples of speech among what the transport still has to play."""
        self._prune(now)
        return sum(count for speech, count in self._runs if speech)

    def _prune(self, now: float) -> None:
        played = sum(count for _, count in self._runs) - round(self._source.queued_s(now) * self._rate)
        while played > 0 and self._runs:
            speech, count = self._runs.popleft()
            if count > played:
                self._runs.appendleft((speech, count - played))
            played -= count

    def _report(self, reply: _Reply, now: float) -> None:
        heard = reply.pushed - self._speech_queued(now)
        if heard > reply.reported:
            reply.reported = heard
            self._events.advanced(reply.id, heard)
        kept = reply.reported - round(_HISTORY_S * self._rate)
        while reply.chunks and reply.front + len(reply.chunks[0]) <= kept:
            reply.front += len(reply.chunks.popleft())

    def _finish(self, reply: _Reply, now: float) -> None:
        self._retired.append(reply.id)
        self._reply = None
        self._events.ended(reply.id, reply.back)
        self._next(now)

    def _next(self, now: float) -> None:
        if self._reply is None and self._waiting:
            self._reply = self._waiting.popleft()
        self.next_tick = now
        self.tick(now)

    def _find(self, reply_id: str) -> _Reply | None:
        if self._reply is not None and self._reply.id == reply_id:
            return self._reply
        return next((reply for reply in self._waiting if reply.id == reply_id), None)


def _faded(samples: Samples, ramp: np.ndarray) -> Samples:
    """The samples with a linear ramp over their beginning. A copy."""
    count = min(len(ramp), len(samples))
    out: Samples = samples.copy()
    out[:count] = (samples[:count] * ramp[:count]).astype(np.int16)
    return out
