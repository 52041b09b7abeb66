"""Has judges and estimators asked in virtual time: at once, and answered when they would have in a call.

What a part costs differs from run to run and machine to machine, so a stated time is taken for it. As in a
call, a part works on one question at a time, and drops one that has waited too long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from antiphon.agents.endpointing.estimator import TurnEndEstimator
from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.judges import Judge, Question
from antiphon.agents.media.offload import Part, probability_of
from antiphon.agents.media.router import Samples
from antiphon.workers.replay.virtual import VirtualLoop

__all__ = ["NOMINAL_S", "Remembering", "RememberingEstimator", "VirtualAsker"]

NOMINAL_S: Final[Mapping[str, float]] = {
    "acoustic": 0.015,
    "lexical": 0.090,
    "lexical, not English": 0.150,
    "semantic": 0.600,
    "livekit": 0.150,
}
"""From question to answer, s, by part. Lexical: Whisper tiny over a short window on one core (measured, 70 to
93 ms), and Whisper base (1.6 times as long, measured beside it); livekit: its end-of-turn model (measured,
125 to 160 ms). The others are chosen: some embeddings, a chat model nearby."""
OTHERS_S: Final = 0.050  # s; for a part that is not named. Chosen
LATE_S: Final = 1.0  # s in a part's queue after which a question is dropped, as in a call


class Remembering:
    """A judge that gives the same answer to the same question without being asked twice.

    For runs over the same cases with other options: most of their questions are the same.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._answers: dict[tuple[object, ...], float | None] = {}
        self.name = judge.name
        self.occasions = judge.occasions

    def warm_up(self) -> None:
        """As the judge's."""
        self._judge.warm_up()

    def opinion(self, question: Question) -> float | None:
        """As the judge's."""
        sound = hashlib.blake2b(question.audio.tobytes(), digest_size=16).digest()
        key = (
            sound,
            question.occasion,
            question.voice_at,
            question.voiced_s,
            question.quiet_s,
            question.language,
        )
        if key not in self._answers:
            self._answers[key] = self._judge.opinion(question)
        return self._answers[key]


class RememberingEstimator:
    """An estimator that gives the same answer to the same question without being asked twice."""

    def __init__(self, estimator: TurnEndEstimator) -> None:
        self._estimator = estimator
        self._answers: dict[tuple[bytes, float], float | None] = {}
        self.name = estimator.name

    def warm_up(self) -> None:
        """As the estimator's."""
        self._estimator.warm_up()

    def probability(self, audio: Samples, quiet_s: float) -> float | None:
        """As the estimator's."""
        key = (hashlib.blake2b(audio.tobytes(), digest_size=16).digest(), quiet_s)
        if key not in self._answers:
            self._answers[key] = self._estimator.probability(audio, quiet_s)
        return self._answers[key]


class VirtualAsker:
    """One scene's way to the judges and the estimator.

    Args:
        judges: Who is asked about a speech over the agent.
        estimator: Who is asked whether a turn is over; nobody when None.
        loop: The scene's time.
        nominal_s: Instead of `NOMINAL_S`.
    """

    def __init__(
        self,
        judges: Sequence[Judge],
        estimator: TurnEndEstimator | None,
        loop: VirtualLoop,
        nominal_s: Mapping[str, float] = NOMINAL_S,
    ) -> None:
        self._judges = tuple(judges)
        self._estimator = estimator
        self._loop = loop
        self._nominal_s = nominal_s
        self._free_at: dict[str, float] = {}
        self._closed = False

    @property
    def estimates(self) -> bool:
        """Whether anybody can be asked about the end of a turn."""
        return self._estimator is not None

    def ask(self, question: Question, answer: Callable[[Opinion], None]) -> None:
        """Asks every judge of the question's occasion; each answers once, after its time."""
        for judge in self._judges:
            if question.occasion in judge.occasions:
                self._ask_judge(judge, question, answer)

    def _ask_judge(self, judge: Judge, question: Question, answer: Callable[[Opinion], None]) -> None:
        def told(probability: float | None, took_s: float) -> None:
            answer(Opinion(judge.name, question.occasion, probability, took_s))

        other = question.language and not question.language.lower().startswith("en")
        takes = f"{judge.name}, not English" if other else judge.name
        self._ask(judge, lambda: judge.opinion(question), told, takes)

    def ask_turn_end(
        self, audio: Samples, quiet_s: float, answer: Callable[[str, float, float], None]
    ) -> None:
        """Asks whether the turn is over; answered, after its time, if the estimator has an opinion."""
        estimator = self._estimator
        if estimator is None:
            return

        def told(probability: float | None, took_s: float) -> None:
            if probability is not None:
                answer(estimator.name, probability, took_s)

        self._ask(estimator, lambda: estimator.probability(audio, quiet_s), told)

    def close(self) -> None:
        """The call is over: no more answers."""
        self._closed = True

    def _ask(
        self,
        part: Part,
        question: Callable[[], object],
        answer: Callable[[float | None, float], None],
        takes: str = "",
    ) -> None:
        asked_at = self._loop.time()
        begins = max(self._free_at.get(part.name, 0.0), asked_at)
        late = begins - asked_at >= LATE_S
        usual_s = self._nominal_s.get(part.name, OTHERS_S)
        ends = begins if late else begins + self._nominal_s.get(takes, usual_s)
        self._free_at[part.name] = ends
        probability = None if late else probability_of(part, question)
        took_s = round(ends - asked_at, 6)
        self._loop.call_at(ends, lambda: None if self._closed else answer(probability, took_s))
