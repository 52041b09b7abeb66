"""What a caller says: clips and live audio, silence in between, in frames of 10 ms.

Pure: the time is an argument. Driven by a loop that waits for `Outgoing.wait_s`, then hands on
`Outgoing.frame`. Frames are due by the clock, each 10 ms after the one before, however late one was
taken; only from `LATE_S` on is the row begun anew, since what was missed cannot be hurried through: the
source's queue would not take it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon.workers.caller.recording import Recording, dbfs_onset

__all__ = ["FRAME_SAMPLES", "MIC_RATE_HZ", "Outgoing", "Played"]

MIC_RATE_HZ = 48_000
FRAME_SAMPLES = MIC_RATE_HZ // 100  # 10 ms
LATE_S = 0.02  # s; from here on a trial is no longer what it should be
_FRAME_S = FRAME_SAMPLES / MIC_RATE_HZ
_BACKLOG = MIC_RATE_HZ // 5  # samples of live audio that may wait; chosen

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Played:
    """A clip as it was played, s, monotonic."""

    began_at: float
    ended_at: float
    onset_at: float
    """Of its first sample above -45 dBFS."""
    voice_ended_at: float
    """Of its last."""


@dataclass(slots=True)
class _Clip:
    samples: Samples
    at: float
    """When its first sample is due, s."""
    done: asyncio.Future[Played] | None = None
    """For who waits; nobody does for live audio."""
    voice: tuple[int, int] = (0, 0)
    """Its first and last sample above -45 dBFS."""
    position: int = 0
    began_at: float = 0.0


class Outgoing:
    """One caller's side of a call, mono int16 at `MIC_RATE_HZ`."""

    def __init__(self) -> None:
        self.sent = Recording(MIC_RATE_HZ)
        """All frames, with the times they were taken."""
        self.late_frames = 0
        """Frames taken more than 20 ms late."""
        self._clips: deque[_Clip] = deque()
        self._due: float | None = None

    def play(self, samples: Samples, at: float = 0.0) -> asyncio.Future[Played]:
        """Adds a clip behind what is there, shape (n,); the future tells when it was played.

        Args:
            samples: The clip.
            at: When its first sample is due, s, monotonic; at once if that is past.
        """
        done: asyncio.Future[Played] = asyncio.get_running_loop().create_future()
        voice = dbfs_onset(samples) or (0, len(samples) - 1)
        self._clips.append(_Clip(samples, at, done, voice))
        return done

    def feed(self, samples: Samples) -> None:
        """Adds live audio, shape (n,); what would wait for more than 0.2 s is left out."""
        if sum(len(clip.samples) - clip.position for clip in self._clips) <= _BACKLOG:
            self._clips.append(_Clip(samples, 0.0))

    def wait_s(self, now: float) -> float:
        """How long until the next frame is due, s."""
        return 0.0 if self._due is None else max(self._due - now, 0.0)

    def frame(self, now: float) -> Samples:
        """Takes the next frame, shape (`FRAME_SAMPLES`,)."""
        if self._due is None:
            self._due = now
        elif now - self._due > LATE_S:
            self.late_frames += 1
            self._due = now
        made = self._made(self._due)
        self._due += _FRAME_S
        self.sent.add(made, now)
        return made

    def close(self) -> None:
        """Cancels what was not played to its end."""
        while self._clips:
            clip = self._clips.popleft()
            if clip.done is not None:
                clip.done.cancel()

    def _made(self, due: float) -> Samples:
        made = np.zeros(FRAME_SAMPLES, dtype=np.int16)
        filled = 0
        while filled < FRAME_SAMPLES and self._clips:
            clip = self._clips[0]
            if clip.at > due + _FRAME_S / 2:  # the frame nearest to its time is its first
                break
            if clip.position == 0:
                clip.began_at = due + filled / MIC_RATE_HZ
            piece = clip.samples[clip.position : clip.position + FRAME_SAMPLES - filled]
            made[filled : filled + len(piece)] = piece
            filled += len(piece)
            clip.position += len(piece)
            if clip.position == len(clip.samples):
                self._clips.popleft()
                _finish(clip)
        return made


def _finish(clip: _Clip) -> None:
    if clip.done is None or clip.done.done():
        return
    began, ended, onset, voice_ended = (
        clip.began_at + sample / MIC_RATE_HZ for sample in (0, len(clip.samples), *clip.voice)
    )
    clip.done.set_result(Played(began, ended, onset, voice_ended))
