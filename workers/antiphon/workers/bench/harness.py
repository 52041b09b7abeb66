"""What every scenario needs: server, scripted model, agent under test, caller; pinned apart.

The server, the model and the callers share one core, the system under test has the other. The model is
in this process, so its wire and the caller's ear are on one clock. Whatever ends this process ends them
all.
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
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import ServerUnavailable
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply
from antiphon.workers.bench.score import Ear
from antiphon.workers.caller import Caller, read_audio
from antiphon.workers.caller.caller import AGENT_RATE_HZ, MIC_RATE_HZ
from antiphon.workers.guardian import Guarded
from antiphon.workers.sfu import LocalSfu, start_sfu
from antiphon.workers.tokens import make_token

__all__ = ["Bench", "Machine", "machine"]

_READY_S = 60.0


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
        arm: ``antiphon`` or ``livekit-agents``.
        executor: ``thread`` or ``process``.
    """

    def __init__(self, arm: str, executor: str) -> None:
        self.arm = arm
        self.executor = executor
        self.sfu: LocalSfu
        self.model: ScriptedServer
        self.worker_pid = 0
        self._worker: Guarded | None = None
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.cores = (cores[0], cores[1]) if len(cores) > 1 else None
        """(harness, system under test), or None where cores cannot be kept apart."""
        data = files("antiphon.workers.bench") / "data"
        self.clips: dict[str, NDArray[np.int16]] = {
            name: read_audio(str(data / f"{name}.flac"), MIC_RATE_HZ)
            for name in ("question", "hum", "interruption")
        }

    async def __aenter__(self) -> Bench:
        if self.cores:
            os.sched_setaffinity(0, {self.cores[0]})
        self.sfu = await asyncio.to_thread(start_sfu, None, local_only=True)
        script = [Say("one two three four five six seven eight nine ten eleven twelve", chirp_reply())]
        self.model = ScriptedServer(script, repeat_last=True)
        await self.model.start()
        await asyncio.to_thread(self._start_worker)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._worker is not None:
            await asyncio.to_thread(self._worker.stop)
        await self.model.aclose()
        await asyncio.to_thread(self.sfu.stop)
        if self.cores:
            os.sched_setaffinity(0, set(self.cores))

    def environment(self) -> dict[str, str]:
        """For the processes under test."""
        made = {
            **os.environ,
            **self.sfu.environment(),
            "OPENAI_BASE_URL": self.model.base_url,
            "OPENAI_API_KEY": "bench",
            "ANTIPHON_BENCH_ARM": self.arm,
            "ANTIPHON_BENCH_EXECUTOR": self.executor,
        }
        if self.cores:
            made["ANTIPHON_BENCH_CORE"] = str(self.cores[1])
        return made

    def _start_worker(self) -> None:
        command = [sys.executable, "-m", "antiphon.workers.bench.agent_main"]
        self._worker = Guarded(command, stdout=subprocess.PIPE, env=self.environment(), grace_s=2.0)
        assert self._worker.stdout is not None
        line = self._worker.stdout.readline()
        if not line:
            raise ServerUnavailable("the agent under test did not start", hint="Its message is above.")
        self.worker_pid = int(json.loads(line)["ready"])

    def token(self, room: str, *, identity: str = "", agent: bool = True, kind: str = "standard") -> str:
        """To join a room, with the agent under test."""
        return make_token(
            api_key=self.sfu.api_key,
            api_secret=self.sfu.api_secret,
            room=room,
            identity=identity or f"caller-{secrets.token_hex(3)}",
            agent="bench" if agent else None,
            kind=kind,
        )

    @contextlib.asynccontextmanager
    async def call(self) -> AsyncIterator[Caller]:
        """A caller in a room of its own, with the agent there and listening."""
        caller = Caller(self.sfu.url, self.token(f"bench-{secrets.token_hex(4)}"))
        async with caller:
            await caller.wait_for_agent(30.0)
            await caller.until(lambda: any(state == "listening" for _, state in caller.states), 15.0)
            yield caller

    @contextlib.asynccontextmanager
    async def echo(self) -> AsyncIterator[Caller]:
        """A caller in a room with the echo participant."""
        room = f"echo-{secrets.token_hex(4)}"
        token = self.token(room, identity="echo", agent=False, kind="agent")
        command = [sys.executable, "-m", "antiphon.workers.bench.echo_main", self.sfu.url, token]
        process = Guarded(command, stdout=subprocess.PIPE, env=self.environment(), grace_s=0.5)
        assert process.stdout is not None
        try:
            await asyncio.to_thread(process.stdout.readline)
            async with Caller(self.sfu.url, self.token(room, agent=False)) as caller:
                await caller.wait_for_agent(15.0)
                yield caller
        finally:
            await asyncio.to_thread(process.stop)


def ear(caller: Caller, start: float, end: float) -> Ear:
    """What the caller heard between two moments."""
    return Ear(caller.heard.render(start, end), AGENT_RATE_HZ, start)
