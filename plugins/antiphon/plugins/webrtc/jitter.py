"""When each packet of a peer's audio is played: a jitter buffer that never keeps the delay a loss gave it.

Pure: times are arguments, sounds are not looked at. Drive it so: `push` each packet as it arrives, call
`pull` whenever the next piece of sound is due, and make the sound it says.

Rules:
- Sound is due at a steady pace. A packet that is not there then is concealed, from the copy in its
  successor if that is there already.
- If the successor comes and not the packet, it was lost: its time has been concealed, nothing is added.
  If the packet comes after all, it is played, and the delay has grown by the wait.
- The *margin* is how long packets lie here before they are due. Above what is wanted, one packet in a
  second is merged into the next, until it is what was wanted again: no delay stays.
- What is wanted starts at `MARGIN_S`, grows with each packet that came too late, and falls again. Where
  the margin is less than that, one piece in a second is put in.
- A sender that skips time (silence not sent, an outage) is followed at once.

Times: ``now`` in s; positions in RTP time, samples at 48 kHz.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

__all__ = ["Conceal", "Jitter", "JitterStats", "Merge", "Play", "Pull", "Recover"]

CLOCK_HZ = 48_000
FRAME = 960  # 20 ms
MARGIN_S = 0.025  # s; chosen: one packet and a little, so that FEC finds the successor
_MAX_MARGIN_S = 0.120  # s; chosen
_MARGIN_STEP_S = 0.020
_CALM_S = 5.0  # s without a late packet until a step less is wanted; chosen
_WINDOW = 50  # packets over which the least margin is taken, 1 s
_SPARE_S = 0.015  # s above the wanted margin before a packet is merged: less than one, or it would hunt
_BEHIND_S = 0.100  # s above the wanted margin at which the reader is to catch up at once
_MAX_GAP = 6 * FRAME  # RTP time concealed piece by piece; a longer gap is a sender that skipped time
_MAX_PACKETS = 250  # 5 s; the oldest go first
_RESTART = 10 * CLOCK_HZ  # a jump in RTP time that is another stream


@dataclass(frozen=True, slots=True)
class Play:
    """Decode this packet."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Merge:
    """Decode both, and play them in the time of the second."""

    first: bytes
    second: bytes


@dataclass(frozen=True, slots=True)
class Recover:
    """A packet is lost, and this is its successor, which may hold a copy. It stays to be played."""

    following: bytes
    samples: int
    """RTP time to fill."""


@dataclass(frozen=True, slots=True)
class Conceal:
    """Nothing is there: fill this much RTP time."""

    samples: int


Pull = Play | Merge | Recover | Conceal


@dataclass(slots=True)
class JitterStats:
    """Counts since the stream began."""

    received: int = 0
    """Packets."""
    late: int = 0
    """Packets that came after their time was filled, and were dropped."""
    concealed: int = 0
    """Pieces of 20 ms, or of a packet's length, for which there was no packet."""
    merged: int = 0
    """Packets merged into the next to shed delay."""
    margin_s: float = MARGIN_S
    """How long packets last lay before they were due: the least of the last second."""


@dataclass(order=True, slots=True)
class _Packet:
    at: int
    samples: int = field(compare=False)
    payload: bytes = field(compare=False)
    arrived: float = field(compare=False)


class Jitter:
    """One stream."""

    def __init__(self) -> None:
        self.stats = JitterStats()
        self._packets: list[_Packet] = []  # a heap by RTP time
        self._newest: int | None = None  # unwrapped RTP time of the newest packet
        self._due: int | None = None  # RTP time of the next piece
        self._step = FRAME  # length of the latest packet
        self._played: deque[int] = deque(maxlen=16)
        self._owed = 0  # RTP time concealed at the end, while nothing told whether it was lost
        self._wanted_s = MARGIN_S
        self._calm_since = 0.0
        self._least_s = float("inf")
        self._counted = 0
        self._shed = False
        self._stretch = False

    def push(self, timestamp: int, samples: int, payload: bytes, now: float) -> None:
        """A packet arrived.

        Args:
            timestamp: Of RTP, 32 bits.
            samples: Its length in RTP time.
            payload: What is in it.
            now: s.
        """
        at = self._unwrapped(timestamp)
        self.stats.received += 1
        self._step = samples
        if self._due is not None and at < self._due:
            if at in self._played:
                return  # a second copy
            self.stats.late += 1
            if self._due - at <= _MAX_GAP:
                self._was_late(now)
            return
        heapq.heappush(self._packets, _Packet(at, samples, payload, now))
        if len(self._packets) > _MAX_PACKETS:
            heapq.heappop(self._packets)
            self._due = self._packets[0].at

    def first_due(self) -> float | None:
        """When to call `pull` for the first time, s; None while nothing came."""
        return self._packets[0].arrived + self._wanted_s if self._packets else None

    def behind(self, now: float) -> bool:
        """Whether so much lies here that the reader should take it without waiting."""
        return bool(self._packets) and now - self._packets[0].arrived > self._wanted_s + _BEHIND_S

    def pull(self, now: float) -> Pull:
        """What the next piece of sound is made of."""
        self._calm_down(now)
        if self._due is None:
            if not self._packets:
                return Conceal(self._step)
            self._due = self._packets[0].at
        head = self._head()
        if head is None:
            self._owed += self._step
            return self._concealed(Conceal(self._step))
        if head.at > self._due:
            # What was concealed was in the place of what is missing.
            self._due = min(self._due + self._owed, head.at)
            self._owed = 0
            if head.at - self._due > _MAX_GAP:
                self._due = head.at
        gap = head.at - self._due
        if gap >= FRAME // 8:
            filled = min(gap, self._step)
            self._due += filled
            return self._concealed(Recover(head.payload, filled) if filled == gap else Conceal(filled))
        if 0 < self._owed <= _MAX_GAP:
            self._was_late(now)
        elif self._stretch:
            self._stretch = False
            return self._concealed(Conceal(self._step))
        return self._play(now)

    def _play(self, now: float) -> Pull:
        packet = heapq.heappop(self._packets)
        self._owed = 0
        self._due = packet.at + packet.samples
        self._played.append(packet.at)
        self._measure(now - packet.arrived)
        following = self._head()
        if self._shed and following is not None and following.at == self._due:
            heapq.heappop(self._packets)
            self._due = following.at + following.samples
            self._shed = False
            self.stats.merged += 1
            return Merge(packet.payload, following.payload)
        return Play(packet.payload)

    def _head(self) -> _Packet | None:
        """The first packet that is not a second copy of one played."""
        while self._packets and self._due is not None and self._packets[0].at < self._due:
            heapq.heappop(self._packets)
        return self._packets[0] if self._packets else None

    def _measure(self, margin_s: float) -> None:
        self._least_s = min(self._least_s, margin_s)
        self._counted += 1
        if self._counted == _WINDOW:
            self.stats.margin_s = self._least_s
            self._shed = self._least_s > self._wanted_s + _SPARE_S
            self._stretch = self._least_s < self._wanted_s - _MARGIN_STEP_S
            self._least_s, self._counted = float("inf"), 0

    def _was_late(self, now: float) -> None:
        self._wanted_s = min(self._wanted_s + _MARGIN_STEP_S, _MAX_MARGIN_S)
        self._calm_since = now

    def _calm_down(self, now: float) -> None:
        if self._wanted_s > MARGIN_S and now - self._calm_since >= _CALM_S:
            self._wanted_s = max(self._wanted_s - _MARGIN_STEP_S, MARGIN_S)
            self._calm_since = now

    def _concealed(self, how: Recover | Conceal) -> Recover | Conceal:
        self.stats.concealed += 1
        return how

    def _unwrapped(self, timestamp: int) -> int:
        if self._newest is None:
            self._newest = timestamp
            return timestamp
        step = (timestamp - self._newest + (1 << 31)) % (1 << 32) - (1 << 31)
        at = self._newest + step
        if abs(step) > _RESTART:
            # Another stream: what is left of the old one goes, and the new one sets the time.
            self._packets.clear()
            self._due = None
            self._newest = at
        self._newest = max(self._newest, at)
        return at
