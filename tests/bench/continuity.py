"""How calls outlive their model sessions, measured: `python -m tests.bench.continuity --help`.

`caps` holds a call in real time over sessions that the provider ends after so many seconds: turns at a
talking pace, real sockets, livekit's OpenAI plugin, the local model's server with scripted words. A turn
has its number for a transcript, and its reply says the number, so that what was lost, answered twice or
put into the wrong order shows. The gap is what a handoff adds that a caller could hear: the longest time a
playout would have had nothing to play amid a reply, or by which a reply after a handoff came later than
the median of the others.

`cuts` cuts the socket again and again, at every event of the wire in turns, and measures from the cut to the
first sound of the reply that is right.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np

from antiphon.agents.logs import configure
from antiphon.plugins import openai
from antiphon.plugins.continuity import Breakers, Continuity, ContinuousModel, Counters
from antiphon.plugins.local.testing import Say, ScriptedServer
from tests.plugins.continuity.rig import Caller, Heard
from tests.plugins.continuity.test_exchange import CUTS, CuttingServer


@asynccontextmanager
async def call(server: ScriptedServer, options: Continuity) -> AsyncIterator[tuple[Caller, ContinuousModel]]:
    async with server, aiohttp.ClientSession() as http:
        wrapped = openai.realtime(base_url=server.base_url, api_key="bench", http_session=http)
        model = ContinuousModel(wrapped, options, breakers=Breakers())
        session = model.session()
        await session.update_instructions("Answer.")
        try:
            yield Caller(session), model
        finally:
            await session.aclose()
            await model.aclose()


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share * 100)) if values else float("nan")


async def caps(seconds: float, cap_s: float, seed: int) -> dict[str, Any]:
    """A call over many sessions."""
    chance, many = random.Random(seed), 5000
    script = [Say(f"This is the answer to number {n}, said at some length.") for n in range(1, many)]
    questions = [f"number {n}" for n in range(1, many)]
    server = ScriptedServer(script, transcripts=questions, session_limit_s=cap_s)
    handoffs: list[float] = []
    turns: list[tuple[float, float, Heard]] = []  # asked, latency, heard
    async with call(server, Continuity(session_cap_s=cap_s)) as (caller, model):
        model.on("handoff", lambda event: handoffs.append(event.at))
        session, loop = caller.session, asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await caller.speak_slowly(0, chance.uniform(0.5, 6.0))
            asked = loop.time()
            heard = await caller.hear(session.generate_reply())
            turns.append((asked, heard.first_at - asked, heard))
            # The playout goes on while the person thinks, or speaks into it.
            await asyncio.sleep(heard.audio_s * chance.uniform(0.3, 1.0) + chance.uniform(0.0, 1.5))
        conversation, counters = caller.conversation(), model.counters
        failures, transcripts = len(caller.failures), caller.transcripts
    said = [text for role, text in conversation if role == "user"]
    answers = [text for role, text in conversation if role == "assistant"]
    expected = [f"number {n}" for n in range(1, len(turns) + 1)]
    usual = statistics.median(latency for _, latency, _ in turns)
    gaps = []
    for at, latency, heard in turns:
        if any(at - 1.0 <= moment <= at + 1.5 for moment in handoffs):
            gaps.append(max(heard.starved_s, latency - usual))
        elif any(at <= moment <= at + heard.audio_s for moment in handoffs):
            gaps.append(heard.starved_s)
    return {
        "seconds": seconds,
        "cap_s": cap_s,
        "turns": len(turns),
        "handoffs": len(handoffs),
        "forced": counters.forced,
        "failovers": counters.failovers,
        "errors": failures,
        "lost": len(set(expected) - set(said)),
        "answered_twice": len(server.requests) - len(turns),
        "transcripts_twice": sum(len(texts) > 1 for texts in transcripts.values()),
        "context_as_heard": said == expected and answers == [heard.text for _, _, heard in turns],
        "gap_p95_ms": round(percentile(gaps, 0.95) * 1000, 1),
        "gap_max_ms": round(max(gaps, default=float("nan")) * 1000, 1),
        "turns_at_a_handoff": len(gaps),
        "reply_p50_ms": round(usual * 1000, 1),
        "reply_p95_ms": round(percentile([latency for _, latency, _ in turns], 0.95) * 1000, 1),
    }


async def cuts(rounds: int) -> dict[str, Any]:
    """The socket is cut before and after each event."""
    taken: list[float] = []
    wrong, total, counters = 0, 0, Counters()
    for _ in range(rounds):
        for side, kind, nth in CUTS:
            for before in (True, False):
                server = CuttingServer(
                    [Say("The reply is this one.")],
                    transcripts=["turn"] * 8,
                    repeat_last=True,
                    side=side,
                    kind=kind,
                    nth=nth,
                    before=before,
                )
                async with call(server, Continuity()) as (caller, model):
                    for _ in range(3):
                        heard = await caller.ask()
                        cut_at = server.cut_at
                        if cut_at is not None:
                            if not taken or taken[-1] is not cut_at:
                                total += 1
                                first = heard.first_at if heard.first_at > cut_at else time.monotonic()
                                taken.append(first - cut_at)
                            break
                    wrong += not heard.text.startswith("The")
                    again = await caller.ask()
                    wrong += again.text != "The reply is this one."
                    wrong += not all(len(texts) == 1 for texts in caller.transcripts.values())
                    counters.add(model.counters)
    return {
        "cuts": total,
        "wrong": wrong,
        "failovers": counters.failovers,
        "recovery_p50_ms": round(percentile(taken, 0.5) * 1000, 1),
        "recovery_p95_ms": round(percentile(taken, 0.95) * 1000, 1),
        "recovery_max_ms": round(max(taken, default=float("nan")) * 1000, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kinds = parser.add_subparsers(dest="what", required=True)
    of_caps = kinds.add_parser("caps", help="a call over many sessions")
    of_caps.add_argument("--seconds", type=float, default=600.0)
    of_caps.add_argument("--cap", type=float, default=60.0, help="s")
    of_caps.add_argument("--seed", type=int, default=1)
    of_cuts = kinds.add_parser("cuts", help="sockets cut at each event of the wire")
    of_cuts.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    configure(format="console", level="error")
    logging.getLogger("livekit.agents").setLevel(logging.CRITICAL)
    work = caps(given.seconds, given.cap, given.seed) if given.what == "caps" else cuts(given.rounds)
    print(json.dumps(asyncio.run(work), indent=2))


if __name__ == "__main__":
    main()
