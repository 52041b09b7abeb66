from __future__ import annotations

import gc
import math
import queue
import threading
from dataclasses import dataclass

import pytest

from antiphon.agents.media import offload


class Part:
    def __init__(self, name: str) -> None:
        self.name = name
        self.warm_on = ""

    def warm_up(self) -> None:
        self.warm_on = threading.current_thread().name


def asked(part: Part, answer: object) -> float | None:
    def question() -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    got: queue.Queue[tuple[float | None, float]] = queue.Queue()
    offload.ask(part, question, lambda probability, took_s: got.put((probability, took_s)))
    probability, took_s = got.get(timeout=5)
    assert took_s >= 0
    return probability


def test_a_part_is_warmed_up_and_asked_on_a_thread_of_its_own() -> None:
    part = Part("quick")
    offload.prepare(part)
    assert asked(part, 0.8) == 0.8
    assert asked(part, None) is None
    assert asked(part, 1) == 1.0
    assert part.warm_on.startswith("antiphon-quick")


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, 1.5, -1, "yes", RuntimeError("broken")])
def test_a_part_at_fault_is_absent_and_counted(nonsense: object) -> None:
    part = Part(f"bad {nonsense!r}")
    assert asked(part, nonsense) is None
    assert asked(part, nonsense) is None
    assert asked(part, 0.5) == 0.5
    assert offload.faults[part.name] == 2


def test_a_part_that_cannot_load_is_counted_and_still_asked() -> None:
    class Unloadable(Part):
        def warm_up(self) -> None:
            raise OSError("no weights")

    part = Unloadable("unloadable")
    assert asked(part, 0.7) == 0.7
    assert offload.faults["unloadable"] == 1


def test_what_waited_too_long_is_not_worked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "_LATE_S", 0.0)
    worked: list[int] = []
    got: queue.Queue[float | None] = queue.Queue()
    offload.ask(Part("late"), lambda: worked.append(1), lambda probability, _: got.put(probability))
    assert got.get(timeout=5) is None
    assert worked == []


@dataclass
class Equal:
    """Compares by its fields, so it has no hash."""

    name: str

    def warm_up(self) -> None: ...


@dataclass(slots=True)
class Slotted(Equal):
    """Cannot even be referred to weakly."""


@pytest.mark.parametrize("kind", [Equal, Slotted])
def test_a_part_without_a_hash_is_asked_like_any_other(kind: type[Equal]) -> None:
    one, other = kind("equal"), kind("equal")
    names: queue.Queue[str] = queue.Queue()
    for part in (one, other, one):
        offload.ask(part, lambda: names.put(threading.current_thread().name), lambda *_: None)
    assert names.get(timeout=5).startswith("antiphon-equal")
    threads = {offload._threads[id(part)] for part in (one, other)}
    assert len(threads) == 2


def test_a_part_that_is_gone_takes_its_thread_along() -> None:
    part = Part("gone")
    number = id(part)
    assert asked(part, 0.5) == 0.5
    thread = offload._threads[number]
    del part
    gc.collect()
    assert number not in offload._threads
    with pytest.raises(RuntimeError, match="shutdown"):
        thread.submit(print)
