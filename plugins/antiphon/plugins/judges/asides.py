"""Said to a silent agent: was it a word, which is to be answered, or a hum, a cough, a laugh?

Over the agent "okay" is a listener's; to a silent agent it is an answer. So here every word speaks for a
turn, and only sounds that are none speak against: "hmm", "um", "ah", and what the recogniser makes nothing
of while it says itself that nobody speaks. "Mm-hm" and "uh-huh" say yes where the agent may have asked
something, and nothing where it did not. "Huh" asks for a repeat and is a word.

How far a reading can be believed is the recogniser's `trust`. When in doubt there is no opinion, and the
turn is committed: to answer a cough is a smaller fault than to leave an answer unheard.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from antiphon.plugins.judges.words import count_words, lexicon, tokens_of
from antiphon.plugins.local.ears import Reading

__all__ = ["Aside", "kind_of", "weigh_aside"]

_NO_SPEECH: Final = 0.5  # Whisper's probability of it from which it says that nobody speaks; chosen
_LEAST_TRUST: Final = 0.2  # below it there are no words; chosen
_WORDLESS: Final = 0.1  # the opinion on a sound that holds no words; chosen

# Tokens as `words.tokens_of` gives them: lower case, three equal letters in a row are one.
_SOUND: Final = re.compile(
    r"m+|h+m+|m+h+m+|u+h+|u+m+|u+hm+|e+r+m*|e+m+|a+h+|o+h+|(ha)+h?|(he)+h?|heh+|u+gh+|phew|psst|s+h+|hmph|a+w+"
    "|ä+h*|ä+h+m+|ö+h*|e+uh+|euh+|beh|pff+"
    "|[嗯呃额哦噢喔啊唉哎哈嘿呵嘻唔]"
)
_YES: Final = re.compile(r"m+h+m+|m|mm|嗯")  # alone
_PAIR: Final = re.compile(r"(m+|u+h+|u+m+|a+h+) (h+m+|h+u+h+|h+u+m+)|m+ m+|u+h+ u+h+")  # "uh-huh", "mm-mm"


class Aside(Enum):
    """What a text is, said to a silent agent."""

    WORD = "word"
    ANSWER = "answer"
    """A sound that says yes or no to who asked."""
    SOUND = "sound"
    INVENTED = "invented"
    """What recognisers make of noise, and people say, too: "thank you"."""
    NOTHING = "nothing"
    """No words, or none of the language's script."""


def kind_of(text: str, language: str) -> Aside:
    """What a text is.

    Args:
        text: As a recogniser writes it.
        language: Of the text, as BCP 47. Its lists tell what recognisers invent.
    """
    tokens = tokens_of(text)
    if not tokens:
        return Aside.NOTHING
    lists = lexicon(language)
    if lists is not None and tokens in lists.invented:
        return Aside.INVENTED
    if _PAIR.fullmatch(" ".join(tokens)):
        return Aside.ANSWER
    if not all(_SOUND.fullmatch(token) for token in tokens):
        return Aside.WORD
    return Aside.ANSWER if len(set(tokens)) == 1 and _YES.fullmatch(tokens[0]) else Aside.SOUND


def weigh_aside(
    readings: Sequence[Reading],
    language: str,
    *,
    asked: bool,
    trust: Callable[[float, float, float], float],
) -> float | None:
    """The probability, 0 to 1, that who said this to a silent agent is to be answered; None for no opinion.

    Args:
        readings: Of one stretch, likeliest first.
        language: Of the texts, as BCP 47.
        asked: Whether the agent may have asked something, which "mm-hm" answers.
        trust: How far texts can be believed, 0 to 1: of the logarithm of their probability, their number of
            words, and the recogniser's probability that there was no speech.
    """
    if not readings:
        return None
    no_speech = readings[0].no_speech >= _NO_SPEECH
    wordless = _WORDLESS if no_speech else None
    words = sounds = silent = 0.0
    best = ""
    for reading in readings:
        kind, share = kind_of(reading.text, language), math.exp(reading.logprob)
        if kind is Aside.NOTHING or (kind is Aside.INVENTED and no_speech):
            silent += share
            continue
        best = best or reading.text
        if kind is Aside.SOUND or (kind is Aside.ANSWER and not asked):
            sounds += share
        else:
            words += share
    mass = words + sounds
    if mass <= 0.0:
        return wordless
    count = max(count_words(best, language), 1.0)
    believed = trust(math.log(mass), count, readings[0].no_speech) * mass / (mass + silent)
    if believed < _LEAST_TRUST:
        return wordless
    return believed * words / mass + (1.0 - believed) * 0.5
