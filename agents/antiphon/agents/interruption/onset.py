"""When does speech begin and end? Two thresholds over 32 ms windows, and lower ones where sound rises.

A window at or above ``enter`` starts a rise; while each next one stays at or above ``exit`` the rise
goes on, and once it has lasted ``onset_s`` it is speech. Speech goes on until no window reached ``exit``
for ``speech_gap_s``.

Silero takes a while over some openings: telephone bands, hissed and soft first sounds score 0.1 to 0.4
for up to 0.4 s. Where levels are given, two windows that stand ``rise_db`` over the running noise floor,
reach ``pitched`` and sound like a voice by their pitch (`_VOICED`) therefore begin speech. So does a single
one at ``rising``, pitch or none, or four that sum to `_SUM`: that finds more openings, and more noises. Such
speech is tentative until a window reaches ``enter``: what stands out of the noise and might be voice then
counts as voice, for at most `_TENTATIVE_S`.

The detector knows nothing of agents, turns or audio; time is an argument. Drive it with `frame` for
every window and `lose` when the audio stops.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from antiphon.agents.interruption.verdicts import WINDOW_S
from antiphon.agents.options import TurnTaking

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


# Chosen over the clips of shared/audio (tests/bench/openings.py): lower ones find speech sooner and hold
# for more noises.
_SPAN: Final = 4  # windows whose probabilities are summed
_LEAST: Final = 0.1  # probability below which a window might not be voice
_SUM: Final = 0.6
_VOICED: Final = 0.8  # of `media.voicing`, from which it is a voice's pitch
_TENTATIVE_S: Final = 0.34  # s; longest opening that counts as voice and is not sure: alone it is no turn
_QUIETEST_DBFS: Final = -55.0  # dBFS; below it nothing stands out, however quiet the room
_SILENT_DBFS: Final = -90.0  # dBFS; digital silence counts as this
_FALL: Final = 0.3  # share of the way that the noise floor goes down to a quieter window
_CREEP_DB: Final = 0.1  # dB a window, 3 dB/s, that it goes up in louder ones


class OnsetDetector:
    """Finds the beginning and end of speech in a row of probabilities.

    Args:
        enter: Probability at which a window may begin speech.
        exit: Probability below which a window is no voice; less than ``enter``.
        onset_s: Voice needed to call it speech, s.
        speech_gap_s: Time without voice after which it has ended, s.
        rising: Probability at which a window that stands out of the noise may begin speech; at most
            ``enter``, which switches it and the sum off.
        pitched: Probability at which two windows that stand out and have a pitch may; at most ``enter``,
            which switches it off.
        rise_db: How far over the running noise floor a window stands out, dB.
    """

    def __init__(
        self,
        *,
        enter: float,
        exit: float,
        onset_s: float,
        speech_gap_s: float,
        rising: float = 0.3,
        pitched: float = 0.1,
        rise_db: float = 15.0,
    ) -> None:
        self._enter = enter
        self._exit = exit
        self._onset_s = onset_s
        self._speech_gap_s = speech_gap_s
        self._rising = rising
        self._pitched = pitched
        self._rise_db = rise_db
        self._floor_dbfs: float | None = None
        self._clear()

    @classmethod
    def of(cls, options: TurnTaking) -> OnsetDetector:
        """One with a call's numbers."""
        return cls(
            enter=options.onset_enter,
            exit=options.onset_exit,
            onset_s=options.onset_s,
            speech_gap_s=options.speech_gap_s,
            rising=options.onset_rising,
            pitched=options.onset_pitched,
            rise_db=options.onset_rise_db,
        )

    def change(self, options: TurnTaking) -> None:
        """Takes other numbers, from the next window on."""
        self._enter = options.onset_enter
        self._exit = options.onset_exit
        self._onset_s = options.onset_s
        self._speech_gap_s = options.speech_gap_s
        self._rising = options.onset_rising
        self._pitched = options.onset_pitched
        self._rise_db = options.onset_rise_db

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
        self._standing_out: deque[float] = deque(maxlen=_SPAN)  # probabilities, 0 for what does not
        self._by_pitch = False  # two windows opened the speech that begins
        self._tentative_at: float | None = None  # when speech began that no window has confirmed

    def frame(
        self, now: float, speech: float, level_dbfs: float | None = None, voicing: float = 0.0
    ) -> SpeechLikely | SpeechEnded | None:
        """Takes one window.

        Args:
            now: Arrival of its last sample, s.
            speech: Probability of speech, 0 to 1. NaN counts as none.
            level_dbfs: Its level, RMS, 0 for a full-scale square wave; None where it is not known.
            voicing: How much it sounds like a voice by its pitch, 0 to 1.
        """
        stands_out = self._stands_out(level_dbfs)
        might_be = speech if stands_out and speech >= _LEAST else 0.0
        self._standing_out.append(might_be)
        if speech >= self._enter:
            self._tentative_at = None
        self.voiced, was_voiced = self._is_voice(now, speech, might_be, voicing), self.voiced
        if self.voiced:
            if not self.speaking and not was_voiced:
                self.began_at = now - WINDOW_S * (2 if self._by_pitch else 1)
                self.voiced_s = 0.0
            self.voiced_s += WINDOW_S
            self.last_voice_at = now
            if not self.speaking and self.voiced_s >= self._onset_s - _HALF_WINDOW_S:
                self.speaking = True
                return SpeechLikely(now, self.began_at)
        elif self.speaking and now - self.last_voice_at >= self._speech_gap_s - _HALF_WINDOW_S:
            return self.lose(now)
        return None

    def _is_voice(self, now: float, speech: float, might_be: float, voicing: float) -> bool:
        if self.speaking or self.voiced:
            tentative = self._tentative_at is not None and now < self._tentative_at + _TENTATIVE_S
            return speech >= self._exit or (tentative and might_be > 0.0)
        self._by_pitch = speech < self._enter and self._opens_by_pitch(voicing)
        if speech >= self._enter:
            return True
        if self._by_pitch or self._opens_by_level(might_be):
            self._tentative_at = now
            return True
        return False

    def _opens_by_pitch(self, voicing: float) -> bool:
        if self._pitched >= self._enter or voicing < _VOICED or len(self._standing_out) < 2:
            return False
        return min(self._standing_out[-1], self._standing_out[-2]) >= self._pitched

    def _opens_by_level(self, might_be: float) -> bool:
        if self._rising >= self._enter or not might_be:
            return False
        return might_be >= self._rising or sum(self._standing_out) >= _SUM

    def _stands_out(self, level_dbfs: float | None) -> bool:
        """Whether a level is well over the noise; moves the noise floor."""
        if level_dbfs is None or math.isnan(level_dbfs):
            return False
        level_dbfs = max(level_dbfs, _SILENT_DBFS)
        floor = level_dbfs if self._floor_dbfs is None else self._floor_dbfs
        over = level_dbfs - floor
        self._floor_dbfs = floor + (_FALL * over if over < 0 else min(over, _CREEP_DB))
        return over >= self._rise_db and level_dbfs >= _QUIETEST_DBFS

    def lose(self, now: float) -> SpeechEnded | None:
        """Ends speech at once and forgets a rise; what follows needs an onset of its own."""
        ended = SpeechEnded(now, self.last_voice_at, self.voiced_s) if self.speaking else None
        self._clear()
        return ended
