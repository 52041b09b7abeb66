"""A reply's words and the sound that says them: where to cut the words, and which of them were heard.

Pure: no clock, no I/O. `SentenceCutter` gets a model's words as they come and gives back what can be
spoken already; `Spoken` keeps what was said when, in milliseconds of the message's own sound, and answers
how much of it a listener heard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["SentenceCutter", "Spoken"]

FIRST_CLAUSE_CHARS = 30  # the first piece may end at a comma after so many characters; chosen
LONGEST_CHARS = 240  # a run-on text is cut at a space; chosen
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+|\n+")
_CLAUSE = re.compile(r"[,;:](?=\s)")
_NO_END = re.compile(r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|vs|etc|e\.g|i\.e|a\.m|p\.m)|\b[A-Za-z]|\d)\.$", re.I)
_NUMBERED = re.compile(r"(?:^|\n)\s*\d+\.$")  # "1." begins an item of a list


class SentenceCutter:
    """Cuts a stream of words into speakable pieces; the pieces, joined, are the words."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def push(self, delta: str) -> list[str]:
        """Takes more words; returns the pieces they complete."""
        self._text += delta
        pieces: list[str] = []
        while (cut := self._cut()) is not None:
            pieces.append(self._text[:cut])
            self._text = self._text[cut:]
            self._first = False
        return pieces

    def flush(self) -> list[str]:
        """The words are complete; returns the last piece, if there is one."""
        text, self._text = self._text, ""
        return [text] if text.strip() else []

    def _cut(self) -> int | None:
        for end in _END.finditer(self._text):
            before = self._text[: end.end()]
            if not before.strip() or _may_go_on(before.rstrip()):
                continue
            return self._with_space(end.end())
        if self._first:
            for clause in _CLAUSE.finditer(self._text):
                if clause.end() >= FIRST_CLAUSE_CHARS:
                    return self._with_space(clause.end())
        if len(self._text) > LONGEST_CHARS:
            space = self._text.rfind(" ", 1, LONGEST_CHARS)
            return space + 1 if space > 0 else LONGEST_CHARS
        return None

    def _with_space(self, end: int) -> int:
        while end < len(self._text) and self._text[end].isspace():
            end += 1
        return end


def _may_go_on(text: str) -> bool:
    """Whether the stop at the end belongs to an abbreviation, an initial or a list's number."""
    if _NUMBERED.search(text):
        return True
    found = _NO_END.search(text)
    return found is not None and not text[found.start()].isdigit()


@dataclass(slots=True)
class _Piece:
    text: str
    begin_ms: float
    end_ms: float


@dataclass(slots=True)
class Spoken:
    """One message: its pieces, and where in its sound each begins and ends."""

    pieces: list[_Piece] = field(default_factory=list)

    def begin(self, text: str) -> None:
        """The next piece's sound begins."""
        at = self.pieces[-1].end_ms if self.pieces else 0.0
        self.pieces.append(_Piece(text, at, at))

    def sound(self, ms: float) -> None:
        """So much more of the current piece's sound, ms."""
        self.pieces[-1].end_ms += ms

    @property
    def text(self) -> str:
        """All the words so far."""
        return "".join(piece.text for piece in self.pieces).strip()

    @property
    def duration_ms(self) -> float:
        """Of the sound so far."""
        return self.pieces[-1].end_ms if self.pieces else 0.0

    def heard(self, ms: float) -> str:
        """The words of the first ``ms`` of sound; of the piece that was cut, whole words only."""
        words = ""
        for piece in self.pieces:
            if ms >= piece.end_ms > piece.begin_ms:
                words += piece.text
                continue
            length = piece.end_ms - piece.begin_ms
            share = (ms - piece.begin_ms) / length if length > 0 else 0.0
            return (words + _first(piece.text, share)).strip()
        return words.strip()


def _first(text: str, share: float) -> str:
    """The whole words within the first ``share`` of a text, 0 to 1, by its characters."""
    end = int(len(text) * max(share, 0.0))
    if end >= len(text):
        return text
    if end == 0 or text[end].isspace():
        return text[:end]
    return text[:end].rpartition(" ")[0]
