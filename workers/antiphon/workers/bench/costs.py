"""What a call costs: time to the first word from nothing, CPU and memory of calls that share a process.

CPU is the worker's process tree by /proc; memory is its proportional set size (smaps_rollup).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import statistics
import time
from pathlib import Path

from livekit import api

from antiphon.agents.errors import RoomError
from antiphon.workers.bench.harness import Bench, ear
from antiphon.workers.bench.scenarios import Trial, settled
from antiphon.workers.caller import Caller

__all__ = ["cold_start", "density", "tree_cpu_s", "tree_pss_mb"]

_TICKS = 100.0  # a second; Linux's USER_HZ
_EXCHANGES = 3  # chosen: each takes half a minute and reads the same process
_SLOTS = "slots on schedule, %"
_COLD = ("dispatch to agent in room", "dispatch to audio subscribed", "dispatch to model configured")


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


async def cold_start(bench: Bench, arm: str, repeats: int) -> list[Trial]:
    """From the dispatch request: agent in the room, its audio subscribed, its model session configured."""
    trials: list[Trial] = []
    async with api.LiveKitAPI(
        bench.sfu.url.replace("ws", "http", 1), bench.sfu.api_key, bench.sfu.api_secret
    ) as client:
        for _ in range(repeats):
            trial = Trial("cold-start", arm=arm)
            room = f"cold-{secrets.token_hex(4)}"
            async with Caller(bench.sfu.url, bench.token(room)) as caller:
                late = caller.late_frames
                arrived: list[float] = []
                caller.room.on("participant_connected", lambda *_, at=arrived: at.append(time.monotonic()))
                wire_before = len(bench.model.wire)
                began = time.monotonic()
                await client.agent_dispatch.create_dispatch(
                    api.CreateAgentDispatchRequest(agent_name=arm, room=room)
                )
                try:
                    await caller.wait_for_agent(20.0)
                except RoomError:
                    trial.fail("no agent came", *_COLD)
                else:
                    subscribed = time.monotonic()
                    wire = [r for r in bench.model.wire[wire_before:] if r.type == "session.updated"]
                    found = (arrived[:1], [subscribed], [r.at for r in wire[-1:]])
                    for name, at in zip(_COLD, found, strict=True):
                        if at:
                            trial.figures[name] = (at[0] - began) * 1000
                        else:
                            trial.fail("not seen", name)
                trial.late = caller.late_frames > late
            trials.append(trial)
    return trials


async def density(
    bench: Bench, arm: str, repeats: int, *, counts: tuple[int, ...] = (1, 4), seconds: float = 11.0
) -> list[Trial]:
    """Calls that share a worker process, all agents speaking: CPU and memory for each.

    Args:
        bench: The parts.
        arm: Whose worker.
        repeats: Exchanges a count, three at most: each is a question and most of a reply of 12 s.
        counts: How many calls, rising.
        seconds: Of an exchange after its question; less than the reply.
    """
    pid = bench.worker_pids[arm]
    trials: list[Trial] = []
    async with contextlib.AsyncExitStack() as stack:
        callers: list[Caller] = []
        before = await asyncio.to_thread(tree_pss_mb, pid)
        first: list[float] = []
        for count in counts:
            while len(callers) < count:
                callers.append(await stack.enter_async_context(bench.call(arm)))
            for _ in range(min(repeats, _EXCHANGES)):
                trial = Trial(f"density {count}", arm=arm)
                late = sum([await settled(caller) for caller in callers])
                await _exchange(bench, trial, callers, pid, seconds)
                on_time = sum(caller.late_frames for caller in callers) <= late
                pss = await asyncio.to_thread(tree_pss_mb, pid)
                if count == counts[0]:
                    first.append(pss)
                    trial.figures["first call, MB PSS"] = pss - before
                    trial.figures["process with one call, MB PSS"] = pss
                else:
                    further = (pss - statistics.median(first)) / (count - counts[0])
                    trial.figures["further call, MB PSS"] = further
                if not on_time:  # which costs the worker nothing, and an ear's slots their meaning
                    del trial.figures[_SLOTS]
                    trial.remarks.append("the harness itself was late: slots not counted")
                trials.append(trial)
                for caller in callers:
                    await caller.until(lambda c=caller: c.states[-1][1] != "speaking", 16.0)  # type: ignore[misc]
    return trials


async def _exchange(bench: Bench, trial: Trial, callers: list[Caller], pid: int, seconds: float) -> None:
    """A question from everyone at once and the replies: CPU, and how they were heard."""
    start, cpu = time.monotonic(), tree_cpu_s(pid)
    await asyncio.gather(*(caller.play(bench.clips["question"]) for caller in callers))
    speaking = time.monotonic() + 1.5  # by then all answer, or it shows in the slots
    await asyncio.sleep(seconds)
    end = time.monotonic()
    used = (tree_cpu_s(pid) - cpu) / (end - start)
    trial.figures["CPU a call, % of a core"] = used / len(callers) * 100
    heard = [ear(caller, speaking, end).on_schedule(speaking, end) for caller in callers]
    good, total = (sum(part) for part in zip(*heard, strict=True))
    trial.figures[_SLOTS] = 100 * good / total
