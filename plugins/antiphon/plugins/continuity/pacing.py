"""How much of a reply's text may be passed on, given how much of its sound has come.

Models send a reply's words ahead of its sound. If the session fails in between, words would stand in the
conversation that nobody heard. So text waits until the sound that carries it has come: at the rate learnt
from the replies that were complete. Sound comes several times faster than it plays, so whoever shows the
words at the pace of the playout does not notice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Pace", "PacedText"]

_RATE = 16.0  # characters a second of speech; English, as agents/transcript.py takes it
_LEAST_S = 1.0  # s; a shorter reply says little of the rate


@dataclass(slots=True)
class Pace:
    """The rate of a call's voice, characters a second."""

    chars: float = _RATE * 4
    seconds: float = 4.0

    @property
    def rate(self) -> float:
        """Characters a second."""
        return self.chars / self.seconds

    def learn(self, chars: int, seconds: float) -> None:
        """A whole reply had so many characters in so many seconds."""
        if seconds >= _LEAST_S and chars:
            # The newest weigh most: languages and voices may change in a call.
            self.chars = self.chars * 0.5 + chars
            self.seconds = self.seconds * 0.5 + seconds


@dataclass(slots=True)
class PacedText:
    """The text of one message."""

    pace: Pace
    passed: str = ""
    """What was passed on."""
    audio_s: float = 0.0
    """Sound that came."""
    _waiting: list[str] = field(default_factory=list)

    def text(self, delta: str) -> str:
        """More of it came; returns what may be passed on."""
        self._waiting.append(delta)
        return self._due()

    def sound(self, seconds: float) -> str:
        """More sound came; returns what may be passed on."""
        self.audio_s += seconds
        return self._due()

    def rest(self) -> str:
        """The message is complete: all that waits, and the rate is learnt."""
        self.pace.learn(len(self.passed) + sum(map(len, self._waiting)), self.audio_s)
        return self._pass("".join(self._waiting), "")

    def _due(self) -> str:
        if not self._waiting or not self.audio_s:
            return ""
        room = int(self.pace.rate * self.audio_s) - len(self.passed)
        whole = "".join(self._waiting)
        if room <= 0:
            return ""
        if room >= len(whole):
            return self._pass(whole, "")
        cut = whole.rfind(" ", 0, room) + 1  # whole words only
        return self._pass(whole[:cut], whole[cut:])

    def _pass(self, text: str, left: str) -> str:
        self._waiting = [left] if left else []
        self.passed += text
        return text
