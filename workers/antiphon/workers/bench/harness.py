"""What every scenario needs: server, scripted model, agents under test, caller; pinned apart.

The server, the model and the callers share one core, the systems under test have the other. The model is
in this process, so its wire and the caller's ear are on one clock. Whatever ends this process ends them
all. With two arms each has a worker of its own, known by the arm's name.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import RoomError, ServerUnavailable
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply
from antiphon.workers.bench.score import Ear
from antiphon.workers.caller import Caller, read_audio
from antiphon.workers.caller.caller import AGENT_RATE_HZ, MIC_RATE_HZ
from antiphon.workers.guardian import Guarded
from antiphon.workers.sfu import LocalSfu, start_sfu
from antiphon.workers.tokens import make_token

__all__ = ["ANTIPHON", "ARMS", "Bench", "Machine", "ear", "machine"]

ANTIPHON = "antiphon"
ARMS = (ANTIPHON, "livekit-agents")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where figures were taken."""

    cpu: str
    cores: int
    system: str
    python: str
    commit: str


def machine() -> Machine:
    """This one."""
    cpu = platform.processor() or "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    folder = Path(__file__).parent
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=folder, capture_output=True, text=True, check=False
    )
    commit = git.stdout.strip() or "unknown"
    return Machine(cpu, os.cpu_count() or 1, platform.platform(), platform.python_version(), commit)


class Bench:
    """One run's parts.

    Args:
        arms: Systems under test, of `ARMS`.
        executor: ``thread`` or ``process``.
    """

    def __init__(self, arms: Sequence[str], executor: str) -> None:
        self.arms = tuple(arms)
        self.executor = executor
        self.sfu: LocalSfu
        self.model: ScriptedServer
        self.worker_pids: dict[str, int] = {}
        """By arm."""
        self._stack = contextlib.AsyncExitStack()
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.cores = (cores[0], cores[1]) if len(cores) > 1 else None
        """(harness, system under test), or None where cores cannot be kept apart."""
        data = files("antiphon.workers.bench") / "data"
        self.clips: dict[str, NDArray[np.int16]] = {
            name: read_audio(str(data / f"{name}.flac"), MIC_RATE_HZ)
            for name in ("question", "hum", "interruption")
        }

    async def __aenter__(self) -> Bench:
        try:
            await self._start()
        except BaseException:  # cancelled as well: nobody else would end what was started
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        if self.cores:
            self._stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
            os.sched_setaffinity(0, {self.cores[0]})
        self.sfu = await asyncio.to_thread(start_sfu, None, local_only=True)
        self._stack.push_async_callback(asyncio.to_thread, self.sfu.stop)
        script = [Say("one two three four five six seven eight nine ten eleven twelve", chirp_reply())]
        self.model = ScriptedServer(script, repeat_last=True)
        await self.model.start()
        self._stack.push_async_callback(self.model.aclose)
        for arm in self.arms:
            await self._start_worker(arm)

    def environment(self, arm: str) -> dict[str, str]:
        """For the processes of an arm."""
        made = {
            **os.environ,
            **self.sfu.environment(),
            "OPENAI_BASE_URL": self.model.base_url,
            "OPENAI_API_KEY": "bench",
            "ANTIPHON_BENCH_ARM": arm,
            "ANTIPHON_BENCH_EXECUTOR": self.executor,
        }
        if self.cores:
            made["ANTIPHON_BENCH_CORE"] = str(self.cores[1])
        return made

    async def _start_worker(self, arm: str) -> None:
        command = [sys.executable, "-m", "antiphon.workers.bench.agent_main"]
        worker = Guarded(command, stdout=subprocess.PIPE, env=self.environment(arm), grace_s=2.0)
        self._stack.push_async_callback(asyncio.to_thread, worker.stop)
        assert worker.stdout is not None
        line = await asyncio.to_thread(worker.stdout.readline)
        if not line:
            raise ServerUnavailable("the agent under test did not start", hint="Its message is above.")
        self.worker_pids[arm] = int(json.loads(line)["ready"])

    def token(
        self, room: str, *, identity: str = "", agent: str | None = None, kind: str = "standard"
    ) -> str:
        """To join a room, with the agent of an arm if one is named."""
        return make_token(
            api_key=self.sfu.api_key,
            api_secret=self.sfu.api_secret,
            room=room,
            identity=identity or f"caller-{secrets.token_hex(3)}",
            agent=agent,
            kind=kind,
        )

    @contextlib.asynccontextmanager
    async def call(self, arm: str) -> AsyncIterator[Caller]:
        """A caller in a room of its own, with the agent of an arm there and listening.

        Raises:
            RoomError: It did not come, or does not listen.
        """
        caller = Caller(self.sfu.url, self.token(f"bench-{secrets.token_hex(4)}", agent=arm))
        async with caller:
            await caller.wait_for_agent(30.0)
            if not await caller.until(lambda: any(s == "listening" for _, s in caller.states), 15.0):
                raise RoomError(f"the agent of {arm} does not listen", hint="Its message is above.")
            yield caller

    @contextlib.asynccontextmanager
    async def echo(self) -> AsyncIterator[Caller]:
        """A caller in a room with the echo participant."""
        room = f"echo-{secrets.token_hex(4)}"
        token = self.token(room, identity="echo", kind="agent")
        command = [sys.executable, "-m", "antiphon.workers.bench.echo_main", self.sfu.url, token]
        process = Guarded(command, stdout=subprocess.PIPE, env=self.environment(""), grace_s=0.5)
        assert process.stdout is not None
        try:
            await asyncio.to_thread(process.stdout.readline)
            async with Caller(self.sfu.url, self.token(room)) as caller:
                await caller.wait_for_agent(15.0)
                yield caller
        finally:
            await asyncio.to_thread(process.stop)


def ear(caller: Caller, start: float, end: float) -> Ear:
    """What the caller heard between two moments."""
    return Ear(caller.heard.render(start, end), AGENT_RATE_HZ, start)
