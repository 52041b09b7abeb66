"""Words that a recogniser hears while a person speaks over the agent, on their way to the arbiter.

A session with a recogniser (a cascade, or a model that transcribes what it is sent) tells words as it finds
them. Judges who can read get them at once, and what they hold of them reaches the controller as an opinion
that nobody asked for. Most words come too late or are of another speech, so it matters whose they are:

- words of a segment whose first words came before the speech that is on began are of an earlier one;
- after a commit, the first words of a new segment are of the turn that was committed, until a final has
  come or `LATE_S` have passed: a model transcribes a turn once it has all of it. A recogniser that hears all
  of the audio as it comes (``continuous``) has had its interim words before that, so there this holds only
  for finals out of nowhere.

`Segments` decides, without a clock; `WordsReader` is the session's side. Lives on the application's loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from livekit.agents import AgentSession
from livekit.agents.voice.events import UserInputTranscribedEvent

from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.judges import Judge, Occasion

__all__ = ["ReadingJudge", "Segments", "WordsReader"]

LATE_S: Final = 3.0  # s after a commit in which its transcript is waited for; chosen
_MOST: Final = 64  # segments that are remembered


@runtime_checkable
class ReadingJudge(Protocol):
    """A `Judge` that can read. Told words rather than asked; both is possible."""

    @property
    def name(self) -> str:
        """As `Judge.name`."""
        ...

    def opinion_of(self, text: str, language: str, *, more_to_come: bool) -> float | None:
        """The probability, 0 to 1, that who says this over the agent wants the floor; None for no opinion.

        Must not block: microseconds.

        Args:
            text: All words of the segment so far.
            language: As BCP 47; empty when it is not known.
            more_to_come: They are interim.
        """
        ...


class Segments:
    """Tells when the first words of each segment came, and which are of an earlier turn. Times are s."""

    def __init__(self, continuous: bool) -> None:
        self._continuous = continuous
        self._began: dict[str, float | None] = {}  # by segment; None: of an earlier turn
        self._owed_until = float("-inf")

    def committed(self, now: float) -> None:
        """A turn was committed."""
        self._owed_until = now + LATE_S
        if not self._continuous:  # whatever has begun is of that turn
            self._began = dict.fromkeys(self._began)

    def words(self, now: float, segment: str, final: bool) -> float | None:
        """Words came: when the first of their segment did, or None if they are of an earlier turn."""
        if segment not in self._began:
            owed = now < self._owed_until and (final or not self._continuous)
            self._began[segment] = None if owed else now
            if len(self._began) > _MOST:
                del self._began[next(iter(self._began))]
        began = self._began[segment]
        if final:
            self._owed_until = float("-inf")
            self._began.pop(segment)
        return began


class WordsReader:
    """Has a session's words read.

    Args:
        session: Whose.
        judges: Those of them who can read do.
        tell: Takes an opinion, and when the first words of its segment came, s of `time.monotonic`.
        language: What the call speaks, where the recogniser does not say.
        continuous: The recogniser hears all of the person's audio as it comes.
        now: The clock, s.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        judges: Sequence[Judge],
        tell: Callable[[Opinion, float], None],
        *,
        language: str = "",
        continuous: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._readers: list[ReadingJudge] = [judge for judge in judges if isinstance(judge, ReadingJudge)]
        self._tell = tell
        self._language = language
        self._now = now
        self._segments = Segments(continuous)
        self._session = session
        if self._readers:
            session.on("user_input_transcribed", self._transcribed)

    def committed(self) -> None:
        """A turn was committed."""
        self._segments.committed(self._now())

    def close(self) -> None:
        """The call is over."""
        if self._readers:
            self._session.off("user_input_transcribed", self._transcribed)

    def _transcribed(self, event: UserInputTranscribedEvent) -> None:
        if not event.transcript.strip():
            return
        began = self._segments.words(self._now(), event.item_id or "", event.is_final)
        if began is None:
            return
        language = event.language or self._language
        for reader in self._readers:
            p = reader.opinion_of(event.transcript, str(language), more_to_come=not event.is_final)
            if p is not None:
                # One occasion for both, so that later words take the place of earlier ones.
                self._tell(Opinion(reader.name, Occasion.LONG, p), began)
