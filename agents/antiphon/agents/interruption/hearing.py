"""The speech that the arbiter has before it: what it is told, what it has the judges asked.

Speeches are numbered, so that an opinion about one that is over changes nothing. A speech that was judged
a backchannel while it lasted is *excused*: it stays before the arbiter until it is settled after its end.
Keeps the books of one speech and decides nothing; driven by the controller alone.
"""

from __future__ import annotations

from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption.arbiter import Arbiter, Leaning, Opinion
from antiphon.agents.interruption.verdicts import Verdict
from antiphon.agents.options import Adjustable, TurnTaking

__all__ = ["Hearing"]


class Hearing:
    """One call's speeches over the agent, one at a time."""

    def __init__(self, arbiter: Arbiter) -> None:
        self._arbiter = arbiter
        self._number = 0
        self._expired: float | None = None  # the arbiter's deadline that passed without an answer
        self._voice_at = 0.0
        self._voiced_s = 0.0
        self._held_at = 0.0
        self.excused = False
        """Whether the speech was judged a backchannel while it was on, and is not settled."""
        self.held_again = False
        """Whether it was held a second time, after it had been excused."""

    def change(self, options: TurnTaking) -> None:
        """Takes other numbers, from now on, where the arbiter can."""
        if isinstance(self._arbiter, Adjustable):
            self._arbiter.change(options)

    def begin(self, now: float, voiced_s: float) -> None:
        """A speech begins, with so much voice already."""
        self._number += 1
        self._expired = None
        self.excused = self.held_again = False
        self._held_at = self._voice_at = now
        self._voiced_s = voiced_s
        self._arbiter.begin(self._number, now, voiced_s)

    def frame(self, now: float, speech: float, voiced: bool, voiced_s: float) -> Verdict | None:
        """One window: its probability, whether it is voice, and the voice in the speech so far, s."""
        if voiced:
            self._voice_at = now
            self._voiced_s = voiced_s
        return self._arbiter.frame(now, speech, voiced)

    def ended(self, now: float, ended_at: float) -> Verdict | None:
        """The voice has stopped."""
        return self._arbiter.ended(now, ended_at)

    def opinion(self, now: float, speech: int | None, opinion: Opinion) -> Verdict | None:
        """A judge's answer, about the speech of that number; one without is about the speech at hand."""
        return self._arbiter.opinion(now, opinion) if self.concerns(speech) else None

    def concerns(self, speech: int | None) -> bool:
        """Whether an answer is about this speech; one without a number is."""
        return speech is None or speech == self._number

    def due(self) -> float | None:
        """The arbiter's deadline, unless it has passed already and brought no answer, s."""
        due = self._arbiter.deadline()
        return None if due == self._expired else due

    def expire(self, now: float) -> Verdict | None:
        """What the arbiter says at a deadline that has passed."""
        due = self.due()
        if due is None or now < due:
            return None
        self._expired = due
        return self._arbiter.expire(now)

    def questions(self, now: float) -> list[act.Action]:
        """What the judges are to be asked now."""
        asked: list[act.Action] = []
        while (occasion := self._arbiter.occasion()) is not None:
            asked.append(act.AskJudges(self._number, occasion, self._voiced_s, now - self._voice_at))
        return asked

    def leaning(self, now: float) -> float | None:
        """The probability that it is a turn, 0 to 1; None where the arbiter does not say."""
        return self._arbiter.leaning(now) if isinstance(self._arbiter, Leaning) else None

    def held_s(self, now: float) -> float:
        """For how long it has been held, s."""
        return now - self._held_at

    def hold_again(self, now: float) -> None:
        """It was excused, and is held all the same."""
        self.excused, self.held_again = False, True
        self._held_at = now

    def close(self) -> None:
        """The speech needs no verdict any more."""
        self.excused = False
        self._arbiter.forget()
