"""From a recording to the questions that a call would ask about it.

The same speech detector and the same thresholds as in a call, in virtual time: early at 0.25 and 0.5 s of
voice, at each end of voice, and late at 1.2 s and each second after. What the detector never takes for
voice (most noises) is never asked about in a call; training asks about it all the same, as if its loud
part had been taken for voice, so that the judge knows it should the detector err.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.judges import LEAD_S, LONGEST_S, RATE_HZ, Occasion, Question
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.options import TurnTaking
from antiphon.plugins.silero import WINDOW_SAMPLES, SileroVad

__all__ = ["EARLY_S", "LATE_EVERY_S", "LATE_S", "PAUSE_S", "asked"]

EARLY_S: Final = (0.25, 0.5)  # s of voice
LATE_S: Final = 1.2  # s of voice
LATE_EVERY_S: Final = 1.0  # s
PAUSE_S: Final = 0.19  # s of quiet
_WINDOW_S: Final = WINDOW_SAMPLES / RATE_HZ


def asked(
    audio: NDArray[np.int16], begins: int, ends: int, *, force: bool = True, language: str = ""
) -> tuple[list[Question], bool]:
    """The questions about a recording.

    Args:
        audio: Mono, 16 kHz, shape (n,).
        begins: Sample at which its sound begins.
        ends: And ends.
        force: Ask as if the sound were voice where the detector hears none.
        language: What to put into the questions.

    Returns:
        The questions in order, and whether the detector heard a voice.
    """
    heard = _by_detector(audio, language)
    if heard or not force:
        return heard, bool(heard)
    return _by_times(audio, begins, ends, language), False


def _by_detector(audio: NDArray[np.int16], language: str) -> list[Question]:
    options = TurnTaking()
    onset = OnsetDetector(
        enter=options.onset_enter,
        exit=options.onset_exit,
        onset_s=options.onset_s,
        speech_gap_s=options.speech_gap_s,
    )
    vad = SileroVad()
    made: list[Question] = []
    early, late, began = 0, LATE_S, 0
    for k in range(audio.size // WINDOW_SAMPLES):
        window = audio[k * WINDOW_SAMPLES : (k + 1) * WINDOW_SAMPLES]
        now = (k + 1) * _WINDOW_S
        voiced_s = onset.voiced_s
        ended = onset.frame(now, vad.window(window))
        if onset.speaking:
            began = round(onset.began_at * RATE_HZ)
            if early < len(EARLY_S) and onset.voiced_s >= EARLY_S[early] - _WINDOW_S / 2:
                made.append(_question(Occasion.EARLY, audio, began, now, onset.voiced_s, 0.0, language))
                early += 1
            if onset.voiced_s >= late:
                made.append(_question(Occasion.LONG, audio, began, now, onset.voiced_s, 0.0, language))
                late += LATE_EVERY_S
        elif ended is not None:
            quiet_s = now - onset.last_voice_at if onset.last_voice_at else PAUSE_S
            made.append(_question(Occasion.PAUSE, audio, began, now, voiced_s, quiet_s, language))
            early, late = 0, LATE_S
    return made


def _by_times(audio: NDArray[np.int16], begins: int, ends: int, language: str) -> list[Question]:
    start, length_s = begins / RATE_HZ, (ends - begins) / RATE_HZ
    made = [
        _question(Occasion.EARLY, audio, begins, start + after, after, 0.0, language)
        for after in EARLY_S
        if after <= length_s
    ]
    late = LATE_S
    while late <= min(length_s, 3.5):
        made.append(_question(Occasion.LONG, audio, begins, start + late, late, 0.0, language))
        late += LATE_EVERY_S
    made.append(
        _question(Occasion.PAUSE, audio, begins, start + length_s + PAUSE_S, length_s, PAUSE_S, language)
    )
    return made


def _question(
    occasion: Occasion,
    audio: NDArray[np.int16],
    began: int,
    now: float,
    voiced_s: float,
    quiet_s: float,
    language: str,
) -> Question:
    end = min(audio.size, round(now * RATE_HZ))
    first = max(0, began - round(LEAD_S * RATE_HZ), end - round(LONGEST_S * RATE_HZ))
    return Question(
        occasion=occasion,
        audio=audio[first:end],
        voice_at=max(0, began - first),
        voiced_s=voiced_s,
        quiet_s=quiet_s,
        language=language,
    )
