"""What of the person's audio reaches the model, and when.

Three places for a sample: the ring of the last second or so, the local store of a turn that nobody has
decided on, and the model. The controller's actions move audio between them; no sample is sent twice,
and what is sent keeps its order. No time, no I/O: `send` carries it away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from antiphon.agents.media.router import Samples

__all__ = ["Gate"]

_MARGIN_S = 0.7  # s kept beyond the pre-roll: an onset is found later than it happened
_MAX_STORED_S = 60.0  # s of an undecided turn kept; older audio goes first


class Gate:
    """One call's gate.

    Args:
        rate_hz: Sample rate of the audio.
        pre_roll_s: How much from before the voice began belongs to a turn, s.
        send: Takes audio for the model, mono int16, shape (n,).
    """

    def __init__(self, *, rate_hz: int, pre_roll_s: float, send: Callable[[Samples], None]) -> None:
        self._rate = rate_hz
        self.change(pre_roll_s)
        self._send = send
        self._ring: deque[Samples] = deque()
        self._ring_samples = 0
        self._clock = 0  # samples pushed since the start
        self._taken = 0  # the clock's value up to which audio was sent or stored
        self._stored: deque[Samples] | None = None
        self._kept_from = 0  # what `taken` was before anything was stored
        self._storing = False
        self._open = False
        self._turn = 0

    @property
    def is_open(self) -> bool:
        """Whether live audio is sent as it comes."""
        return self._open

    @property
    def turn_samples(self) -> int:
        """Samples sent or kept for the turn that is not committed yet."""
        return self._turn

    def change(self, pre_roll_s: float) -> None:
        """Takes another length for the pre-roll of the turns to come, s."""
        self._pre_roll = round(pre_roll_s * self._rate)
        self._keep = self._pre_roll + round(_MARGIN_S * self._rate)

    def push(self, samples: Samples) -> None:
        """Takes the next live audio, mono int16, shape (n,)."""
        self._ring.append(samples)
        self._ring_samples += len(samples)
        while self._ring and self._ring_samples - len(self._ring[0]) >= self._keep:
            self._ring_samples -= len(self._ring.popleft())
        self._clock += len(samples)
        if self._open or self._storing:
            self._take(samples)

    def open(self, voice_ago_s: float) -> None:
        """Sends the pre-roll and then the live audio.

        Args:
            voice_ago_s: How long ago the voice began, s; the pre-roll ends there.
        """
        if self._stored is not None:
            self.release()
        elif not self._open:
            self._open = True
            self._take(self._pre_roll_audio(voice_ago_s))

    def store(self, voice_ago_s: float) -> None:
        """Keeps the pre-roll and the live audio here until `release` or `discard`, adding to what is kept."""
        if self._storing or self._open:
            return
        if self._stored is None:
            self._stored = deque()
            self._kept_from = self._taken
        self._storing = True
        self._take(self._pre_roll_audio(voice_ago_s))

    def release(self) -> None:
        """Sends what was kept, then the live audio."""
        stored, self._stored = self._stored, None
        self._storing = False
        self._open = True
        if stored:
            self._send(np.concatenate(stored))

    def close(self) -> None:
        """Sends and keeps no more; what is kept stays."""
        self._open = self._storing = False

    def commit(self) -> int:
        """Ends the turn; returns its length in samples."""
        turn, self._turn = self._turn, 0
        if self._stored:
            self._send(np.concatenate(self._stored))
        self._stored = None
        self._open = self._storing = False
        return turn

    def discard(self, *, as_if_unheard: bool = False) -> int:
        """Forgets the turn; returns its length in samples.

        Args:
            as_if_unheard: What was kept and never sent may be pre-roll again.
        """
        turn, self._turn = self._turn, 0
        if as_if_unheard and self._stored is not None:
            self._taken = self._kept_from
        self._stored = None
        self._open = self._storing = False
        return turn

    def forget(self) -> None:
        """Empties the ring: after a gap in the audio, what was before it is no pre-roll."""
        self._ring.clear()
        self._ring_samples = 0
        self._taken = self._clock

    def _pre_roll_audio(self, voice_ago_s: float) -> Samples:
        wanted = self._pre_roll + round(max(voice_ago_s, 0.0) * self._rate)
        wanted = min(wanted, self._ring_samples, self._clock - self._taken)
        if not wanted:
            return np.zeros(0, dtype=np.int16)
        return np.concatenate(list(self._ring))[-wanted:]

    def _take(self, samples: Samples) -> None:
        self._taken = self._clock
        if not len(samples):
            return
        self._turn += len(samples)
        if self._open:
            self._send(samples)
        elif self._stored is not None:
            self._stored.append(samples)
            while self._turn > _MAX_STORED_S * self._rate:
                self._turn -= len(self._stored.popleft())
