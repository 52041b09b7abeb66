"""Asks the judges about a speech, and the estimator about a pause; what the call remembers for them.

They work on threads of their own (`offload.py`); answers come back on the media loop, none after the call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from antiphon.agents.endpointing.estimator import TurnEndEstimator
from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.judges import LEAD_S, LONGEST_S, RATE_HZ, Judge, Question
from antiphon.agents.media import offload
from antiphon.agents.media.clearing import HOP, without_echo
from antiphon.agents.media.echo import EchoEstimator
from antiphon.agents.media.router import Samples
from antiphon.agents.media.windows import WINDOW_OUT

__all__ = ["Asker", "Judging", "Memory"]


class Asker(Protocol):
    """Has questions answered: `Judging` in a call, a clockwork in a replay."""

    @property
    def estimates(self) -> bool:
        """Whether anybody can be asked about the end of a turn."""
        ...

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

    @property
    def estimates(self) -> bool:
        """As `Asker.estimates`."""
        return self._estimator is not None

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


@dataclass(slots=True)
class _Window:
    at: float
    """Arrival of its last sample, s."""
    samples: Samples
    frame: int | None
    """Number of the echo's frame after its last."""
    cleared: Samples | None = None
    """Without the echo, once somebody asked."""


class Memory:
    """The last of the person's audio, as windows of 512 samples at 16 kHz.

    Args:
        echo: Tells what of it is the agent's own voice; nothing is when not given.
    """

    def __init__(self, echo: EchoEstimator | None = None) -> None:
        self._echo = echo
        self._windows: list[_Window] = []
        self._most = round((LONGEST_S + LEAD_S) * RATE_HZ / WINDOW_OUT)

    def add(self, at: float, window: Samples, frame: int | None = None) -> None:
        """The next window.

        Args:
            at: Arrival of its last sample, s.
            window: Mono int16, shape (512,). Kept: must not change.
            frame: As `EchoEstimator.window` gave it.
        """
        self._windows.append(_Window(at, window, frame))
        if len(self._windows) > 2 * self._most:
            del self._windows[: -self._most]

    def forget(self) -> None:
        """The audio has a gap: what was before it is not what comes after."""
        self._windows.clear()

    def since(self, began_at: float, *, cleared: bool = False) -> tuple[Samples, int]:
        """Audio from `LEAD_S` before a moment to now, at most `LONGEST_S`.

        Args:
            began_at: The moment, s.
            cleared: Without the agent's voice in it, where it is known.

        Returns:
            Mono int16 at 16 kHz, shape (n,), and the sample of the moment in it.
        """
        most = round(LONGEST_S * RATE_HZ / WINDOW_OUT)
        low = len(self._windows) - most
        while low < 0 or (low < len(self._windows) and self._windows[low].at <= began_at - LEAD_S):
            low += 1
        taken = self._windows[low:]
        if not taken:
            return np.zeros(0, dtype=np.int16), 0
        if cleared:
            self._clear(low)
        first = taken[0].at - WINDOW_OUT / RATE_HZ
        moment = max(round((began_at - first) * RATE_HZ), 0)
        audio = np.concatenate([w.cleared if cleared and w.cleared is not None else w.samples for w in taken])
        return audio, min(moment, len(audio))

    def _clear(self, first: int) -> None:
        """Takes the echo out of the windows from one on that still have it, a run at a time."""
        while first < len(self._windows):
            stop = first + 1
            if self._windows[first].cleared is None and self._windows[first].frame is not None:
                while stop < len(self._windows) and self._follows(stop):
                    stop += 1
                self._clear_run(first, stop)
            first = stop

    def _follows(self, index: int) -> bool:
        window, before = self._windows[index], self._windows[index - 1].frame
        return window.cleared is None and before is not None and window.frame == before + WINDOW_OUT // HOP

    def _clear_run(self, first: int, stop: int) -> None:
        run = self._windows[first:stop]
        begins = (run[0].frame or 0) - WINDOW_OUT // HOP
        told = None if self._echo is None else self._echo.expected(begins, run[-1].frame or 0)
        if told is None:
            return
        before = self._windows[first - 1].samples[-HOP:] if first else np.zeros(HOP, dtype=np.int16)
        whole = without_echo(np.concatenate([window.samples for window in run]), before, *told)
        for window, piece in zip(run, whole.reshape(-1, WINDOW_OUT), strict=True):
            window.cleared = piece
