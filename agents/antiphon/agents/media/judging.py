"""Asks judges off the media loop.

Each judge of the process has a thread of its own, so that a recogniser never keeps a quick classifier
waiting, and neither keeps the sound waiting. An answer that would come too late is not worked for. A
judge that raises or answers with what is no probability is absent: logged once, counted in `faults`.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np

from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.judges import LEAD_S, LONGEST_S, RATE_HZ, Judge, Question
from antiphon.agents.logs import get_logger
from antiphon.agents.media.router import Samples
from antiphon.agents.media.windows import WINDOW_OUT

__all__ = ["Asker", "Judging", "Memory", "answered", "faults"]

log = get_logger(__name__)

_LATE_S = 1.0  # s; a question that waited so long in a judge's queue is dropped; chosen

faults: Counter[str] = Counter()
"""By judge's name: how often one of the process raised, or answered with what is no probability."""

_pools: WeakKeyDictionary[Judge, ThreadPoolExecutor] = WeakKeyDictionary()
_lock = threading.Lock()


class Asker(Protocol):
    """Has judges asked: `Judging` in a call, a clockwork in a replay."""

    def ask(self, question: Question, answer: Callable[[Opinion], None]) -> None:
        """Asks every judge of the question's occasion; each answers once, on the media loop."""

    def close(self) -> None:
        """The call is over: no more answers."""


def answered(judge: Judge, question: Question) -> float | None:
    """A judge's probability, or None for no opinion or for what is none."""
    try:
        probability = judge.opinion(question)
    except Exception as error:  # a judge may be anybody's: its fault must not touch the call
        _fault(judge.name, repr(error))
        return None
    if probability is None:
        return None
    if not (isinstance(probability, int | float) and math.isfinite(probability) and 0 <= probability <= 1):
        _fault(judge.name, f"answered {probability!r}, which is no probability")
        return None
    return float(probability)


def _fault(name: str, what: str) -> None:
    faults[name] += 1
    if faults[name] == 1:
        log.warning("a judge is counted as absent", judge=name, error=what)


class Judging:
    """One call's way to the judges.

    Args:
        judges: Shared by the process.
        post: Runs a function on the media loop soon; from any thread.
    """

    def __init__(self, judges: Sequence[Judge], post: Callable[[Callable[[], None]], None]) -> None:
        self._judges = tuple(judges)
        self._post = post
        self._closed = False
        for judge in self._judges:
            _pool(judge)

    def ask(self, question: Question, answer: Callable[[Opinion], None]) -> None:
        """As `Asker.ask`."""
        asked_at = time.monotonic()
        for judge in self._judges:
            if question.occasion in judge.occasions:
                _pool(judge).submit(self._work, judge, question, asked_at, answer)

    def close(self) -> None:
        """The call is over: no more answers."""
        self._closed = True

    def _work(
        self, judge: Judge, question: Question, asked_at: float, answer: Callable[[Opinion], None]
    ) -> None:
        if self._closed:
            return
        probability = None
        if time.monotonic() - asked_at < _LATE_S:
            probability = answered(judge, question)
        opinion = Opinion(judge.name, question.occasion, probability, time.monotonic() - asked_at)
        if not self._closed:
            self._post(lambda: answer(opinion))


def _warm_up(judge: Judge) -> None:
    try:
        judge.warm_up()
    except Exception as error:  # as in `answered`
        _fault(judge.name, repr(error))


def _pool(judge: Judge) -> ThreadPoolExecutor:
    with _lock:
        pool = _pools.get(judge)
        if pool is None:
            pool = _pools[judge] = ThreadPoolExecutor(1, thread_name_prefix=f"antiphon-{judge.name}")
            pool.submit(_warm_up, judge)
        return pool


class Memory:
    """The last of the person's audio, as windows of 512 samples at 16 kHz, for the judges to look at."""

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
        taken = [(at, w) for at, w in self._windows[-most:] if at > began_at - LEAD_S]
        if not taken:
            return np.zeros(0, dtype=np.int16), 0
        first = taken[0][0] - WINDOW_OUT / RATE_HZ
        moment = max(round((began_at - first) * RATE_HZ), 0)
        audio = np.concatenate([window for _, window in taken])
        return audio, min(moment, len(audio))
