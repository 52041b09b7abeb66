"""The person's speech that a session which takes over has to be given.

Kept are what was pushed since the last commit, and committed turns that no reply has answered yet. What is
replayed begins shortly before the voice: silence that a microphone sent for minutes is stale, and a model
would answer it. Frames are kept as they came; nothing is decoded but for its level.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc

__all__ = ["Speech", "Turn", "level_dbfs"]

STALE_S = 10.0  # s; voice that was followed by so much silence and no commit was none; chosen
BEFORE_S = 1.0  # s; kept from before the voice; chosen, above what a provider takes to notice it
NOTICED_S = 0.6  # s; by which a provider's word that somebody speaks comes late; OpenAI's and ours, chosen
SHORTEST_TURN_S = 0.1  # s; OpenAI commits nothing shorter (input_audio_buffer_commit_empty)


def level_dbfs(frame: rtc.AudioFrame) -> float:
    """RMS of a frame of int16 audio, dB relative to full scale; -inf for silence."""
    samples = np.frombuffer(frame.data, dtype=np.int16).astype(np.float32)
    power = float(np.dot(samples, samples)) / len(samples) if len(samples) else 0.0
    return 10 * math.log10(power / 32768**2) if power > 0 else -math.inf


def _length_s(frames: deque[tuple[rtc.AudioFrame, bool]]) -> float:
    return sum(frame.duration for frame, _ in frames)


@dataclass(slots=True)
class Turn:
    """A turn that was committed."""

    frames: list[rtc.AudioFrame]
    item_id: str | None = None
    """The message that it became, once the provider said so."""
    written: bool = False
    """Whether its words are known."""
    number: int = 0
    """Counts the turns of the call."""


@dataclass(slots=True)
class Speech:
    """The buffer.

    Args:
        most_s: Longest speech that is kept, s; the oldest goes first.
        lead_s: What is kept from before the voice, s.
        voice_dbfs: Level from which audio is voice.
    """

    most_s: float
    lead_s: float
    voice_dbfs: float
    turns: deque[Turn] = field(default_factory=deque)
    """Committed and not answered, oldest first."""
    _unwritten: OrderedDict[str, list[rtc.AudioFrame]] = field(default_factory=OrderedDict)
    _open: deque[tuple[rtc.AudioFrame, bool]] = field(default_factory=deque)
    _open_s: float = 0.0
    _voiced_s: float = 0.0
    _silent_s: float = 0.0
    _speaking: bool = False
    _numbers: int = 0

    @property
    def voiced(self) -> bool:
        """Whether there is voice since the last commit."""
        return self._voiced_s > 0

    @property
    def number(self) -> int:
        """Of the last turn that was committed."""
        return self._numbers

    def push(self, frame: rtc.AudioFrame, *, told: bool = False) -> bool:
        """Keeps a frame that goes to the model; returns whether it is voice.

        Args:
            frame: The audio.
            told: The provider tells when somebody speaks (`began`, `ended`); else the level does.
        """
        voiced = self._speaking if told else level_dbfs(frame) >= self.voice_dbfs
        self._open.append((frame, voiced))
        self._open_s += frame.duration
        self._voiced_s += frame.duration if voiced else 0.0
        self._silent_s = 0.0 if voiced else self._silent_s + frame.duration
        if self._silent_s >= STALE_S:
            self._voiced_s = 0.0
        most = self.most_s if self._voiced_s else max(self.lead_s, BEFORE_S)
        while self._open_s > most and len(self._open) > 1:
            old, was_voiced = self._open.popleft()
            self._open_s -= old.duration
            self._voiced_s -= old.duration if was_voiced else 0.0
            if self._voiced_s < 1e-6:  # sums of durations come out a little beside 0
                self._voiced_s = 0.0
        return voiced

    def began(self) -> None:
        """The provider heard that somebody speaks."""
        self._speaking = True
        late = 0.0
        for n in range(len(self._open) - 1, -1, -1):
            frame, voiced = self._open[n]
            late += frame.duration
            if late > NOTICED_S:
                break
            if not voiced:
                self._open[n] = (frame, True)
                self._voiced_s += frame.duration
        self._silent_s = 0.0

    def ended(self) -> None:
        """The provider heard that nobody speaks any more."""
        self._speaking = False

    def commit(self) -> Turn | None:
        """The turn is over. None when it is too short to become a message."""
        frames, length = [frame for frame, _ in self._open], _length_s(self._open)
        self.clear()
        if length < SHORTEST_TURN_S:
            return None
        self._numbers += 1
        turn = Turn(frames, number=self._numbers)
        self.turns.append(turn)
        while len(self.turns) > 1 and sum(f.duration for t in self.turns for f in t.frames) > self.most_s:
            self.turns.popleft()
        return turn

    def clear(self) -> None:
        """What was not committed is thrown away."""
        self._open.clear()
        self._open_s = self._voiced_s = self._silent_s = 0.0

    def uncommitted(self) -> list[rtc.AudioFrame]:
        """What to replay of it: from shortly before the voice; nothing when there is none."""
        if not self.voiced:
            return []
        kept = list(self._open)
        first = next((i for i, (_, voiced) in enumerate(kept) if voiced), 0)
        before = 0.0
        while first > 0 and before + kept[first - 1][0].duration <= self.lead_s:
            first -= 1
            before += kept[first][0].duration
        return [frame for frame, _ in kept[first:]]

    def became(self, item_id: str) -> Turn | None:
        """The oldest turn without a name became this message."""
        turn = next((t for t in self.turns if t.item_id is None), None)
        if turn is not None:
            turn.item_id = item_id
        return turn

    def written(self, item_id: str) -> None:
        """The words of a message are known, or will never be."""
        self._unwritten.pop(item_id, None)
        for turn in self.turns:
            if turn.item_id == item_id:
                turn.written = True

    def answered(self, upto: int) -> bool:
        """All turns up to a number have their reply: sound is kept only where the words are not known.

        Returns:
            Whether there were any.
        """
        any_there = False
        while self.turns and self.turns[0].number <= upto:
            turn, any_there = self.turns.popleft(), True
            if not turn.written and turn.item_id is not None:
                self._unwritten[turn.item_id] = turn.frames
        while len(self._unwritten) > 1 and self._unwritten_s() > self.most_s:
            self._unwritten.popitem(last=False)
        return any_there

    def sound_of(self, item_id: str) -> list[rtc.AudioFrame] | None:
        """The sound of a message whose words are not known."""
        return self._unwritten.get(item_id)

    def _unwritten_s(self) -> float:
        return sum(frame.duration for frames in self._unwritten.values() for frame in frames)
