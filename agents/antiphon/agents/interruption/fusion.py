"""Weighs what the judges say of a speech, how long it lasts, and whether it is one of several.

The evidence is added up as log-odds that the person wants the floor: each judge's opinion by its weight,
and the voice's length. A judge's last opinion while the voice went on and its last at a pause are averaged:
neither alone overrules the other. A verdict falls when the sum is clear enough:

- TURN above `yield_at` at any time, BACKCHANNEL below `resume_at` while the voice goes on, once a judge was
  heard;
- at a pause, as soon as the judges who were asked about it have answered, or `judge_s` after it began,
  TURN above `turn_at` and BACKCHANNEL below;
- of what has hardly begun (`_FRAGMENT_S`), no BACKCHANNEL before it has been quiet for `_FRAGMENT_QUIET_S`;
- without any opinion, by duration alone: as long as `yield_after_s` is a turn.

A judge that fails, is late or has no opinion counts as absent. Two starts within `_REPEAT_S` weigh more
than one ("wait … wait"), unless the first was clearly none ("mm-hm … mm-hm"). No clock: times are
arguments, s, monotonic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final

from antiphon.agents.interruption.arbiter import Arbiter, DurationArbiter, Opinion
from antiphon.agents.interruption.aside import log_odds
from antiphon.agents.interruption.judges import Judge, Occasion
from antiphon.agents.interruption.verdicts import WINDOW_S, Verdict
from antiphon.agents.options import TurnTaking

__all__ = ["WEIGHTS", "FusionArbiter", "arbiter_for", "log_odds"]

WEIGHTS: Final[Mapping[str, float]] = {"acoustic": 1.0, "lexical": 1.4, "semantic": 1.6, "transcript": 1.4}
"""How much a judge's log-odds count; 1 for a judge that is not named."""
_EARLY_S: Final = (0.25, 0.5)  # s of voice at which the judges are asked how it sounds
_PAUSE_S: Final = 0.128  # s without voice after which they are asked about what was said; longer than a stop
# s of voice at which words should tell: in time for a hold to end by `patience_s`, once the sentence is under
# way, and again after each so many.
_LONG_S: Final = (0.7, 1.2)
_AGAIN_S: Final = 1.0
_REPEAT_S: Final = 2.0  # s between two starts that belong together ("wait … wait")
_REPEAT_ODDS: Final = 0.7  # log-odds that a second start brings; chosen
_CLEARLY_NONE: Final = -2.0  # log-odds (0.12) of a start at and below which a second brings nothing; chosen
_LENGTH_FROM_S: Final = 0.9  # s; no backchannel of the recorded ones has more voice than that
_LENGTH_ODDS_PER_S: Final = 3.0  # log-odds for each further s of voice; chosen
_FRAGMENT_S: Final = 0.16  # s of voice below which nobody can tell: a click, or the beginning of a word …
_FRAGMENT_QUIET_S: Final = 0.35  # … which goes on within so many s; chosen
_HALF_WINDOW_S: Final = WINDOW_S / 2


def arbiter_for(options: TurnTaking, judges: Sequence[Judge]) -> Arbiter:
    """What weighs these judges for one call; with none of them, duration decides."""
    if not judges:
        return DurationArbiter(yield_after_s=options.yield_after_s, resume_quiet_s=options.resume_quiet_s)
    asked = {
        occasion: frozenset(judge.name for judge in judges if occasion in judge.occasions)
        for occasion in Occasion
    }
    return FusionArbiter(options, asked)


class FusionArbiter:
    """One call's arbiter.

    Args:
        options: `turn_at`, `yield_at`, `resume_at`, `judge_s`, `yield_after_s`, `resume_quiet_s`.
        judges: Names of the judges who are asked, by occasion.
        weights: Instead of `WEIGHTS`.
    """

    def __init__(
        self,
        options: TurnTaking,
        judges: Mapping[Occasion, frozenset[str]],
        weights: Mapping[str, float] = WEIGHTS,
    ) -> None:
        self._judges = judges
        self._weights = weights
        self.change(options)
        self._began_at: float | None = None
        self._repeats = 0
        self._was_none = False  # the speech before, if it was heard by a judge
        self._forget_speech()

    def change(self, options: TurnTaking) -> None:
        """Goes on with these numbers."""
        self._options = options
        self._turn_odds = log_odds(options.turn_at)
        self._yield_odds = log_odds(options.yield_at)
        self._resume_odds = log_odds(options.resume_at)

    def _forget_speech(self) -> None:
        self._voiced_s = 0.0
        self._voice_at = 0.0  # arrival of the last voiced window
        self._due: list[Occasion] = []
        self._early = 0  # how many of `_EARLY_S` were asked
        self._long_at = _LONG_S[0]
        self._long_awaited: frozenset[str] = frozenset()  # judges who have not answered about a long voice …
        self._long_until = 0.0  # … and until when they are waited for
        # Log-odds by judge, of its last opinion while the voice went on and of its last at a pause.
        self._opinions: dict[str, dict[bool, float]] = {}
        self._awaited: frozenset[str] = frozenset()  # judges who have not answered about this pause
        self._pause_until: float | None = None
        self._asked_pause = False

    @property
    def aside_judges(self) -> Mapping[str, float]:
        """Who is asked about an aside, and how much each counts."""
        names = self._judges.get(Occasion.ASIDE, frozenset())
        return {name: self._weights.get(name, 1.0) for name in sorted(names)}

    def begin(self, speech: int, now: float, voiced_s: float) -> None:
        """A speech begins."""
        again = self._began_at is not None and now - self._began_at < _REPEAT_S
        self._note_none()
        self._repeats = self._repeats + 1 if again and not self._was_none else 0
        self._was_none = False
        self._began_at = now
        self._forget_speech()
        self._voiced_s = voiced_s
        self._voice_at = now

    def frame(self, now: float, speech: float, voiced: bool) -> Verdict | None:
        """One window of 32 ms."""
        if voiced:
            self._voiced_s += WINDOW_S
            self._voice_at = now
            if self._asked_pause:  # it goes on: what was asked about the pause is old
                self._asked_pause = False
                self._pause_until = None
                self._awaited = frozenset()
            self._ask_going_on()
        elif not self._asked_pause and now - self._voice_at >= _PAUSE_S - _HALF_WINDOW_S:
            self._ask_pause(now)
        return self._verdict(now)

    def ended(self, now: float, ended_at: float) -> Verdict | None:
        """The voice was found to have stopped."""
        if not self._asked_pause:
            self._ask_pause(now)
        return self._verdict(now)

    def occasion(self) -> Occasion | None:
        """Why the judges are to be asked now."""
        return self._due.pop(0) if self._due else None

    def opinion(self, now: float, opinion: Opinion) -> Verdict | None:
        """A judge's answer."""
        p = opinion.probability
        if p is not None and math.isfinite(p) and 0.0 <= p <= 1.0:
            at_pause = opinion.occasion is Occasion.PAUSE
            self._opinions.setdefault(opinion.judge, {})[at_pause] = log_odds(p)
        if opinion.occasion is Occasion.PAUSE:
            self._awaited -= {opinion.judge}
        elif opinion.occasion is Occasion.LONG:
            self._long_awaited -= {opinion.judge}
        return self._verdict(now)

    def deadline(self) -> float | None:
        """When the judges asked about a pause are no longer waited for, or a fragment has had its time."""
        fragment_at = self._fragment_until()
        if self._pause_until is None or fragment_at is None or self._awaited:
            return self._pause_until
        return min(fragment_at, self._pause_until)

    def expire(self, now: float) -> Verdict | None:
        """The deadline has passed."""
        return self._verdict(now)

    def forget(self) -> None:
        """The speech needs no verdict any more."""
        self._note_none()
        self._forget_speech()

    def _note_none(self) -> None:
        """Remembers of the speech that is over whether it was clearly none."""
        if self._opinions:
            self._was_none = self.odds() <= _CLEARLY_NONE

    def leaning(self, now: float) -> float | None:
        """The probability that it is a turn, from what is known of it; None while its words are read."""
        if self._long_awaited and now < self._long_until:
            return None
        return 1.0 / (1.0 + math.exp(-self.odds())) if self._opinions else None

    def odds(self) -> float:
        """Log-odds that the speech is a turn, from what is known of it."""
        known = sum(
            self._weights.get(name, 1.0) * fmean(told.values()) for name, told in self._opinions.items()
        )
        length = max(self._voiced_s - _LENGTH_FROM_S, 0.0) * _LENGTH_ODDS_PER_S
        return known + length + (_REPEAT_ODDS if self._repeats else 0.0)

    def _ask_going_on(self) -> None:
        if self._early < len(_EARLY_S) and self._voiced_s >= _EARLY_S[self._early] - _HALF_WINDOW_S:
            self._early += 1
            self._ask(Occasion.EARLY)
        if self._voiced_s >= self._long_at - _HALF_WINDOW_S:
            self._long_at = next((at for at in _LONG_S if at > self._long_at), self._long_at + _AGAIN_S)
            self._long_awaited = self._judges.get(Occasion.LONG, frozenset())
            self._long_until = self._voice_at + self._options.judge_s
            self._ask(Occasion.LONG)

    def _ask_pause(self, now: float) -> None:
        self._asked_pause = True
        self._awaited = self._judges.get(Occasion.PAUSE, frozenset())
        # Nobody to wait for: duration needs its own quiet.
        wait = self._options.judge_s if self._awaited else self._options.resume_quiet_s - _PAUSE_S
        self._pause_until = max(now + max(wait, 0.0), self._fragment_until() or 0.0)
        self._ask(Occasion.PAUSE)

    def _ask(self, occasion: Occasion) -> None:
        if self._judges.get(occasion):
            self._due.append(occasion)

    def _verdict(self, now: float) -> Verdict | None:
        if not self._opinions:
            return self._by_duration(now)
        odds = self.odds()
        if odds >= self._yield_odds:
            return Verdict.TURN
        fragment_at = self._fragment_until()
        if fragment_at is not None and now < fragment_at:
            return None
        if odds <= self._resume_odds and not self._awaited:
            return Verdict.BACKCHANNEL
        if self._pause_over(now):
            return Verdict.TURN if odds >= self._turn_odds else Verdict.BACKCHANNEL
        return None

    def _by_duration(self, now: float) -> Verdict | None:
        """Nobody has an opinion (yet): a voice that goes on for long is a turn."""
        long_enough = self._voiced_s >= self._options.yield_after_s - _HALF_WINDOW_S
        if self._pause_over(now):
            return Verdict.TURN if long_enough else Verdict.BACKCHANNEL
        patient = bool(self._judges.get(Occasion.EARLY) or self._judges.get(Occasion.PAUSE))
        if long_enough and not (patient and self._voiced_s < self._options.decide_s - _HALF_WINDOW_S):
            return Verdict.TURN
        return None

    def _fragment_until(self) -> float | None:
        """Until when the rest of a speech that has hardly begun is waited for; None if it has begun."""
        if self._voiced_s >= _FRAGMENT_S - _HALF_WINDOW_S:
            return None
        return self._voice_at + _FRAGMENT_QUIET_S

    def _pause_over(self, now: float) -> bool:
        """Whether all that can be known of the pause is known."""
        if not self._asked_pause or self._pause_until is None:
            return False
        if self._judges.get(Occasion.PAUSE) and not self._awaited:
            return True
        return now >= self._pause_until
