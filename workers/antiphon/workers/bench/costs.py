"""What a call costs: time to the first word from nothing, CPU and memory of calls that share a process.

CPU is the worker's process tree by /proc; memory is its proportional set size (smaps_rollup).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path

from livekit import api

from antiphon.workers.bench.harness import Bench, ear
from antiphon.workers.bench.scenarios import Trial
from antiphon.workers.caller import Caller

__all__ = ["cold_start", "density", "tree_cpu_s", "tree_pss_mb"]

_TICKS = 100.0  # a second; Linux's USER_HZ


def _tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return list(dict.fromkeys(found))


def tree_cpu_s(pid: int) -> float:
    """CPU that a process tree has used, s."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(OSError, ValueError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def tree_pss_mb(pid: int) -> float:
    """Proportional set size of a process tree, MB."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024


async def cold_start(bench: Bench, repeats: int) -> list[Trial]:
    """From the dispatch request: agent in the room, its audio subscribed, its model session configured."""
    trials: list[Trial] = []
    async with api.LiveKitAPI(
        bench.sfu.url.replace("ws", "http", 1), bench.sfu.api_key, bench.sfu.api_secret
    ) as client:
        for _ in range(repeats):
            trial = Trial("cold-start")
            room = f"cold-{secrets.token_hex(4)}"
            async with Caller(bench.sfu.url, bench.token(room, agent=False)) as caller:
                late = caller.late_frames
                arrived: list[float] = []
                caller.room.on("participant_connected", lambda *_, at=arrived: at.append(time.monotonic()))
                wire_before = len(bench.model.wire)
                began = time.monotonic()
                await client.agent_dispatch.create_dispatch(
                    api.CreateAgentDispatchRequest(agent_name="bench", room=room)
                )
                await caller.wait_for_agent(20.0)
                subscribed = time.monotonic()
                wire = [r for r in bench.model.wire[wire_before:] if r.type == "session.updated"]
                if arrived:
                    trial.figures["dispatch to agent in room"] = (arrived[0] - began) * 1000
                trial.figures["dispatch to audio subscribed"] = (subscribed - began) * 1000
                if wire:
                    trial.figures["dispatch to model configured"] = (wire[-1].at - began) * 1000
                trial.late = caller.late_frames > late
            trials.append(trial)
    return trials


async def density(bench: Bench, counts: tuple[int, ...], seconds: float) -> list[Trial]:
    """Calls that share a worker process, all agents speaking: CPU and memory for each."""
    trials: list[Trial] = []
    async with contextlib.AsyncExitStack() as stack:
        callers: list[Caller] = []
        before = tree_pss_mb(bench.worker_pid)
        first: float | None = None
        for count in counts:
            while len(callers) < count:
                callers.append(await stack.enter_async_context(bench.call()))
            # One whole exchange: the question, and the reply's 12 s.
            start, cpu = time.monotonic(), tree_cpu_s(bench.worker_pid)
            await asyncio.gather(*(caller.play(bench.clips["question"]) for caller in callers))
            speaking = time.monotonic() + 1.5
            await asyncio.sleep(seconds)
            end = time.monotonic()
            used = (tree_cpu_s(bench.worker_pid) - cpu) / (end - start)
            trial = Trial(f"density {count}")
            trial.figures["CPU a call, % of a core"] = used / count * 100
            pss = tree_pss_mb(bench.worker_pid)
            if first is None:
                first = pss
                trial.figures["first call, MB PSS"] = pss - before
                trial.figures["process with one call, MB PSS"] = pss
            else:
                trial.figures["further call, MB PSS"] = (pss - first) / (count - counts[0])
            good = total = 0
            for caller in callers:
                heard, slots = ear(caller, speaking, end).on_schedule(speaking, end)
                good, total = good + heard, total + slots
            trial.figures["slots on schedule, %"] = 100 * good / total if total else 0.0
            trials.append(trial)
            await asyncio.gather(
                *(c.until(lambda c=c: c.states[-1][1] != "speaking", 16.0) for c in callers)  # type: ignore[misc]
            )
    return trials
