"""The judge by words: reads what the person says over the agent, and knows what listeners say.

Whisper tiny.en over a mel window of 8 s costs about a tenth of a second of one core, so it is asked when
the voice pauses and when a speech has grown long, not at its onset. The recogniser is
`plugins/local/ears.py`'s and the lists are `words.py`'s; here is how far a reading can be believed.

- Not the likeliest text counts but the likeliest few, each with its probability: "Yeah." at 0.3 beside
  "No." at 0.25 is no answer, and "Okay.", "okay" and "Okay" together are one.
- On coughs, laughs, keys and horns Whisper invents words and half knows it: many texts, each hardly
  likely, and a high no-speech probability. Both are evidence (`trust`): doubtful words count less, and
  where there are none that can be believed and Whisper says itself that nobody speaks, it was a sound.
- Digital silence around a word is nothing that Whisper was trained on and makes it doubt good words, so
  a faint noise is laid under all of it.

English only with the packaged weights; a multilingual model in ``ANTIPHON_WHISPER_DIR`` brings every
language that has lists. Where an STT hears the call anyway, give its interim transcripts to
`words.opinion_of_text` and leave this judge out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.judges import LONGEST_S, RATE_HZ, Occasion, Question
from antiphon.plugins.judges.words import count_words, opinion_of_text
from antiphon.plugins.local.ears import Reading, WhisperEars

__all__ = ["LexicalJudge", "text_of", "trust", "weigh"]

_WINDOW_S: Final = 7.4  # s; what fits the shortest window, with its margin of silence
_READINGS: Final = 5  # chosen
_DITHER: Final = 0.0005  # of full scale, rms: -66 dBFS, a quiet room; chosen

# `trust` is a logistic curve over two pieces of evidence, fitted to 100 short utterances that Piper spoke
# (varied in pace, pitch, level, noise and band) against 50 generated coughs, keys, tones, breaths and
# laughs: no clip that a judge is scored on. Rounded.
_LIKELY: Final = -2.2  # log-probability a word at which a reading is worth half
_LIKELY_SLOPE: Final = 3.5
_NO_SPEECH: Final = 0.5
_NO_SPEECH_SLOPE: Final = 2.3
_LEAST_TRUST: Final = 0.2  # below it there are no words; chosen
# The opinion on a sound. Of that material 44 of 50 sounds were taken for one and none of 50 turns (so 6 % at
# most, with 95 % confidence); weakened for rooms that are louder.
_WORDLESS: Final = 0.1

# A listener's word, drawn out ("oookay"), and the voice that belongs to no word; chosen.
_SLOW_WORD_S: Final = 0.7
_FREE_S: Final = 0.5


def weigh(
    readings: Sequence[Reading], language: str, *, voiced_s: float = 0.0, more_to_come: bool = False
) -> float | None:
    """The probability, 0 to 1, that who said this over the agent wants the floor; None for no opinion.

    Args:
        readings: Of one stretch, likeliest first, as `WhisperEars.readings` gives them.
        language: Of the texts, as BCP 47.
        voiced_s: Voice in the stretch. A listener's words that fill little of it are not all that was said.
        more_to_come: The person still speaks.
    """
    told = [
        (math.exp(reading.logprob), opinion, reading)
        for reading in readings
        if (opinion := opinion_of_text(reading.text, language, more_to_come=more_to_come)) is not None
    ]
    # Without believable words: a sound, if the recogniser says so itself, else nothing to go by.
    wordless = _WORDLESS if readings and readings[0].no_speech >= _NO_SPEECH else None
    mass = sum(share for share, _, _ in told)
    if mass <= 0.0:
        return wordless
    _, _, best = told[0]
    opinion = sum(share * each for share, each, _ in told) / mass
    # Texts that tell nothing are no reason to believe those that do.
    silent = sum(math.exp(reading.logprob) for reading in readings) - mass
    words = count_words(best.text, language)
    believed = trust(math.log(mass), words, best.no_speech) * mass / (mass + silent)
    if believed < _LEAST_TRUST:
        return wordless
    if opinion < 0.5 and voiced_s > _FREE_S + _SLOW_WORD_S * words:
        return None
    return believed * opinion + (1.0 - believed) * 0.5


def trust(logprob: float, words: float, no_speech: float) -> float:
    """How far a reading can be believed, 0 to 1.

    Args:
        logprob: Natural logarithm of the probability of all texts that amount to it.
        words: How many it has. The first costs about twice what each further one does: whether there is
            a capital, a full stop, an end.
        no_speech: Whisper's probability that there was no speech.
    """
    likely = logprob / ((words + 1.0) / 2.0) - _LIKELY
    return _logistic(_LIKELY_SLOPE * likely + _NO_SPEECH_SLOPE * (_NO_SPEECH - no_speech))


def text_of(readings: Sequence[Reading], language: str) -> str:
    """The likeliest text, or none of it where it is not to be believed."""
    if not readings:
        return ""
    best = readings[0]
    same = [reading for reading in readings if _plain(reading.text) == _plain(best.text)]
    mass = sum(math.exp(reading.logprob) for reading in same)
    words = count_words(best.text, language)
    believed = mass > 0.0 and trust(math.log(mass), words, best.no_speech) >= _LEAST_TRUST
    return best.text if believed else ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(value, -50.0), 50.0)))


@cache
def _dither() -> NDArray[np.float32]:
    """The same noise each time: the same sound gives the same opinion."""
    noise = np.random.default_rng(0).standard_normal(round(LONGEST_S * RATE_HZ))
    return (noise * _DITHER).astype(np.float32)


class LexicalJudge:
    """Judges a speech by its words. Loads its model at the first question, or in `warm_up`.

    Args:
        folder: A Whisper model for CTranslate2; without it ``ANTIPHON_WHISPER_DIR``, then the packaged one.
        assume: The language, as BCP 47, of a call that does not say; empty to be silent there.
        ears: A recogniser to share, in place of one of its own.

    Raises:
        ConfigError: There is no such model, or none is installed.
    """

    name = "lexical"
    occasions = frozenset({Occasion.PAUSE, Occasion.LONG})

    def __init__(
        self, folder: str | Path | None = None, *, assume: str = "en", ears: WhisperEars | None = None
    ) -> None:
        self._ears = WhisperEars(folder) if ears is None else ears
        self._assume = assume

    def warm_up(self) -> None:
        """Loads the model and runs it once, on this thread: half a second that no call need wait for.

        Raises:
            ModelUnavailable: The recogniser's packages are not installed.
        """
        self._ears.readings(np.zeros(RATE_HZ // 2, dtype=np.float32), "en", count=_READINGS)

    def opinion(self, question: Question) -> float | None:
        """As `Judge.opinion`. About 0.1 s on this thread, most of it without the GIL.

        Raises:
            ModelUnavailable: The recogniser's packages are not installed.
        """
        return weigh(
            self.readings(question),
            self._language(question),
            voiced_s=question.voiced_s,
            more_to_come=question.occasion is Occasion.LONG,
        )

    def text(self, question: Question) -> str:
        """What the person says, as far as it can be believed; empty where it cannot."""
        return text_of(self.readings(question), self._language(question))

    def readings(self, question: Question) -> tuple[Reading, ...]:
        """The likeliest texts of a question; none for a language that this recogniser does not know."""
        language = self._language(question)
        if not language or (language != "en" and not self._ears.multilingual):
            return ()
        sound = question.audio[-round(_WINDOW_S * RATE_HZ) :].astype(np.float32) / 32768.0
        return self._ears.readings(sound + _dither()[: len(sound)], language, count=_READINGS)

    def _language(self, question: Question) -> str:
        return re.split(r"[-_]", question.language or self._assume, maxsplit=1)[0].lower()
