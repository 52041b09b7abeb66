"""Replies and interruptions at the caller's ear, the model over WebSocket and over WebRTC in turns.

    python tests/bench/webrtc_ear.py [--rounds 20] [--transports websocket,webrtc]

A real room: SFU, scripted model and caller on one core, a worker for each transport on the other
(`agent bench`'s harness). A round: a question, a reply, and "hang on a second" over it. *Response* is from
the question's end to the agent's first voice; *silence* from the interruption's onset to the agent's voice
gone; *error* what the model's memory was cut to, less the position heard; *stall* the longest time in
which the reply did not go on while nobody spoke over it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import asdict

import numpy as np

from antiphon.workers.bench.harness import Bench, ear, machine
from antiphon.workers.caller import Caller

TRUNCATED = "conversation.item.truncated"


class TransportBench(Bench):
    """The bench's parts, a worker for each transport instead of each system."""

    def environment(self, arm: str) -> dict[str, str]:
        """As the bench's, with the transport."""
        return {**super().environment(arm), "ANTIPHON_BENCH_TRANSPORT": arm}


async def first_voice(caller: Caller, after: float, timeout_s: float = 8.0) -> float | None:
    """When the agent's voice is first heard after a moment."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = ear(caller, after, time.monotonic()).first_voice(after)
        if found is not None:
            return found
        await asyncio.sleep(0.05)
    return None


async def a_round(bench: Bench, caller: Caller, dice: random.Random) -> dict[str, float]:
    """Figures of one round, ms; what did not happen is missing."""
    out: dict[str, float] = {}
    played = await caller.play(bench.clips["question"])
    voice = await first_voice(caller, played.voice_ended_at)
    if voice is None:
        return out
    out["response"] = 1000 * (voice - played.voice_ended_at)
    cuts = len(bench.model.events(TRUNCATED, "s"))
    begin = voice + 2.0 + dice.random()
    said = await caller.play(bench.clips["interruption"], begin)
    await asyncio.sleep(0.6)
    heard = ear(caller, voice - 0.2, time.monotonic())
    silent = heard.gone(said.onset_at)
    stall = heard.longest_stall(voice + 0.8, said.onset_at - 0.1)
    if stall is not None:
        out["stall"] = 1000 * stall
    if silent is not None:
        out["silence"] = 1000 * (silent - said.onset_at)
    await caller.until(lambda: len(bench.model.events(TRUNCATED, "s")) > cuts, 3.0)
    await asyncio.sleep(1.2)  # the model's own truncation comes first, ours may follow
    kept = bench.model.events(TRUNCATED, "s")[cuts:]
    position = heard.position_at_end(silent) if silent is not None else None
    if kept and position is not None:
        out["error"] = float(kept[-1].event["audio_end_ms"]) - 1000 * position
    await caller.until(lambda: caller.states[-1][1] != "speaking", 20.0)
    await asyncio.sleep(0.5)
    return out


@contextlib.asynccontextmanager
async def rig(transports: list[str]) -> AsyncIterator[tuple[Bench, dict[str, Caller]]]:
    """Server, model, workers, and a call for each transport."""
    async with TransportBench(transports, "thread") as bench, contextlib.AsyncExitStack() as stack:
        yield bench, {name: await stack.enter_async_context(bench.call(name)) for name in transports}


async def measure(
    rounds: int, transports: list[str], *, keep_late: bool
) -> dict[str, dict[str, list[float]]]:
    """All figures by transport; rounds with a late microphone frame are left out unless kept."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in transports}
    dice = random.Random(1)
    async with rig(transports) as (bench, callers):
        for _ in range(rounds):
            for name, caller in callers.items():
                late = caller.late_frames
                figures = await a_round(bench, caller, dice)
                if caller.late_frames > late and not keep_late:
                    continue
                for figure, value in figures.items():
                    found[name].setdefault(figure, []).append(value)
    return found


def main() -> int:
    """Prints one line of JSON, ms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--transports", default="websocket,webrtc")
    parser.add_argument("--keep-late", action="store_true", help="a busy machine: figures of no worth")
    args = parser.parse_args()
    found = asyncio.run(measure(args.rounds, args.transports.split(","), keep_late=args.keep_late))
    report = {
        name: {
            figure: {
                "n": len(values),
                "p50": round(float(np.percentile(values, 50))),
                "p95": round(float(np.percentile(values, 95))),
            }
            for figure, values in figures.items()
        }
        for name, figures in found.items()
    }
    print(json.dumps({**report, "machine": asdict(machine())}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
