"""Judges on threads of their own, answered for on the test's."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.judges import RATE_HZ, Occasion, Question
from antiphon.agents.media.bands import BANDS, Levels
from antiphon.agents.media.echo import EchoEstimator, EchoReference
from antiphon.agents.media.judging import Judging, Memory

QUESTION = Question(Occasion.PAUSE, np.zeros(16_000, np.int16), 4800, 0.4, 0.2)


class Someone:
    """A judge that says what it is told to."""

    def __init__(self, answer: object, name: str = "someone") -> None:
        self.answer = answer
        self.name = name
        self.occasions = frozenset({Occasion.PAUSE})
        self.warm = threading.Event()
        self.thread = ""

    def warm_up(self) -> None:
        self.warm.set()

    def opinion(self, question: Question) -> float | None:
        self.thread = threading.current_thread().name
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


class Post:
    """The media loop: what is posted is run by the test."""

    def __init__(self) -> None:
        self.posted: queue.Queue[Callable[[], None]] = queue.Queue()

    def __call__(self, function: Callable[[], None]) -> None:
        self.posted.put(function)


def test_each_judge_answers_once_on_the_media_loop() -> None:
    quick, slow, other = Someone(0.8, "quick"), Someone(None, "slow"), Someone(0.1, "other")
    other.occasions = frozenset({Occasion.LONG})
    post = Post()
    asked = Judging([quick, slow, other], None, post)
    got: list[Opinion] = []
    asked.ask(QUESTION, got.append)
    for _ in range(2):
        post.posted.get(timeout=5)()
    assert {o.judge: o.probability for o in got} == {"quick": 0.8, "slow": None}
    assert all(o.occasion is Occasion.PAUSE and o.took_s >= 0 for o in got)
    assert quick.warm.wait(5)
    assert quick.thread.startswith("antiphon-quick")
    assert post.posted.empty()


def test_nobody_answers_for_a_call_that_is_over() -> None:
    gate = threading.Event()

    class Slow(Someone):
        def opinion(self, question: Question) -> float | None:
            gate.wait(5)
            return super().opinion(question)

    judge, post = Slow(0.8), Post()
    asked = Judging([judge], None, post)
    got: list[Opinion] = []
    asked.ask(QUESTION, got.append)
    asked.close()
    gate.set()
    later = Judging([judge], None, post)  # behind it on the same thread
    later.ask(QUESTION, got.append)
    post.posted.get(timeout=5)()
    assert len(got) == 1
    assert post.posted.empty()


def test_an_estimate_comes_back_with_its_name_and_none_does_not() -> None:
    class Estimator:
        name = "ends"

        def __init__(self) -> None:
            self.answers: list[float | None] = [None, 0.9]

        def warm_up(self) -> None: ...

        def probability(self, audio: NDArray[np.int16], quiet_s: float) -> float | None:
            return self.answers.pop(0)

    post = Post()
    got: list[tuple[str, float]] = []
    asked = Judging([], Estimator(), post)
    for _ in range(2):
        asked.ask_turn_end(QUESTION.audio, 0.2, lambda name, p, took: got.append((name, p)))
    post.posted.get(timeout=5)()
    assert got == [("ends", 0.9)]
    Judging([], None, post).ask_turn_end(QUESTION.audio, 0.2, lambda *_: got.append(("nobody", 0.0)))
    assert post.posted.empty()


def test_memory_gives_the_audio_from_before_the_voice_to_now() -> None:
    memory = Memory()
    for step in range(100):
        memory.add(10.0 + (step + 1) * 0.032, np.full(512, step, np.int16))
    audio, voice_at = memory.since(11.6)
    assert len(audio) == pytest.approx((0.3 + 1.6) * RATE_HZ, abs=512)
    assert voice_at == pytest.approx(0.3 * RATE_HZ, abs=512)
    assert audio[voice_at] == 50  # the window that arrived from 11.6 on
    memory.forget()
    assert len(memory.since(0.0)[0]) == 0


def test_memory_is_bounded() -> None:
    memory = Memory()
    for step in range(5000):
        memory.add(step * 0.032, np.zeros(512, np.int16))
    assert len(memory.since(0.0)[0]) == 8 * RATE_HZ
    assert len(memory._windows) < 1000


class Knowing(EchoEstimator):
    """Expects what it is told to, and keeps what it was asked."""

    def __init__(self, level_db: float | None) -> None:
        super().__init__(EchoReference())
        self.level_db = level_db
        self.asked: list[tuple[int, int]] = []

    def expected(self, first: int, stop: int) -> tuple[Levels, NDArray[np.float32]] | None:
        self.asked.append((first, stop))
        if self.level_db is None:
            return None
        return np.full((stop - first, BANDS), self.level_db, np.float32), np.full(BANDS, -90.0, np.float32)


def hiss(step: int) -> NDArray[np.int16]:
    return (np.random.default_rng(step).standard_normal(512) * 3000).astype(np.int16)


def test_what_is_cleared_is_cleared_once_and_the_rest_stays_as_it_was() -> None:
    echo = Knowing(0.0)
    memory = Memory(echo)
    for step in range(20):
        memory.add(step * 0.032, hiss(step), 4 * step + 4 if step < 10 else None)  # then the agent is silent
    as_it_was, _ = memory.since(0.29)
    cleared, voice_at = memory.since(0.29, cleared=True)
    assert echo.asked == [(0, 40)]
    assert voice_at == memory.since(0.29)[1]
    assert np.abs(cleared[: 10 * 512]).max() < 300
    assert np.array_equal(cleared[10 * 512 :], as_it_was[10 * 512 :])
    assert np.array_equal(memory.since(0.29)[0], as_it_was)
    memory.add(20 * 0.032, hiss(20), 84)
    again, _ = memory.since(0.29, cleared=True)
    assert echo.asked == [(0, 40), (80, 84)]
    assert np.array_equal(again[: len(cleared)], cleared)


def test_runs_that_do_not_follow_each_other_are_cleared_apart() -> None:
    echo = Knowing(0.0)
    memory = Memory(echo)
    for step, frame in enumerate((4, 8, 20, 24)):
        memory.add(step * 0.032, hiss(step), frame)
    memory.since(0.0, cleared=True)
    assert echo.asked == [(0, 8), (16, 24)]


@pytest.mark.parametrize("echo", [None, Knowing(None)])
def test_where_no_echo_is_known_the_judges_hear_what_there_is(echo: EchoEstimator | None) -> None:
    memory = Memory(echo)
    for step in range(5):
        memory.add(step * 0.032, hiss(step), 4 * step + 4)
    assert np.array_equal(memory.since(0.0, cleared=True)[0], memory.since(0.0)[0])


def test_whether_anybody_estimates_is_told_beforehand() -> None:
    class Estimator:
        name = "ends"

        def warm_up(self) -> None: ...

        def probability(self, audio: NDArray[np.int16], quiet_s: float) -> float | None:
            return None

    assert Judging([], Estimator(), Post()).estimates
    assert not Judging([], None, Post()).estimates
