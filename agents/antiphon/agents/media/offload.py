"""Work off the media loop: one thread for each part of the process that takes its time.

A recogniser so never keeps a quick classifier waiting, and neither keeps the sound waiting. What comes too
late is not worked for. A part that raises, or answers with what is no probability, is absent: logged once,
counted in `faults`.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from weakref import finalize

from antiphon.agents.logs import get_logger

__all__ = ["Part", "ask", "faults", "prepare", "probability_of"]

log = get_logger(__name__)

_LATE_S = 1.0  # s; a question that waited so long in a part's queue is dropped; chosen

faults: Counter[str] = Counter()
"""By part's name: how often one of the process raised, or answered with what is no probability."""


class Part(Protocol):
    """A judge, an estimator: shared by all calls of the process."""

    @property
    def name(self) -> str:
        """For logs and meters."""
        ...

    def warm_up(self) -> None:
        """Loads what it needs, before the first question. Blocks."""


# By identity: a part may be anybody's, and a dataclass that compares by its fields has no hash.
_threads: dict[int, ThreadPoolExecutor] = {}
_kept: list[Part] = []  # so that no other gets their identity
_lock = threading.RLock()  # a part may be collected, and forgotten, while another gets its thread


def prepare(part: Part) -> None:
    """Gives a part its thread, on which it warms up; soon, and once."""
    _thread(part)


def ask(part: Part, question: Callable[[], object], answer: Callable[[float | None, float], None]) -> None:
    """Asks a part on its thread.

    Args:
        part: Whose thread, and whose fault it is.
        question: Gives a probability or None.
        answer: Called there with the probability, or None, and the time since the question, s.
    """
    asked_at = time.monotonic()

    def work() -> None:
        late = time.monotonic() - asked_at >= _LATE_S
        probability = None if late else probability_of(part, question)
        answer(probability, time.monotonic() - asked_at)

    _thread(part).submit(work)


def probability_of(part: Part, question: Callable[[], object]) -> float | None:
    """What a part answers, here and now: a probability, or None for no opinion and for what is none."""
    try:
        probability = question()
    except Exception as error:  # a part may be anybody's: its fault must not touch the call
        _fault(part.name, repr(error))
        return None
    if probability is None:
        return None
    if not (isinstance(probability, int | float) and math.isfinite(probability) and 0 <= probability <= 1):
        _fault(part.name, f"answered {probability!r}, which is no probability")
        return None
    return float(probability)


def _fault(name: str, what: str) -> None:
    faults[name] += 1
    if faults[name] == 1:
        log.warning("a part of turn taking is counted as absent", part=name, error=what)


def _thread(part: Part) -> ThreadPoolExecutor:
    with _lock:
        thread = _threads.get(id(part))
        if thread is None:
            thread = ThreadPoolExecutor(1, thread_name_prefix=f"antiphon-{part.name}")
            _threads[id(part)] = thread
            _forget_with(part)
            thread.submit(_warm_up, part)
        return thread


def _forget_with(part: Part) -> None:
    """Ends a part's thread with the part; one without weak references (``__slots__``) keeps it, and stays."""
    try:
        finalize(part, _forget, id(part)).atexit = False
    except TypeError:
        _kept.append(part)


def _forget(number: int) -> None:
    with _lock:
        thread = _threads.pop(number, None)
    if thread is not None:
        thread.shutdown(wait=False)


def _warm_up(part: Part) -> None:
    try:
        part.warm_up()
    except Exception as error:  # as in `probability_of`
        _fault(part.name, repr(error))
