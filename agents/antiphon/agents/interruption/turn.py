"""The person's turn: where its audio is, and when it is over.

Nowhere (no turn), kept locally (undecided), or at the model (the gate is or was open). The controller
says which; this part keeps the bookkeeping of one turn: voice in it, gate, endpointer, longest length.
It returns actions and decides nothing about the floor.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from antiphon.agents.endpointing import Endpointer
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.aside import Asides
from antiphon.agents.interruption.events import Deadline, Reason
from antiphon.agents.interruption.judges import Occasion
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.options import Adjustable, TurnTaking

__all__ = ["Place", "Turn"]

_PAUSE_S: Final = 0.080  # s without voice, three windows less some jitter, after which a turn may be over


class Place(Enum):
    """Where the turn's audio is."""

    NOWHERE = "nowhere"
    KEPT = "kept"
    MODEL = "model"


class Turn:
    """The turn at hand, if there is one."""

    def __init__(self, options: TurnTaking, endpointer: Endpointer, asides: Asides | None = None) -> None:
        self._options = options
        self._endpointer = endpointer
        self._asides = asides or Asides()
        self.place = Place.NOWHERE
        self.owed = False
        """Its key was released over what nobody may interrupt: it is committed when that is over."""
        self.to_silent = False
        """It began while the agent was silent, and has silenced nothing: it may be an aside."""
        self._gate_open = False
        self._keeping = False
        self._began_at = 0.0
        self._voiced_s = 0.0  # of speeches that have ended, less what belonged to the turn before
        self._ended_at = 0.0
        self._tail_at: float | None = None
        self._pause = 0  # counts the pauses about which an estimate was asked
        self._paused = False  # whether the last of them is still on

    def change(self, options: TurnTaking) -> None:
        """Takes other numbers, from now on."""
        self._options = options
        if isinstance(self._endpointer, Adjustable):
            self._endpointer.change(options)

    def frame(self, now: float, onset: OnsetDetector) -> list[act.Action]:
        """After each window: has the end of the turn estimated, once for each pause in it, and the judges
        asked whether it is one."""
        if onset.voiced:
            self._paused = False
            self._asides.forget()
        elif onset.speaking and not self._paused and self.place is Place.MODEL:
            quiet = now - onset.last_voice_at
            if quiet >= _PAUSE_S:
                self._paused = True
                self._pause += 1
                # Whether it is over matters first; an aside that is judged later than that is answered.
                return [act.AskTurnEnd(self._pause, quiet), *self._ask_aside(now, onset, quiet)]
        return []

    def _ask_aside(self, now: float, onset: OnsetDetector, quiet_s: float) -> list[act.Action]:
        voiced_s = self._voiced_s + onset.voiced_s
        short = self._options.min_turn_s <= voiced_s <= self._options.aside_s
        if self.to_silent and short and self._asides.ask(self._pause):
            return [act.AskJudges(self._pause, Occasion.ASIDE, voiced_s, quiet_s)]
        return []

    def opinion(self, pause: int, opinion: Opinion) -> None:
        """A judge's answer about an aside."""
        self._asides.opinion(pause, opinion)

    @property
    def dismissed(self) -> bool:
        """Whether the turn was an aside, by all that is known of it."""
        return self.to_silent and self._asides.dismissed()

    def speech_began(self, now: float) -> None:
        """Speech began, or went on."""
        self._endpointer.speech_began(now)
        self._tail_at = None

    def speech_ended(self, now: float, ended_at: float, voiced_s: float) -> None:
        """Speech stopped, with so much voice in it."""
        if self.place is Place.NOWHERE:
            return
        self._voiced_s += voiced_s
        self._ended_at = ended_at
        self._endpointer.speech_ended(now, ended_at)
        if self._gate_open:
            self._tail_at = ended_at + self._options.tail_s

    def to_model(self, now: float, committed_s: float = 0.0) -> list[act.Action]:
        """The turn's audio goes to the model: from the pre-roll, or what was kept.

        Args:
            now: s.
            committed_s: Voice of the speech that is on which the turn before took with it, s.
        """
        if self.place is Place.NOWHERE:
            self._begin(now)
            self._voiced_s = -committed_s
        actions: list[act.Action] = []
        if self.place is Place.KEPT:
            actions.append(act.ReleaseTurn())
        elif not self._gate_open:
            actions.append(act.OpenGate())
        self.place = Place.MODEL
        self._gate_open, self._keeping = True, False
        return actions

    def keep(self, now: float) -> list[act.Action]:
        """The turn's audio stays here until somebody decides. A turn at the model stays there."""
        if self.place is Place.MODEL:
            return self.to_model(now)
        if self.place is Place.NOWHERE:
            self._begin(now)
            self.place = Place.KEPT
        if self._keeping:
            return []
        self._keeping = True
        return [act.BufferTurn()]

    def owe(self, now: float) -> list[act.Action]:
        """The turn is over, and has to wait for its commit."""
        self.owed = True
        self._ended_at = now
        return self.shut()

    def shut(self) -> list[act.Action]:
        """No more audio for the turn, for now."""
        closing = self._gate_open or self._keeping
        self._gate_open = self._keeping = False
        self._tail_at = None
        return [act.CloseGate()] if closing else []

    def tail_over(self, now: float) -> list[act.Action]:
        """Closes the gate when the tail is sent."""
        if self._tail_at is None or now < self._tail_at:
            return []
        self._tail_at = None
        self._gate_open = False
        return [act.CloseGate()]

    def over(self, now: float, speaking: bool) -> bool:
        """Whether the turn at the model is complete."""
        if self.place is not Place.MODEL:
            return False
        if now >= self._began_at + self._options.max_turn_s:
            return True
        over_at = self._endpointer.deadline()
        return not speaking and over_at is not None and now >= over_at

    def lapsed(self, now: float, speaking: bool) -> bool:
        """Whether what is kept was complete before anybody wanted it."""
        over_at = self._endpointer.deadline()
        return self.place is Place.KEPT and not speaking and over_at is not None and now >= over_at

    def commit(
        self, now: float, speaking: bool, voiced_s: float, *, by_key: bool = False
    ) -> list[act.Action]:
        """Commits the turn, or discards it if there was hardly any voice in it.

        Args:
            now: s.
            speaking: Whether the person still speaks.
            voiced_s: Voice in that speech so far, s.
            by_key: A key and not the voice says what is a turn.
        """
        actions: list[act.Action] = []
        if self.place is Place.KEPT:
            actions += self.to_model(now)
        if self._gate_open:
            actions.append(act.CloseGate())
        if by_key:
            actions.append(act.CommitTurn(self._ended_at if self.owed else now))
        elif self._voiced_s + (voiced_s if speaking else 0.0) < self._options.min_turn_s:
            actions.append(act.DiscardTurn("hardly any voice"))
        else:
            actions.append(act.CommitTurn(now if speaking else self._ended_at))
        self._forget()
        return actions

    def discard(self, reason: str, *, as_if_unheard: bool = False) -> list[act.Action]:
        """Drops the turn."""
        if self.place is Place.NOWHERE:
            return []
        actions: list[act.Action] = [act.CloseGate()] if self._gate_open else []
        actions.append(act.DiscardTurn(reason, as_if_unheard))
        self._forget()
        return actions

    def drop(self, now: float, reason: str, *, as_if_unheard: bool = False) -> list[act.Action]:
        """Drops the turn, unless it is owed: then commits it."""
        if self.owed:
            return self.commit(now, False, 0.0, by_key=True)
        return self.discard(reason, as_if_unheard=as_if_unheard)

    def deadlines(self, speaking: bool, held: bool = False) -> list[Deadline]:
        """What the turn waits for; while the playout is held, what is kept waits for the verdict alone."""
        found: list[Deadline] = []
        if self._tail_at is not None:
            found.append(Deadline(self._tail_at, Reason.TAIL))
        if self.place is Place.MODEL:
            found.append(Deadline(self._began_at + self._options.max_turn_s, Reason.MAX_TURN))
        if self.place is Place.MODEL or (self.place is Place.KEPT and not held):
            over_at = self._endpointer.deadline()
            if over_at is not None and not speaking:
                found.append(Deadline(over_at, Reason.ENDPOINT))
        return found

    def estimated(self, now: float, probability: float, pause: int | None) -> None:
        """Passes an end-of-turn estimate on, unless it is about a pause that is over."""
        if pause is None or (self._paused and pause == self._pause):
            self._endpointer.estimated(now, probability)

    def _begin(self, now: float) -> None:
        self._began_at = now
        self._voiced_s = 0.0
        self._ended_at = now
        self._endpointer.forget()
        self._endpointer.speech_began(now)
        self._asides.forget()

    def _forget(self) -> None:
        self.place = Place.NOWHERE
        self.owed = self.to_silent = False
        self._gate_open = self._keeping = False
        self._tail_at = None
        self._endpointer.forget()
        self._asides.forget()
