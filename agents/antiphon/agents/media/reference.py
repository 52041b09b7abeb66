"""What was played to the person, and when it was heard: the reference that echo is measured against.

A ring of samples on the time line of the ear at the near end of the transport: a push that waits in the
transport's queue lies in the future, and a queue that is dropped was never heard. Pure: time is an
argument, and no sample is looked at but to find whether it is sound.

Drive it so: `played` with every push to the transport and `cut` when its queue is dropped.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from antiphon.agents.interruption.evidence import AgentStand
from antiphon.agents.media.router import Samples

__all__ = ["EchoReference"]

_SOUND: Final = 60  # of 32,768: a push louder than this is sound (-55 dBFS)


class EchoReference:
    """What was played to the person, as it was heard at the near end of the transport.

    Args:
        rate_hz: Its sample rate; a multiple of 125.
    """

    _CAPACITY_S: Final = 6.0
    _KEPT_S: Final = 2.5
    _JITTER_S: Final = 0.010  # s by which two pushes in a row may seem to miss each other

    def __init__(self, rate_hz: int = 24_000) -> None:
        self.rate_hz = rate_hz
        self.epoch: float | None = None
        """When the sample at position 0 was heard, s."""
        self.sound_until = -math.inf
        """When the last sound in it is or was heard to its end, s."""
        self._changed: int | None = None  # where a cut changed what may have been read
        self._samples = np.zeros(round(self._CAPACITY_S * rate_hz), dtype=np.int16)
        self._origin = 0  # position of the first sample kept
        self._end = 0  # after the last one; all behind it is zero

    def played(self, samples: Samples, at: float) -> None:
        """Notes a push.

        Args:
            samples: Mono int16, shape (n,). Copied.
            at: When its first sample is heard, s: now, or when what is queued has been played.
        """
        if self.epoch is None:
            self.epoch = at
        position = self.position(at)
        if abs(position - self._end) <= self._JITTER_S * self.rate_hz or position < self._end:
            position = self._end
        self._make_room(position, len(samples))
        start = position - self._origin
        self._samples[start : start + len(samples)] = samples
        self._end = position + len(samples)
        if len(samples) and int(samples.max()) > _SOUND:
            self.sound_until = self.epoch + self._end / self.rate_hz

    def cut(self, at: float) -> None:
        """Notes that nothing queued is heard from ``at`` on, s."""
        if self.epoch is None:
            return
        position = max(self.position(at), self._origin)
        if position < self._end:
            self._samples[position - self._origin : self._end - self._origin] = 0
            self._end = position
            self._changed = position if self._changed is None else min(self._changed, position)
        self.sound_until = min(self.sound_until, at)

    def take_changed(self) -> int | None:
        """The lowest position that cuts changed since the last time, or None."""
        changed, self._changed = self._changed, None
        return changed

    def position(self, at: float) -> int:
        """The position that is heard at ``at``, s."""
        return 0 if self.epoch is None else round((at - self.epoch) * self.rate_hz)

    def between(self, first: int, stop: int) -> Samples:
        """What is heard from one position to another; silence where nothing is known. May be a view."""
        low, high = first - self._origin, stop - self._origin
        if low >= 0 and high <= len(self._samples):
            return self._samples[low:high]
        out = np.zeros(stop - first, dtype=np.int16)
        inside = self._samples[max(low, 0) : max(high, 0)]
        skipped = max(-low, 0)
        out[skipped : skipped + len(inside)] = inside
        return out

    def read(self, at: float, count: int) -> Samples:
        """So many samples heard from ``at`` on, s."""
        position = self.position(at)
        return self.between(position, position + count)

    def stand(self, at: float, left_s: float = math.inf) -> AgentStand:
        """How the agent's voice stands at ``at``; takes some 30 us.

        Args:
            at: s.
            left_s: What is left of the reply, as the playout knows it, s.
        """
        if self.epoch is None:
            return AgentStand()
        step = self.rate_hz // 50  # 20 ms
        blocks = self.read(at - 100 * 0.02, 100 * step).reshape(100, step).astype(np.float32)
        powers = np.einsum("ij,ij->i", blocks, blocks) / (step * 32768.0**2)
        levels = 10 * np.log10(powers + 1e-9)
        loud = np.flatnonzero(levels > max(float(levels.max()) - 25.0, -55.0))
        quiet_s = (99 - int(loud[-1])) * 0.02 if len(loud) else math.inf
        return AgentStand(level_db=float(levels[-3:].max()), quiet_s=quiet_s, left_s=left_s)

    def _make_room(self, position: int, count: int) -> None:
        if position + count - self._origin <= len(self._samples):
            return
        origin = position - round(self._KEPT_S * self.rate_hz)
        kept = self._samples[max(origin - self._origin, 0) : max(self._end - self._origin, 0)].copy()
        self._samples[:] = 0
        if self._end > origin:
            start = max(self._origin - origin, 0)
            self._samples[start : start + len(kept)] = kept
        self._origin = origin
        if count > len(self._samples) - (position - origin):
            raise ValueError(f"a push of {count} samples is longer than the reference")
