"""The judge of words that somebody else hears: a recogniser of the session, or the model's transcription.

It is told and never asked: `antiphon.agents.reading` brings it the words as they come, and what it holds of
them is `words.opinion_of_text`. A call without such words costs nothing for having it. Where the lexical
judge listens too, both count: they hear by different models.
"""

from __future__ import annotations

from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.plugins.judges.words import opinion_of_text

__all__ = ["TranscriptJudge"]


class TranscriptJudge:
    """Judges transcripts by lists of words, one a language.

    Args:
        language: Of transcripts whose language nobody knows, as BCP 47.
    """

    name = "transcript"
    occasions: frozenset[Occasion] = frozenset()

    def __init__(self, language: str = "en") -> None:
        self._language = language

    def warm_up(self) -> None:
        """Reads the lists of its language."""
        opinion_of_text("yes", self._language)

    def opinion(self, question: Question) -> float | None:
        """None: it does not listen."""
        return None

    def opinion_of(self, text: str, language: str, *, more_to_come: bool) -> float | None:
        """As `ReadingJudge.opinion_of`."""
        return opinion_of_text(text, language or self._language, more_to_come=more_to_come)
