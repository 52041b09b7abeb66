"""The agent under test, in a process of its own: ``python -m antiphon.workers.bench.agent_main``.

Prints ``{"ready": pid}`` once it is registered. A data message on topic ``block`` blocks the
application's loop for as many seconds as it says, as a careless tool would; one on ``blocked`` then tells
from when to when, on the machine's monotonic clock.
"""

from __future__ import annotations

import os

if core := os.environ.get("ANTIPHON_BENCH_CORE"):  # before anything starts a thread
    os.sched_setaffinity(0, {int(core)})

import asyncio
import json
import sys
import time

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, inference
from livekit.plugins.openai.realtime import RealtimeModel

from antiphon.agents import VoiceSession
from antiphon.plugins import openai

__all__ = ["main"]

ARM = os.environ.get("ANTIPHON_BENCH_ARM", "antiphon")

server = AgentServer()


def _blocks(room: rtc.Room) -> None:
    telling: set[asyncio.Task[None]] = set()

    async def tell(began: float, ended: float) -> None:
        await room.local_participant.publish_data(json.dumps([began, ended]), topic="blocked")

    @room.on("data_received")
    def _(packet: rtc.DataPacket) -> None:
        if packet.topic == "block":
            began = time.monotonic()
            time.sleep(min(float(packet.data.decode()), 10.0))
            task = asyncio.get_running_loop().create_task(tell(began, time.monotonic()))
            telling.add(task)
            task.add_done_callback(telling.discard)


@server.rtc_session(agent_name=ARM)
async def entrypoint(ctx: JobContext) -> None:
    """One call of the arm under test."""
    agent = Agent(instructions="You are measured.")
    _blocks(ctx.room)
    if ARM == "livekit-agents":
        theirs: AgentSession[None] = AgentSession(
            llm=RealtimeModel(turn_detection=None, max_session_duration=None),
            vad=inference.VAD(model="silero"),
            turn_handling={"turn_detection": "vad"},
            aec_warmup_duration=None,
        )
        await theirs.start(agent, room=ctx.room)
        return
    transport = os.environ.get("ANTIPHON_BENCH_TRANSPORT", "websocket")
    session: VoiceSession[None] = VoiceSession(llm=openai.realtime(transport=transport))  # type: ignore[arg-type]
    await session.start(agent, room=ctx.room)


def main() -> int:
    """Runs the worker until SIGTERM."""
    from antiphon.workers.worker import WorkerSettings, run_worker

    def ready(*_: object) -> None:
        print(json.dumps({"ready": os.getpid()}), flush=True)

    server.on("worker_registered", ready)
    executor = os.environ.get("ANTIPHON_BENCH_EXECUTOR", "thread")
    settings = WorkerSettings(executor=executor, slots=32, dev=True)  # type: ignore[arg-type]
    return run_worker(server, settings, log_format="json", log_level="error")


if __name__ == "__main__":
    # Jobs of the process executor import the entrypoint by its module's real name.
    from antiphon.workers.bench import agent_main

    sys.exit(agent_main.main())
