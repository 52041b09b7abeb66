"""The judge by words: reads what the person says over the agent, and knows what listeners say.

Whisper tiny.en over a mel window of 8 s costs about a tenth of a second of one core, so it is asked when
the voice pauses and when a speech has grown long, not at its onset. The recogniser is
`plugins/local/ears.py`'s and the lists are `words.py`'s; here is how far a reading can be believed.

- Not the likeliest text counts but the likeliest few, each with its probability: "Yeah." at 0.3 beside
  "No." at 0.25 is no answer, and "Okay.", "okay" and "Okay" together are one.
- On coughs, laughs, keys and horns Whisper invents words and half knows it (`trust.py`): doubtful words
  count less, and where there are none that can be believed and Whisper says itself that nobody speaks,
  it was a sound.
- Digital silence around a word is nothing that Whisper was trained on and makes it doubt good words, so
  a faint noise is laid under all of it.

English is read by the packaged weights; every other language that has lists by Whisper base if it is
installed (`multilingual.py`), or all of them by a multilingual model in ``ANTIPHON_WHISPER_DIR``. Where an
STT hears the call anyway, give its interim transcripts to `words.opinion_of_text` and leave this judge out.
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

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import LONGEST_S, RATE_HZ, Occasion, Question
from antiphon.agents.logs import get_logger
from antiphon.plugins.judges.asides import weigh_aside
from antiphon.plugins.judges.multilingual import find_multilingual
from antiphon.plugins.judges.trust import BASE, TINY_EN, Trust, curve
from antiphon.plugins.judges.words import count_words, lexicon, opinion_of_text
from antiphon.plugins.local.ears import Reading, WhisperEars

__all__ = ["LexicalJudge", "text_of", "weigh"]

log = get_logger(__name__)

_WINDOW_S: Final = 7.4  # s; what fits the shortest window, with its margin of silence
_READINGS: Final = 5  # chosen
_DITHER: Final = 0.0005  # of full scale, rms: -66 dBFS, a quiet room; chosen

_LEAST_TRUST: Final = 0.2  # below it there are no words; chosen
_NO_SPEECH: Final = 0.5  # Whisper's probability of it from which it says that nobody speaks; chosen
# The opinion on a sound that holds no words; `train_lexical` counts how many turns it would hit. Chosen.
_WORDLESS: Final = 0.1

# A listener's word, drawn out ("oookay"), and the voice that belongs to no word; chosen.
_SLOW_WORD_S: Final = 0.7
_FREE_S: Final = 0.5

_SILENCE: Final = np.zeros(RATE_HZ // 2, dtype=np.float32)


def weigh(
    readings: Sequence[Reading],
    language: str,
    *,
    voiced_s: float = 0.0,
    more_to_come: bool = False,
    trust: Trust | None = None,
) -> float | None:
    """The probability, 0 to 1, that who said this over the agent wants the floor; None for no opinion.

    Args:
        readings: Of one stretch, likeliest first, as `WhisperEars.readings` gives them.
        language: Of the texts, as BCP 47.
        voiced_s: Voice in the stretch. A listener's words that fill little of it are not all that was said.
        more_to_come: The person still speaks.
        trust: The recogniser's curve; that of the packaged English one when not given.
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
    believed = (trust or curve(TINY_EN)).of(math.log(mass), words, best.no_speech) * mass / (mass + silent)
    if believed < _LEAST_TRUST:
        return wordless
    if opinion < 0.5 and voiced_s > _FREE_S + _SLOW_WORD_S * words:
        return None
    return believed * opinion + (1.0 - believed) * 0.5


def text_of(readings: Sequence[Reading], language: str, *, trust: Trust | None = None) -> str:
    """The likeliest text, or none of it where it is not to be believed."""
    if not readings:
        return ""
    best = readings[0]
    same = [reading for reading in readings if _plain(reading.text) == _plain(best.text)]
    mass = sum(math.exp(reading.logprob) for reading in same)
    words = count_words(best.text, language)
    believed = (
        mass > 0.0 and (trust or curve(TINY_EN)).of(math.log(mass), words, best.no_speech) >= _LEAST_TRUST
    )
    return best.text if believed else ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


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
        others: A recogniser for languages that the first one does not know; without it, and without ``ears``,
            the packaged multilingual one, if it is installed, from the first such question on.

    Raises:
        ConfigError: There is no such model, or none is installed.
    """

    name = "lexical"
    occasions = frozenset({Occasion.PAUSE, Occasion.LONG, Occasion.ASIDE})

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        assume: str = "en",
        ears: WhisperEars | None = None,
        others: WhisperEars | None = None,
    ) -> None:
        self._ears = WhisperEars(folder) if ears is None else ears
        self._assume = assume
        self._others = others
        self._look = ears is None and others is None  # for the packaged one

    def warm_up(self) -> None:
        """Loads the model of the assumed language, or of English, and runs it once, on this thread: half a
        second that no call need wait for.

        Raises:
            ModelUnavailable: The recogniser's packages are not installed.
        """
        language = _primary(self._assume) or "en"
        (self._ears_for(language) or self._ears).readings(_SILENCE, language, count=_READINGS)

    def opinion(self, question: Question) -> float | None:
        """As `Judge.opinion`. About 0.1 s on this thread, 0.15 s for a language other than English; most of
        it without the GIL.

        Raises:
            ModelUnavailable: The recogniser's packages are not installed.
        """
        language = self._language(question)
        if lexicon(language) is None:
            return None
        if question.occasion is Occasion.ASIDE:
            trust = self._trust(language).of
            return weigh_aside(self.readings(question), language, asked=question.asked, trust=trust)
        return weigh(
            self.readings(question),
            language,
            voiced_s=question.voiced_s,
            more_to_come=question.occasion is Occasion.LONG,
            trust=self._trust(language),
        )

    def text(self, question: Question) -> str:
        """What the person says, as far as it can be believed; empty where it cannot."""
        language = self._language(question)
        return text_of(self.readings(question), language, trust=self._trust(language))

    def readings(self, question: Question) -> tuple[Reading, ...]:
        """The likeliest texts of a question; none for a language that no recogniser here knows."""
        language = self._language(question)
        ears = self._ears_for(language)
        if ears is None:
            return ()
        sound = question.audio[-round(_WINDOW_S * RATE_HZ) :].astype(np.float32) / 32768.0
        return ears.readings(sound + _dither()[: len(sound)], language, count=_READINGS)

    def _ears_for(self, language: str) -> WhisperEars | None:
        if not language:
            return None
        if language == "en" or self._ears.multilingual:
            return self._ears
        if self._look:
            self._look = False
            try:
                self._others = WhisperEars(find_multilingual())
            except ConfigError as error:
                log.info("only English is read", error=str(error))
        return self._others

    def _trust(self, language: str) -> Trust:
        return curve(TINY_EN if language == "en" and not self._ears.multilingual else BASE)

    def _language(self, question: Question) -> str:
        return _primary(question.language or self._assume)


def _primary(language: str) -> str:
    return re.split(r"[-_]", language, maxsplit=1)[0].lower()
