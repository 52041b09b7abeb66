"""The push-to-talk scenario: is the first syllable there, and how soon is the agent silent after a press?

In one call a question is asked with the key, pressed at the clip's first sample and released after its
last; what the model got is held against the clip. Then the key is pressed over the reply, and the caller's
ear says when it fell silent: in every second round while the application's loop is blocked. Presses count
from the moment at which the request is made.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import MisuseError, RoomError
from antiphon.workers.bench.harness import ANTIPHON, Bench, ear
from antiphon.workers.bench.scenarios import Trial, block_loop, settled
from antiphon.workers.bench.syllable import opening
from antiphon.workers.caller import Caller
from antiphon.workers.caller.caller import MIC_RATE_HZ

__all__ = ["LOST_END", "LOST_START", "RELEASED", "SILENCED", "SILENCED_BLOCKED", "push_to_talk"]

LOST_START = "first syllable lost"
LOST_END = "last of the voice lost"
RELEASED = "release to commit"
SILENCED = "press to silence"
SILENCED_BLOCKED = "press to silence, loop blocked"
_BLOCKED_FOR_S = 0.4  # s; of the 2 s for which the loop is blocked
_LISTEN_S = 0.9  # s; voice is gone once it was absent for 0.3 s
_COMMIT = "input_audio_buffer.commit"
_HEARD_S = 5.0  # s; how long the model's ears may take to be given a turn
_MODEL_RATE_HZ = MIC_RATE_HZ // 2

Samples = NDArray[np.int16]


async def push_to_talk(
    bench: Bench, repeats: int, dice: random.Random, told: Callable[[str], None]
) -> list[Trial]:
    """So many rounds in one call: a question with the key, and a press over its answer."""
    trials: list[Trial] = []
    clip = _half_rate(bench.clips["question"])
    async with bench.call(ANTIPHON) as caller:
        await caller.use_key()
        for number in range(repeats):
            told(f"push-to-talk {number + 1} of {repeats}")
            asked = Trial("push-to-talk", arm=ANTIPHON)
            cut = Trial("push-to-talk", arm=ANTIPHON)
            await _ask(bench, caller, clip, asked)
            await _press_over(caller, cut, 1.0 + dice.random(), blocked=number % 2 == 1)
            trials += [asked, cut]
    return trials


async def _ask(bench: Bench, caller: Caller, clip: Samples, trial: Trial) -> None:
    late = await settled(caller)
    turns, commits = len(bench.model.heard), len(bench.model.events(_COMMIT))
    pressing = asyncio.create_task(caller.request("start_turn"))
    await caller.play(bench.clips["question"])
    await pressing
    released = time.monotonic()
    await caller.request("end_turn")
    trial.late = caller.late_frames > late
    try:
        commit = await bench.model.wait_for(_COMMIT, count=commits + 1, timeout=_HEARD_S)
    except MisuseError:
        trial.fail("the turn was not committed", LOST_START, LOST_END, RELEASED)
        return
    trial.figures[RELEASED] = (commit.at - released) * 1000
    if not await caller.until(lambda: len(bench.model.heard) > turns, _HEARD_S):
        trial.fail("the turn was not heard", LOST_START, LOST_END)
        return
    found = opening(clip, bench.model.heard[-1], _MODEL_RATE_HZ)
    if not found.recognised:
        trial.fail(f"the clip is not in what the model got ({found.likeness:.2f})", LOST_START, LOST_END)
        return
    trial.figures[LOST_START] = found.lost_start_s * 1000
    trial.figures[LOST_END] = found.lost_end_s * 1000


async def _press_over(caller: Caller, trial: Trial, after_s: float, *, blocked: bool) -> None:
    """Presses over the reply, once so much of it was heard, and drops what was said."""
    figure = SILENCED_BLOCKED if blocked else SILENCED
    if not await caller.until(lambda: caller.states[-1][1] == "speaking", 8.0):
        trial.fail("no reply to press over", figure)
        return
    await asyncio.sleep(after_s)
    late = await settled(caller)
    blocking = asyncio.create_task(block_loop(caller)) if blocked else None
    await asyncio.sleep(_BLOCKED_FOR_S if blocked else 0.0)
    pressed = time.monotonic()
    pressing = asyncio.create_task(caller.request("start_turn"))
    await asyncio.sleep(_LISTEN_S)
    silent = ear(caller, pressed - 0.5, time.monotonic()).gone(pressed)
    trial.late = caller.late_frames > late
    await pressing
    span = await blocking if blocking is not None else None
    if blocked and (span is None or not span[0] < pressed < span[1] - _LISTEN_S):
        trial.fail("the loop was not blocked", figure)
    elif silent is None:
        trial.fail("did not fall silent", figure)
    else:
        trial.figures[figure] = (silent - pressed) * 1000
    await caller.request("cancel_turn")
    if not await caller.until(lambda: caller.states[-1][1] == "listening", 8.0):
        raise RoomError("the agent does not listen again", hint="Its message is above.")


def _half_rate(samples: Samples) -> Samples:
    pairs = samples[: len(samples) // 2 * 2].reshape(-1, 2).astype(np.int32)
    made: Samples = (pairs.sum(axis=1) // 2).astype(np.int16)
    return made
