"""The input audio buffer, and turn detection over it.

Positions are ms of audio since the session began, as the wire has them. Speech probabilities come from
the shell, one for each 32 ms window of what was appended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from antiphon.plugins.local.engines import RATE_HZ, Samples
from antiphon.plugins.local.protocol.outputs import Refusal

__all__ = ["InputBuffer", "SpeechStarted", "SpeechStopped", "TurnDetector"]

MIN_COMMIT_MS = 100
_MAX_S = 600.0  # s of uncommitted audio kept; the oldest goes first
_WINDOW_MS = 32
_ONSET_WINDOWS = 2
_SEMANTIC_SILENCE_MS = {"low": 1200, "medium": 800, "auto": 800, "high": 400}  # chosen


class InputBuffer:
    """Audio appended and not committed yet."""

    def __init__(self) -> None:
        self._parts: deque[Samples] = deque()
        self._samples = 0
        self.total = 0
        """Samples appended since the session began."""

    @property
    def duration_ms(self) -> float:
        """Of what is in the buffer."""
        return self._samples * 1000 / RATE_HZ

    @property
    def end_ms(self) -> int:
        """Where the appended audio ends."""
        return round(self.total * 1000 / RATE_HZ)

    def append(self, audio: Samples) -> None:
        """Adds audio."""
        if len(audio):
            self._parts.append(audio)
            self._samples += len(audio)
            self.total += len(audio)
        while self._samples > _MAX_S * RATE_HZ:
            self._samples -= len(self._parts.popleft())

    def clear(self) -> None:
        """Drops everything."""
        self._parts.clear()
        self._samples = 0

    def keep_from(self, ms: float) -> None:
        """Drops what lies before a position."""
        # Whole parts, and a view of the one that is cut: called for each window, so nothing is copied.
        excess = self._samples - max(self.total - round(ms * RATE_HZ / 1000), 0)
        while excess > 0:
            first = self._parts.popleft()
            if len(first) > excess:
                self._parts.appendleft(first[excess:])
            dropped = min(len(first), excess)
            self._samples -= dropped
            excess -= dropped

    def take(self, until_ms: float | None = None) -> Samples:
        """What lies before a position, or all of it; the rest stays.

        Raises:
            Refusal: There is less than 100 ms.
        """
        if self.duration_ms < MIN_COMMIT_MS:
            raise Refusal(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
                f"but buffer only has {self.duration_ms:.2f}ms of audio.",
            )
        if until_ms is None:
            return self.take_any()
        rest = min(max(self.total - round(until_ms * RATE_HZ / 1000), 0), self._samples)
        audio = self.take_any()
        if rest:
            self._parts.append(audio[len(audio) - rest :])
            self._samples = rest
        return audio[: len(audio) - rest]

    def take_any(self) -> Samples:
        """All of it, however little."""
        audio = self._joined()
        self.clear()
        return audio

    def _joined(self) -> Samples:
        return np.concatenate(list(self._parts)) if self._parts else np.zeros(0, dtype=np.int16)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began; its audio starts at ``start_ms``, padding included."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Speech ended."""

    end_ms: int


class TurnDetector:
    """``server_vad``, and ``semantic_vad`` as a silence that depends on the eagerness."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)
        if settings["type"] == "server_vad":
            self._threshold = float(settings["threshold"])
            self._padding_ms = int(settings["prefix_padding_ms"])
            self._silence_ms = int(settings["silence_duration_ms"])
        else:
            self._threshold, self._padding_ms = 0.5, 300
            self._silence_ms = _SEMANTIC_SILENCE_MS[settings["eagerness"]]
        self.speaking = False
        self._run = 0
        self._quiet_ms = 0

    def window(self, speech: float, end_ms: int) -> SpeechStarted | SpeechStopped | None:
        """Takes the probability of a window that ends at ``end_ms``."""
        if not self.speaking:
            self._run = self._run + 1 if speech >= self._threshold else 0
            if self._run < _ONSET_WINDOWS:
                return None
            self.speaking, self._quiet_ms = True, 0
            return SpeechStarted(max(end_ms - self._run * _WINDOW_MS - self._padding_ms, 0))
        if speech >= self._threshold - 0.15:
            self._quiet_ms = 0
            return None
        self._quiet_ms += _WINDOW_MS
        if self._quiet_ms < self._silence_ms:
            return None
        self.speaking, self._run = False, 0
        return SpeechStopped(end_ms)

    def reset(self) -> None:
        """Forgets speech under way."""
        self.speaking, self._run, self._quiet_ms = False, 0, 0
