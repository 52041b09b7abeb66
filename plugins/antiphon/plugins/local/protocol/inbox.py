"""What the person says: the input audio buffer, and turn detection over it.

`Inbox` is the two together, and tells the client of them. Positions are ms of audio since the session
began, as the wire has them. Speech probabilities come from the shell, one for each 32 ms window of what
was appended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from antiphon.plugins.local.engines import RATE_HZ, Samples
from antiphon.plugins.local.protocol.outputs import Listen, Outbox, Refusal

__all__ = ["Inbox", "InputBuffer", "SpeechStarted", "SpeechStopped", "Turn", "TurnDetector"]

MIN_COMMIT_MS = 100
_MAX_S = 600.0  # s of uncommitted audio kept; the oldest goes first
_WINDOW_MS = 32
_ONSET_WINDOWS = 2
_KEPT_QUIET_MS = 1000  # of audio without speech, before the padding; chosen
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
            self.padding_ms = int(settings["prefix_padding_ms"])
            self._silence_ms = int(settings["silence_duration_ms"])
        else:
            self._threshold, self.padding_ms = 0.5, 300
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
            return SpeechStarted(max(end_ms - self._run * _WINDOW_MS - self.padding_ms, 0))
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


@dataclass(frozen=True, slots=True)
class Turn:
    """What the person said in one go: a user item's id and its audio."""

    item_id: str
    audio: Samples


class Inbox:
    """What the client appends, until it is an item of the conversation.

    Args:
        outbox: Takes what is to be done.
        new_id: Makes an id with a prefix.
    """

    def __init__(self, outbox: Outbox, new_id: Callable[[str], str]) -> None:
        self._outbox = outbox
        self._new_id = new_id
        self._buffer = InputBuffer()
        self._detector: TurnDetector | None = None
        self._speech_item: str | None = None

    @property
    def detection(self) -> Mapping[str, Any] | None:
        """The settings of turn detection; None while there is none."""
        return None if self._detector is None else self._detector.settings

    def detect(self, settings: Mapping[str, Any] | None) -> None:
        """Sets turn detection; None for none."""
        if settings is None:
            self._detector = None
            self._speech_item = None
        elif settings != self.detection:
            self._detector = TurnDetector(settings)

    def append(self, audio: Samples) -> None:
        """Adds audio, and has it searched for speech."""
        if self._detector is not None:
            self._outbox.do(Listen(audio, self._buffer.total * 1000 / RATE_HZ))
        self._buffer.append(audio)

    def clear(self) -> None:
        """Drops everything."""
        self._buffer.clear()
        self._forget_speech()
        self._outbox.emit("input_audio_buffer.cleared")

    def commit(self) -> Turn:
        """All of it, by the client's will.

        Raises:
            Refusal: There is less than 100 ms.
        """
        turn = Turn(self._speech_item or self._new_id("item"), self._buffer.take())
        self._forget_speech()
        return turn

    def time_out(self) -> Turn:
        """All of it, however little, since nobody speaks."""
        end, audio = self._buffer.end_ms, self._buffer.take_any()
        turn = Turn(self._new_id("item"), audio)
        self._outbox.emit(
            "input_audio_buffer.timeout_triggered",
            item_id=turn.item_id,
            audio_start_ms=max(end - len(audio) * 1000 // RATE_HZ, 0),
            audio_end_ms=end,
        )
        return turn

    def speech(self, probability: float, end_ms: int) -> SpeechStarted | Turn | None:
        """The probability of a window that ends at ``end_ms``: speech begins, a turn is over, or neither."""
        if self._detector is None:
            return None
        found = self._detector.window(probability, end_ms)
        if isinstance(found, SpeechStarted):
            self._speech_item = self._new_id("item")
            self._buffer.keep_from(found.start_ms)
            self._outbox.emit(
                "input_audio_buffer.speech_started",
                item_id=self._speech_item,
                audio_start_ms=found.start_ms,
            )
            return found
        if isinstance(found, SpeechStopped):
            return self._stopped(found.end_ms)
        if not self._detector.speaking:
            # Behind the window, not the buffer's end: an append may hold minutes, speech at its front.
            self._buffer.keep_from(end_ms - self._detector.padding_ms - _KEPT_QUIET_MS)
        return None

    def _stopped(self, end_ms: int) -> Turn | None:
        item_id, self._speech_item = self._speech_item or self._new_id("item"), None
        self._outbox.emit("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=end_ms)
        try:
            return Turn(item_id, self._buffer.take(end_ms))
        except Refusal:
            return None

    def _forget_speech(self) -> None:
        self._speech_item = None
        if self._detector is not None:
            self._detector.reset()
