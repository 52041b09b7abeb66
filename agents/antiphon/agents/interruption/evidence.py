"""Evidence: what a person's speech over the agent sounds like so far, as numbers.

Pure and streaming: windows go in as the voice detector gets them, an `Evidence` comes out whenever it is
asked for. It holds what can be measured cheaply and decides nothing; an arbiter weighs it. It knows no
transport, no model and no clock: time is an argument, and what it says of echo and of the agent's own
voice it was told with the window.

A window costs a sum of squares, a noise floor and an onset detector; pitch and spectrum (`prosody.py`)
are worked out for the windows of a speech alone, once somebody asks.

Drive it with `window` for every window, `lose` when the audio stops, and ask `evidence`. What it calls a
speech begins and ends as the onset detector of the controller says, if it is given the same numbers.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.onset import OnsetDetector, SpeechEnded, SpeechLikely
from antiphon.agents.interruption.prosody import SILENCE_DB, WINDOW, Prosody, level_db

__all__ = ["NOBODY", "REPEAT_S", "AgentStand", "Evidence", "EvidenceTracker"]

REPEAT_S: Final = 2.0  # s; a second start within this is a repeat (chosen)
_ECHO: Final = 0.5  # likeness from which a window is no sign of the room's noise (chosen)
_FALL: Final = 0.3  # share of the way that the noise floor falls to a quieter window (chosen)
_RISE: Final = 0.03  # share of the way that it rises to a louder one without voice: 1 s or so (chosen)
_CREEP_DB: Final = 0.016  # dB a window that it rises under voice: half a dB a second (chosen)


@dataclass(frozen=True, slots=True)
class AgentStand:
    """How the agent's own voice stands, in the person's ear, at a moment."""

    level_db: float = SILENCE_DB
    """Of the last 60 ms or so, dBFS."""
    quiet_s: float = math.inf
    """Since its voice was last heard, s: 0 in the middle of a word."""
    left_s: float = math.inf
    """Until the reply has been heard to its end, s; infinite while it is not known whole."""


NOBODY: Final = AgentStand()
"""The stand of an agent that is silent."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One speech as it stands. A number that cannot be told yet has the value it has here."""

    speech: int = 0
    """Counts the speeches of a call from 1; 0: there was none yet."""
    on: bool = False
    """Whether it goes on, short gaps included."""
    began_at: float = 0.0
    """Arrival of its first voiced sample, s, the windows' clock."""
    age_s: float = 0.0
    """Since then, s; of a speech that is over, its length."""
    voiced_s: float = 0.0
    """Voice in it, pauses left out, s."""
    quiet_s: float = 0.0
    """Since its last voiced sample, s."""
    level_db: float = SILENCE_DB
    """Mean level of its voiced windows, dBFS."""
    peak_db: float = SILENCE_DB
    """The loudest of them, dBFS."""
    noise_db: float = SILENCE_DB
    """The room's noise floor when it began, dBFS."""
    snr_db: float = 0.0
    """``level_db`` above ``noise_db``."""
    echo: float = 0.0
    """Mean likeness of its voiced windows to the agent's own voice coming back, 0 to 1."""
    above_echo_db: float = math.inf
    """Mean level above the predicted echo, dB; infinite when no echo was expected."""
    pitch_hz: float = 0.0
    """Median pitch, Hz; 0 without any."""
    pitched: float = 0.0
    """Share of its voiced windows that have a pitch, 0 to 1."""
    pitch_range_st: float = 0.0
    """From the tenth to the ninetieth percentile of pitch, semitones."""
    pitch_slope_st_s: float = 0.0
    """How pitch moves over the last 0.4 s of voice, semitones a second; below 0 it falls."""
    syllables: int = 0
    """Peaks of its level."""
    syllable_rate_hz: float = 0.0
    """Syllables a second of voice, Hz; 0 in the first 0.2 s."""
    flatness: float = 0.0
    """Mean spectral flatness from 200 Hz to 7 kHz, 0 (a tone) to 1 (noise)."""
    centroid_hz: float = 0.0
    """Mean spectral centre of gravity in that band, Hz."""
    speech_mean: float = 0.0
    """Mean probability of speech over its voiced windows, 0 to 1."""
    speech_max: float = 0.0
    """The highest."""
    speech_sure: float = 0.0
    """Share of its voiced windows with a probability of 0.9 or more, 0 to 1."""
    agent: AgentStand = NOBODY
    """The agent's voice when this speech began."""
    starts: int = 0
    """Speeches that began in the `REPEAT_S` up to the start of this one, itself included."""
    since_last_s: float = math.inf
    """From the end of the one before to its beginning, s."""


_NOTHING: Final = Evidence()


class EvidenceTracker:
    """One call's evidence.

    Args:
        enter: As in `OnsetDetector`: probability at which a window may begin speech.
        exit: Probability below which a window is no voice.
        onset_s: Voice needed to call it speech, s.
        speech_gap_s: Time without voice after which it has ended, s.
        rising: Probability at which a window that stands out of the noise may begin speech.
        rise_db: How far it stands out, dB.
        agent: Tells how the agent's voice stands at a time; asked once where voice begins.
    """

    def __init__(
        self,
        *,
        enter: float = 0.5,
        exit: float = 0.35,
        onset_s: float = 0.032,
        speech_gap_s: float = 0.192,
        rising: float = 0.3,
        rise_db: float = 15.0,
        agent: Callable[[float], AgentStand] | None = None,
    ) -> None:
        self._onset = OnsetDetector(
            enter=enter,
            exit=exit,
            onset_s=onset_s,
            speech_gap_s=speech_gap_s,
            rising=rising,
            rise_db=rise_db,
        )
        self._agent = agent
        self._before = np.zeros(WINDOW, dtype=np.int16)  # the window before, where pitch looks back
        self._noise_db: float | None = None
        self._rise: _Speech | None = None  # voice that may or may not become speech
        self._speech: _Speech | None = None  # the one that is on, or the last one
        self._count = 0
        self._starts: deque[float] = deque(maxlen=16)

    @property
    def noise_db(self) -> float:
        """The room's noise floor, dBFS."""
        return SILENCE_DB if self._noise_db is None else self._noise_db

    def window(
        self,
        now: float,
        samples: NDArray[np.int16],
        speech: float,
        *,
        echo: float = 0.0,
        above_echo_db: float = math.inf,
    ) -> None:
        """Takes the next window.

        Args:
            now: Arrival of its last sample, s.
            samples: Mono int16, 16 kHz, shape (512,). Kept for a while: must not change.
            speech: Probability of the person's speech, 0 to 1: 0 for a window that is an echo. NaN counts
                as none.
            echo: Likeness to the agent's own voice coming back, 0 to 1.
            above_echo_db: Level above the echo that was predicted, dB.
        """
        level = level_db(samples)
        continues = self._onset.speaking or self._onset.voiced
        found = self._onset.frame(now, speech, None if echo >= _ECHO else level)
        voiced = self._onset.voiced
        if voiced and not continues:
            stand = self._agent(self._onset.began_at) if self._agent is not None else NOBODY
            self._rise = _Speech(Prosody(self._before, self.noise_db), stand)
        elif not voiced and not continues:
            self._rise = None
        self._listen(level, voiced or echo >= _ECHO)
        if isinstance(found, SpeechLikely) and self._rise is not None:
            self._begin(self._rise, found)
        heard = self._speech if self._speech is not None and self._speech.ended is None else self._rise
        if heard is not None:
            heard.prosody.window(samples, level, speech, voiced, echo, above_echo_db)
        if isinstance(found, SpeechEnded) and self._speech is not None:
            self._speech.ended = found
        self._before = samples

    def lose(self, now: float) -> None:
        """The audio stopped: a speech that is on is over."""
        ended = self._onset.lose(now)
        if ended is not None and self._speech is not None:
            self._speech.ended = ended
        self._rise = None
        self._before = np.zeros(WINDOW, dtype=np.int16)

    def evidence(self, now: float) -> Evidence:
        """The speech that is on, or else the last one. Asking changes nothing."""
        speech = self._speech
        if speech is None:
            return _NOTHING
        ended = speech.ended
        last_at = ended.ended_at if ended else self._onset.last_voice_at
        voiced_s = ended.voiced_s if ended else self._onset.voiced_s
        heard = speech.prosody.summary()
        return Evidence(
            speech=speech.number,
            on=ended is None,
            began_at=speech.began_at,
            age_s=max((last_at if ended else now) - speech.began_at, 0.0),
            voiced_s=voiced_s,
            quiet_s=max(now - last_at, 0.0),
            level_db=heard.level_db,
            peak_db=heard.peak_db,
            noise_db=speech.prosody.noise_db,
            snr_db=heard.level_db - speech.prosody.noise_db,
            echo=heard.echo,
            above_echo_db=heard.above_echo_db,
            pitch_hz=heard.pitch_hz,
            pitched=heard.pitched,
            pitch_range_st=heard.pitch_range_st,
            pitch_slope_st_s=heard.pitch_slope_st_s,
            syllables=heard.syllables,
            syllable_rate_hz=heard.syllables / voiced_s if voiced_s >= 0.2 else 0.0,
            flatness=heard.flatness,
            centroid_hz=heard.centroid_hz,
            speech_mean=heard.speech_mean,
            speech_max=heard.speech_max,
            speech_sure=heard.speech_sure,
            agent=speech.agent,
            starts=speech.starts,
            since_last_s=speech.since_last_s,
        )

    def _begin(self, rise: _Speech, found: SpeechLikely) -> None:
        before = self._speech
        if before is not None and before.ended is not None:
            rise.since_last_s = max(found.began_at - before.ended.ended_at, 0.0)
        self._count += 1
        self._starts.append(found.began_at)
        rise.number = self._count
        rise.began_at = found.began_at
        rise.starts = sum(start >= found.began_at - REPEAT_S for start in self._starts)
        self._speech, self._rise = rise, None

    def _listen(self, level: float, taken: bool) -> None:
        """Moves the noise floor.

        Args:
            level: The window's, dBFS.
            taken: Whether somebody's voice is in it, so that it says little of the room.
        """
        floor = self._noise_db
        if floor is None:
            floor = level
        elif level < floor:
            floor += _FALL * (level - floor)
        elif taken:
            floor = min(floor + _CREEP_DB, level)
        else:
            floor += _RISE * (level - floor)
        self._noise_db = floor


class _Speech:
    """One speech, or what may become one."""

    def __init__(self, prosody: Prosody, agent: AgentStand) -> None:
        self.prosody = prosody
        self.agent = agent
        self.number = 0
        self.began_at = 0.0
        self.starts = 1
        self.since_last_s = math.inf
        self.ended: SpeechEnded | None = None
