from __future__ import annotations

import numpy as np
import pytest

from antiphon.agents.media.reference import EchoReference
from antiphon.agents.media.router import Samples
from antiphon.agents.media.tap import Tap

RATE = 24_000


class Queue:
    rate_hz = RATE

    def __init__(self) -> None:
        self.dry_at = 0.0
        self.log: list[str] = []

    def push(self, samples: Samples, now: float) -> None:
        self.log.append("push")
        self.dry_at = max(self.dry_at, now) + len(samples) / RATE

    def clear(self, now: float) -> None:
        self.log.append("clear")
        self.dry_at = now

    def queued_s(self, now: float) -> float:
        return max(self.dry_at - now, 0.0)


def test_the_reference_has_what_was_heard_when_it_was_heard() -> None:
    queue, reference = Queue(), EchoReference(RATE)
    tap = Tap(queue, reference)
    assert tap.rate_hz == RATE
    tap.push(np.full(RATE // 2, 1000, np.int16), 10.0)
    tap.push(np.full(RATE // 2, 2000, np.int16), 10.1)  # waits for the first
    assert tap.queued_s(10.1) == pytest.approx(0.9)
    tap.clear(10.7)  # 0.2 s of the second were heard
    assert queue.log == ["push", "push", "clear"]
    heard = reference.read(10.0, RATE)
    assert set(heard[: RATE // 2].tolist()) == {1000}
    assert set(heard[RATE // 2 : round(0.69 * RATE)].tolist()) == {2000}
    assert not heard[round(0.71 * RATE) :].any()
