"""Asks the judges about a speech, and the estimator about a pause; what the call remembers for them.

They work on threads of their own (`offload.py`); answers come back on the media loop, none after the call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from antiphon.agents.endpointing.estimator import TurnEndEstimator
from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.judges import LEAD_S, LONGEST_S, RATE_HZ, Judge, Question
from antiphon.agents.media import offload
from antiphon.agents.media.router import Samples
from antiphon.agents.media.windows import WINDOW_OUT

__all__ = ["Asker", "Judging", "Memory"]


class Asker(Protocol):
    """Has questions answered: `Judging` in a call, a clockwork in a replay."""

    def ask(self, question: Question, answer: Callable[[Opinion], None]) -> None:
        """Asks every judge of the question's occasion; each answers once, on the media loop."""

    def ask_turn_end(
        self, audio: Samples, quiet_s: float, answer: Callable[[str, float, float], None]
    ) -> None:
        """Asks whether the turn is over: audio as `TurnEndEstimator.probability` has it. Answered, if it
        is, on the media loop with the estimator's name, its probability and the time it took, s."""

    def close(self) -> None:
        """The call is over: no more answers."""


class Judging:
    """One call's way to them.

    Args:
        judges: Shared by the process.
        estimator: Likewise; nobody estimates when not given.
        post: Runs a function on the media loop soon; from any thread.
    """

    def __init__(
        self,
        judges: Sequence[Judge],
        estimator: TurnEndEstimator | None,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._judges = tuple(judges)
        self._estimator = estimator
        self._post = post
        self._closed = False
        for judge in self._judges:
            offload.prepare(judge)
        if estimator is not None:
            offload.prepare(estimator)

    def ask(self, question: Question, answer: Callable[[Opinion], None]) -> None:
        """As `Asker.ask`."""
        for judge in self._judges:
            if question.occasion in judge.occasions:
                self._ask(judge, question, answer)

    def _ask(self, judge: Judge, question: Question, answer: Callable[[Opinion], None]) -> None:
        def told(probability: float | None, took_s: float) -> None:
            self._tell(lambda: answer(Opinion(judge.name, question.occasion, probability, took_s)))

        offload.ask(judge, lambda: None if self._closed else judge.opinion(question), told)

    def ask_turn_end(
        self, audio: Samples, quiet_s: float, answer: Callable[[str, float, float], None]
    ) -> None:
        """As `Asker.ask_turn_end`."""
        estimator = self._estimator
        if estimator is None:
            return

        def told(probability: float | None, took_s: float) -> None:
            if probability is not None:
                self._tell(lambda: answer(estimator.name, probability, took_s))

        offload.ask(estimator, lambda: None if self._closed else estimator.probability(audio, quiet_s), told)

    def close(self) -> None:
        """The call is over: no more answers."""
        self._closed = True

    def _tell(self, answer: Callable[[], None]) -> None:
        if not self._closed:
            self._post(answer)


class Memory:
    """The last of the person's audio, as windows of 512 samples at 16 kHz."""

    def __init__(self) -> None:
        self._windows: list[tuple[float, Samples]] = []  # (arrival of the last sample, samples)
        self._most = round((LONGEST_S + LEAD_S) * RATE_HZ / WINDOW_OUT)

    def add(self, at: float, window: Samples) -> None:
        """The next window."""
        self._windows.append((at, window))
        if len(self._windows) > 2 * self._most:
            del self._windows[: -self._most]

    def forget(self) -> None:
        """The audio has a gap: what was before it is not what comes after."""
        self._windows.clear()

    def since(self, began_at: float) -> tuple[Samples, int]:
        """Audio from `LEAD_S` before a moment to now, at most `LONGEST_S`: mono int16 at 16 kHz, shape
        (n,), and the sample of the moment in it."""
        most = round(LONGEST_S * RATE_HZ / WINDOW_OUT)
        taken = [(at, window) for at, window in self._windows[-most:] if at > began_at - LEAD_S]
        if not taken:
            return np.zeros(0, dtype=np.int16), 0
        first = taken[0][0] - WINDOW_OUT / RATE_HZ
        moment = max(round((began_at - first) * RATE_HZ), 0)
        audio = np.concatenate([window for _, window in taken])
        return audio, min(moment, len(audio))
