"""What words over the agent's voice are: a wish for the floor, or a listener's.

Pure: a text and its language in, a probability out. The lists are data (`words.toml`, one table a
language, its groups explained there); a language is added there and nowhere else.

How a text is read: it is cut into words (Chinese: into characters), the longest listed phrases are found
from left to right, and what is left over counts as content. Then:

1. Nothing to go by (no words, another script, only hesitation, a text that recognisers make of noise): None.
2. A command or an opener ("but", "what", "I") anywhere outside a longer phrase speaks for a turn, even
   after a listener's words: "yeah, but".
3. Content speaks for a turn, the more of it the more.
4. Listener's words alone, in any number, speak against it.

While the person goes on (``more_to_come``), a last word that may yet become a listener's phrase, or was
perhaps cut, does not count, and what is left must speak for a turn to be told at all.

The probabilities are chosen, not fitted: an arbiter that knows better calibrates them.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final

__all__ = [
    "Group",
    "Lexicon",
    "Unit",
    "count_words",
    "languages",
    "lexicon",
    "opinion_of_text",
    "tokens_of",
    "units",
]

_DATA = Path(__file__).with_name("words.toml")
_ALIASES: Final = {"cmn": "zh"}  # Mandarin has two codes

# How much a word that is in no list speaks for a turn: 0.65, 0.84, 0.93, 0.97 for one to four; chosen.
_ONE_WORD: Final = 0.65
_EACH_MORE: Final = 0.46
_GOING_ON: Final = 0.15  # at least, while a listener's words may be the beginning of more; chosen

_HAN_FROM = "㐀"
_CJK = "㐀-䶿一-鿿豈-﫿"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:'[^\W_{_CJK}]+)*")
_ASIDE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|<[^>]*>|♪[^♪]*♪?")  # "[MUSIC]", "(coughs)", "*sigh*"
_TWO_DOTS = "\u0308"  # German "äh" hesitates where "ah" is surprised
_LONG_RUN = re.compile(r"(\w)\1{2,}")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"})


class Group(Enum):
    """What a phrase says about the floor. `words.toml` explains each."""

    CONTINUER = "continuer"
    ASSENT = "assent"
    REACTION = "reaction"
    UNCLEAR = "unclear"
    OPENER = "opener"
    COMMAND = "command"
    CONTENT = "content"
    """A word in no list."""


_LISTENER: Final[Mapping[Group, float]] = {Group.CONTINUER: 0.04, Group.ASSENT: 0.12, Group.REACTION: 0.20}
_TAKER: Final[Mapping[Group, float]] = {Group.OPENER: 0.85, Group.COMMAND: 0.96}  # all chosen

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The lists of one language."""

    language: str
    phrases: Mapping[Phrase, Group]
    """By their tokens."""
    beginnings: frozenset[Phrase]
    """What may yet become a listener's phrase: each one's proper beginnings."""
    longest: int
    """Tokens of the longest phrase."""
    invented: frozenset[Phrase]
    """Whole texts that recognisers make of noise."""
    sounds: re.Pattern[str]
    """A listener's sounds, one token."""
    words_per_token: float
    """1, or less where a token is less than a word."""
    han: bool
    """Whether it is written in Han characters; else in Latin letters."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A phrase as found in a text, or one word that is in no list."""

    group: Group
    tokens: Phrase


@cache
def _tables() -> Mapping[str, Mapping[str, object]]:
    return tomllib.loads(_DATA.read_text(encoding="utf-8"))


def languages() -> frozenset[str]:
    """Languages with lists, as ISO 639-1: ``en``, ``zh``, …"""
    return frozenset(_tables())


def lexicon(language: str) -> Lexicon | None:
    """The lists for a BCP 47 tag ("en", "en-GB", "zh-CN"); None where there are none."""
    primary = re.split(r"[-_]", language.strip().lower(), maxsplit=1)[0]
    return _lexicon(_ALIASES.get(primary, primary))


@cache
def _lexicon(language: str) -> Lexicon | None:
    table = _tables().get(language)
    if table is None:
        return None
    phrases: dict[Phrase, Group] = {}
    for group in Group:
        for text in _strings(table.get(group.value)):
            phrases[_tokens(text)] = group
    beginnings = {
        phrase[:length]
        for phrase, group in phrases.items()
        if group in _LISTENER
        for length in range(1, len(phrase))
    }
    share = table.get("words_per_token")
    return Lexicon(
        language=language,
        phrases=phrases,
        beginnings=frozenset(beginnings),
        longest=max(map(len, phrases)),
        invented=frozenset(_tokens(text) for text in _strings(table.get("invented"))),
        sounds=re.compile(str(table.get("sounds", "(?!)"))),
        words_per_token=share if isinstance(share, float) else 1.0,
        han=language == "zh",
    )


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _tokens(text: str) -> Phrase:
    """Lower case, no accents but the two dots, no punctuation, no asides, no long runs of a letter."""
    plain = unicodedata.normalize("NFKD", _ASIDE.sub(" ", text.translate(_APOSTROPHES))).casefold()
    plain = "".join(c for c in plain if c == _TWO_DOTS or not unicodedata.combining(c))
    return tuple(_LONG_RUN.sub(r"\1", token) for token in _TOKEN.findall(unicodedata.normalize("NFC", plain)))


def tokens_of(text: str) -> Phrase:
    """The words of a text, or the characters of a Chinese one, as the lists have them."""
    return _tokens(text)


def units(text: str, language: str) -> tuple[Unit, ...]:
    """The phrases of a text, in order; empty where the language has no lists."""
    lists = lexicon(language)
    return () if lists is None else _units(_tokens(text), lists)


def _units(tokens: Phrase, lists: Lexicon) -> tuple[Unit, ...]:
    found = []
    at = 0
    while at < len(tokens):
        for length in range(min(lists.longest, len(tokens) - at), 0, -1):
            phrase = tokens[at : at + length]
            group = lists.phrases.get(phrase)
            if group is None and length == 1:
                group = _group_of(phrase[0], lists)
            if group is not None:
                found.append(Unit(group, phrase))
                at += length
                break
    return tuple(found)


def _group_of(token: str, lists: Lexicon) -> Group:
    """Of one token that is in no list."""
    if lists.sounds.fullmatch(token):
        return Group.CONTINUER
    # One Latin letter is what a recogniser makes of half a syllable.
    return Group.UNCLEAR if len(token) == 1 and token < _HAN_FROM else Group.CONTENT


def count_words(text: str, language: str) -> float:
    """How many words a text has, about; 0.0 where the language has no lists."""
    lists = lexicon(language)
    return 0.0 if lists is None else len(_tokens(text)) * lists.words_per_token


def opinion_of_text(text: str, language: str, *, more_to_come: bool = False) -> float | None:
    """The probability, 0 to 1, that somebody who says this over the agent wants the floor.

    Args:
        text: What was heard, as a recogniser writes it: case and punctuation do not matter.
        language: Of the text, as BCP 47. Without lists for it there is no opinion.
        more_to_come: The person is still speaking: an interim transcript, or a speech cut at now.

    Returns:
        None where the words do not tell.
    """
    lists = lexicon(language)
    tokens = _tokens(text)
    if lists is None or not tokens or tokens in lists.invented or not _in_script(tokens, lists):
        return None
    found = _units(tokens, lists)
    if not more_to_come:
        return _weigh(found, lists)
    last = found[-1]
    may_turn = last.group in (Group.OPENER, Group.UNCLEAR) and last.tokens in lists.beginnings
    if last.group is Group.CONTENT or may_turn:
        opinion = _weigh(found[:-1], lists)
        return opinion if opinion is not None and opinion > 0.5 else None
    opinion = _weigh(found, lists)
    return None if opinion is None else max(opinion, _GOING_ON)


def _in_script(tokens: Phrase, lists: Lexicon) -> bool:
    """Whether a text is in the language's script. Latin words in a Chinese text are common."""
    if lists.han:
        return any(lists.phrases.get((token,)) or token[0] >= _HAN_FROM for token in tokens)
    return all(token.isascii() or unicodedata.name(token[0], "").startswith("LATIN") for token in tokens)


def _weigh(found: Sequence[Unit], lists: Lexicon) -> float | None:
    groups = [unit.group for unit in found]
    takers = [_TAKER[group] for group in groups if group in _TAKER]
    content = groups.count(Group.CONTENT) * lists.words_per_token
    if content or takers:
        # An opener leads to something: it counts among what it leads to.
        words = content + (groups.count(Group.OPENER) if content else 0)
        said = 1 - (1 - _ONE_WORD) * _EACH_MORE ** (words - 1) if content else 0.0
        return max([said, *takers])
    listener = [_LISTENER[group] for group in groups if group in _LISTENER]
    return max(listener) if listener else None
