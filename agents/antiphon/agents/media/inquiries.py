"""What the call knows of the person's sound, and whom it asks about it.

Keeps the last of the person's audio, looks at a window's pitch where the detector is not sure, and makes the
questions for judges and for the estimator of the turn's end out of both. Decides nothing. Media thread.
"""

from __future__ import annotations

from collections.abc import Callable

from antiphon.agents.interruption import Occasion, Opinion, Question
from antiphon.agents.interruption import actions as act
from antiphon.agents.media.echo import EchoEstimator
from antiphon.agents.media.judging import Asker, Memory
from antiphon.agents.media.router import Samples
from antiphon.agents.media.voicing import Voicing

__all__ = ["Inquiries", "may_ask"]

_QUESTION_MARKS = frozenset("?？؟\u037e՞")  # in Latin, Chinese, Arabic, Greek and Armenian script


def may_ask(text: str) -> bool:
    """Whether a text may ask something: it is empty, so that nobody knows, or has a question mark."""
    return not text.strip() or not _QUESTION_MARKS.isdisjoint(text)


class Inquiries:
    """One call's.

    Args:
        asker: Has the questions answered; nobody does when None.
        echo: Tells what of the audio is the agent's own voice.
        language: What the call speaks, as BCP 47; empty when it is not known.
    """

    def __init__(self, asker: Asker | None, echo: EchoEstimator, language: str) -> None:
        self._asker = asker
        self._language = language
        self._memory = Memory(echo)
        self._voicing = Voicing()
        self.asked = True
        """Whether the agent's last words may be a question."""

    def window(self, at: float, window: Samples, frame: int | None, *, look: bool) -> float:
        """Takes a window of 512 samples at 16 kHz; returns how much it sounds like a voice by its pitch.

        Args:
            at: Arrival of its last sample, s.
            window: Mono int16. Kept: must not change.
            frame: As `EchoEstimator.window` gave it.
            look: Whether the answer is wanted; else it is 0.
        """
        self._memory.add(at, window, frame)
        return self._voicing.window(window, look)

    def forget(self) -> None:
        """The audio has a gap."""
        self._memory.forget()
        self._voicing.reset()

    def judges(
        self, question: act.AskJudges, voice_at: float, turn_at: float | None, told: Callable[[Opinion], None]
    ) -> None:
        """Asks the judges.

        Args:
            question: What about.
            voice_at: When the voice of the last speech began, s.
            turn_at: When that of the turn at hand did, if there is one, s.
            told: Each answer.
        """
        if self._asker is None:
            return
        aside = question.occasion is Occasion.ASIDE  # about the whole turn, not its last speech
        began_at = turn_at if aside and turn_at is not None else voice_at
        audio, began = self._memory.since(began_at, cleared=True)
        asked = Question(
            question.occasion,
            audio,
            began,
            question.voiced_s,
            question.quiet_s,
            self._language,
            self.asked,
        )
        self._asker.ask(asked, told)

    def turn_end(
        self, quiet_s: float, turn_at: float | None, told: Callable[[str, float, float], None]
    ) -> None:
        """Asks whether the turn that began at ``turn_at`` is over; as `Asker.ask_turn_end`."""
        if self._asker is not None and self._asker.estimates and turn_at is not None:
            audio, _ = self._memory.since(turn_at)
            self._asker.ask_turn_end(audio, quiet_s, told)

    def close(self) -> None:
        """The call is over: no more answers."""
        if self._asker is not None:
            self._asker.close()
