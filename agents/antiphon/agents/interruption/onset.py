"""When does speech begin and end? Two thresholds over 32 ms windows.

A window at or above ``enter`` starts a rise; while each next one stays at or above ``exit`` the rise
goes on, and once it has lasted ``onset_s`` it is speech. Speech goes on until no window reached ``exit``
for ``speech_gap_s``. The detector knows nothing of agents, turns or audio; time is an argument.

Drive it with `frame` for every window and `lose` when the audio stops.
"""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.agents.interruption.verdicts import WINDOW_S

__all__ = ["OnsetDetector", "SpeechEnded", "SpeechLikely"]

_HALF_WINDOW_S = WINDOW_S / 2  # s; durations are met to the nearest whole window


@dataclass(frozen=True, slots=True)
class SpeechLikely:
    """Speech was found."""

    now: float
    began_at: float
    """Arrival of the first sample of its first voiced window, s."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Speech was found to be over."""

    now: float
    ended_at: float
    """Arrival of the last sample of its last voiced window, s."""
    voiced_s: float
    """Voice in it, pauses left out, s."""


class OnsetDetector:
    """Finds the beginning and end of speech in a row of probabilities.

    Args:
        enter: Probability at which a window may begin speech.
        exit: Probability below which a window is no voice; less than ``enter``.
        onset_s: Voice needed to call it speech, s.
        speech_gap_s: Time without voice after which it has ended, s.
    """

    def __init__(self, *, enter: float, exit: float, onset_s: float, speech_gap_s: float) -> None:
        self._enter = enter
        self._exit = exit
        self._onset_s = onset_s
        self._speech_gap_s = speech_gap_s
        self._clear()

    def _clear(self) -> None:
        self.speaking = False
        """Whether speech is on, short gaps included."""
        self.voiced = False
        """Whether the last window counted as voice."""
        self.voiced_s = 0.0
        """Voice in the speech or rise that is on, s."""
        self.began_at = 0.0
        self.last_voice_at = 0.0
        """Arrival of the last voiced sample, s."""

    def frame(self, now: float, speech: float) -> SpeechLikely | SpeechEnded | None:
        """Takes one window.

        Args:
            now: Arrival of its last sample, s.
            speech: Probability of speech, 0 to 1. NaN counts as none.
        """
        self.voiced, was_voiced = speech >= (self._exit if self._continues else self._enter), self.voiced
        if self.voiced:
            if not self.speaking and not was_voiced:
                self.began_at = now - WINDOW_S
                self.voiced_s = 0.0
            self.voiced_s += WINDOW_S
            self.last_voice_at = now
            if not self.speaking and self.voiced_s >= self._onset_s - _HALF_WINDOW_S:
                self.speaking = True
                return SpeechLikely(now, self.began_at)
        elif self.speaking and now - self.last_voice_at >= self._speech_gap_s - _HALF_WINDOW_S:
            return self.lose(now)
        return None

    @property
    def _continues(self) -> bool:
        return self.speaking or self.voiced

    def lose(self, now: float) -> SpeechEnded | None:
        """Ends speech at once and forgets a rise; what follows needs an onset of its own."""
        ended = SpeechEnded(now, self.last_voice_at, self.voiced_s) if self.speaking else None
        self._clear()
        return ended
