"""Evidence: what a person's speech over the agent sounds like so far, as numbers.

Pure and streaming: windows go in as the voice detector gets them, an `Evidence` comes out whenever it is
asked for. It holds what can be measured cheaply and decides nothing. It knows no transport, no model and
no clock: time is an argument, and what it says of echo and of the agent's own voice it was told.

When speech begins and ends it does not find out for itself: it looks at the controller's `OnsetDetector`,
so that both speak of the same speech. A window is given before the detector takes it, and read when the
next one comes or somebody asks: whoever asks while the controller acts on a window has that one in it.

A window costs a level and a noise floor, a few microseconds. Pitch, spectrum and syllables (`prosody.py`)
are measured over the last two seconds when `evidence` is asked, 1 to 3 ms: at verdicts, a few a minute.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.interruption.prosody import NAMES, prosody
from antiphon.agents.interruption.verdicts import WINDOW_S

__all__ = ["NOBODY", "REPEAT_S", "SILENCE_DB", "AgentStand", "Evidence", "EvidenceTracker"]

SILENCE_DB: Final = -90.0  # dBFS; no level is said to be lower
REPEAT_S: Final = 2.0  # s; a second start within this is a repeat (chosen)
_ECHO: Final = 0.5  # likeness from which a window is no sign of the room's noise (chosen)
_FALL: Final = 0.3  # share of the way that the noise floor falls to a quieter window (chosen)
_RISE: Final = 0.03  # share of the way that it rises to a louder one without voice: 1 s or so (chosen)
_CREEP_DB: Final = 0.016  # dB a window that it rises under voice: half a dB a second (chosen)
_SURE: Final = 0.9  # probability from which the detector counts as sure (chosen)
_LEAD: Final = 10  # windows from before a speech that are kept: what is around it (0.3 s)
_KEPT: Final = 64  # windows of a speech that are kept: as many as prosody looks at (2 s)

_SCALE: Final = np.float32(1 / 32768)

_Window = NDArray[np.int16]


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
    pitch_hz: float = 0.0
    """Median pitch, Hz; 0 without any."""
    pitched: float = 0.0
    """Share of the sound that has a pitch, 0 to 1."""
    pitch_spread_st: float = 0.0
    """Standard deviation of pitch, semitones."""
    pitch_slope_st_s: float = 0.0
    """How pitch moves, semitones a second; below 0 it falls."""
    syllables: int = 0
    """Peaks of its level, in the last 2 s."""
    syllable_rate_hz: float = 0.0
    """Syllables a second of sound, Hz."""
    steady_s: float = 0.0
    """The longest stretch without change, s: a hum, a horn."""
    flatness: float = 0.0
    """Spectral flatness from 125 Hz to 7 kHz, 0 (a tone) to 1 (noise)."""
    centroid_hz: float = 0.0
    """Spectral centre of gravity, Hz."""
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
        onset: The controller's; it is only read. It takes every window after `window` has had it.
        agent: Tells how the agent's voice stands at a time; asked once where voice begins.
    """

    def __init__(self, onset: OnsetDetector, agent: Callable[[float], AgentStand] | None = None) -> None:
        self._onset = onset
        self._agent = agent
        self._given: _Given | None = None  # the last window, until the detector has taken it
        self._lead: deque[_Window] = deque(maxlen=_LEAD)
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
        self, now: float, samples: _Window, speech: float, level_db: float, *, echo: float = 0.0
    ) -> None:
        """Takes the next window, before the onset detector does.

        Args:
            now: Arrival of its last sample, s.
            samples: Mono int16, 16 kHz, shape (512,). Kept for a while: must not change.
            speech: Probability of the person's speech, 0 to 1. NaN counts as 0.
            level_db: Its level, dBFS.
            echo: Likeness to the agent's own voice coming back, 0 to 1.
        """
        self._read()
        probability = speech if math.isfinite(speech) else 0.0
        self._given = _Given(samples, probability, max(level_db, SILENCE_DB), echo)

    def lose(self) -> None:
        """The audio stopped: what comes next has nothing before it."""
        self._read()
        self._lead.clear()

    def evidence(self, now: float) -> Evidence:
        """The speech that is on, or else the last one. Asking changes nothing."""
        self._read()
        speech = self._speech
        if speech is None:
            return _NOTHING
        voiced = max(speech.windows, 1)
        level = speech.level_sum / voiced if speech.windows else SILENCE_DB
        quiet_s = max(now - speech.last_at, 0.0)
        said = speech.said(quiet_s)
        return Evidence(
            speech=speech.number,
            on=speech.on,
            began_at=speech.began_at,
            age_s=max((now if speech.on else speech.last_at) - speech.began_at, 0.0),
            voiced_s=speech.voiced_s,
            quiet_s=quiet_s,
            level_db=level,
            peak_db=speech.peak_db,
            noise_db=speech.noise_db,
            snr_db=level - speech.noise_db,
            echo=speech.echo_sum / voiced,
            pitch_hz=100.0 * 2 ** said["pitch_octaves"] if said["pitch_octaves"] else 0.0,
            pitched=said["periodic_share"],
            pitch_spread_st=12 * said["pitch_spread_octaves"],
            pitch_slope_st_s=12 * said["pitch_slope_octaves_s"],
            syllables=round(said["syllables"]),
            syllable_rate_hz=said["syllables_a_second"],
            steady_s=said["longest_steady_s"],
            flatness=min(10 ** said["flatness"], 1.0),
            centroid_hz=1000 * said["centroid_khz"],
            speech_mean=speech.speech_sum / voiced,
            speech_max=speech.speech_max,
            speech_sure=speech.sure / voiced,
            agent=speech.agent,
            starts=speech.starts,
            since_last_s=speech.since_last_s,
        )

    def _read(self) -> None:
        """Looks at what the onset detector made of the window that was given last."""
        onset, given = self._onset, self._given
        self._given = None
        if self._speech is not None and self._speech.on:
            # One that was cut and went on has begun anew.
            self._speech.on = onset.speaking and onset.began_at == self._speech.began_at
        on = self._speech if self._speech is not None and self._speech.on else None
        if given is None:
            return
        heard = on or self._rise
        if on is None and (onset.voiced or onset.speaking):
            if heard is None or heard.began_at != onset.began_at:
                stand = self._agent(onset.began_at) if self._agent is not None else NOBODY
                heard = _Speech(onset.began_at, self.noise_db, list(self._lead), stand)
            self._rise = heard
        elif on is None:
            heard = self._rise = None
        self._listen(given.level_db, onset.voiced or given.echo >= _ECHO)
        if heard is None:
            self._lead.append(given.samples)
            return
        heard.add(given, onset)
        if onset.speaking and heard is self._rise:
            self._begin(heard)

    def _begin(self, speech: _Speech) -> None:
        before = self._speech
        if before is not None:
            speech.since_last_s = max(speech.began_at - before.last_at, 0.0)
        self._count += 1
        self._starts.append(speech.began_at)
        speech.number = self._count
        speech.on = True
        speech.starts = sum(start >= speech.began_at - REPEAT_S for start in self._starts)
        self._speech, self._rise = speech, None
        self._lead.clear()

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


@dataclass(frozen=True, slots=True)
class _Given:
    """One window."""

    samples: _Window
    speech: float
    level_db: float
    echo: float


class _Speech:
    """One speech, or what may become one."""

    def __init__(self, began_at: float, noise_db: float, lead: list[_Window], agent: AgentStand) -> None:
        self.began_at = began_at
        self.noise_db = noise_db
        self.agent = agent
        self.number = 0
        self.on = False
        self.starts = 1
        self.since_last_s = math.inf
        self.last_at = began_at
        self.voiced_s = 0.0
        self.windows = 0  # voiced ones
        self.level_sum = self.echo_sum = self.speech_sum = 0.0
        self.peak_db, self.speech_max, self.sure = SILENCE_DB, 0.0, 0
        self._lead = lead
        self._sound: deque[_Window] = deque(maxlen=_KEPT)
        self._said: dict[str, float] | None = None

    def add(self, given: _Given, onset: OnsetDetector) -> None:
        """The next window, as the detector took it."""
        if len(self._sound) == _KEPT:
            self._lead = []
        self._sound.append(given.samples)
        self._said = None
        if not onset.voiced:
            return
        self.last_at, self.voiced_s = onset.last_voice_at, onset.voiced_s
        self.windows += 1
        self.level_sum += given.level_db
        self.peak_db = max(self.peak_db, given.level_db)
        self.echo_sum += given.echo
        self.speech_sum += given.speech
        self.speech_max = max(self.speech_max, given.speech)
        self.sure += given.speech >= _SURE

    def said(self, quiet_s: float) -> dict[str, float]:
        """How it sounds, by the names of `prosody.NAMES`; the quiet after its last voice left out."""
        if self._said is None:
            sound = list(self._sound)
            del sound[max(len(sound) - math.floor(quiet_s / WINDOW_S), 1) :]
            audio = np.concatenate([*self._lead, *sound]).astype(np.float32) * _SCALE
            voice_at = len(self._lead) * len(sound[0])
            made = prosody(audio, voice_at=voice_at, voiced_s=self.voiced_s)
            self._said = dict(zip(NAMES, map(float, made), strict=True))
        return self._said
