"""How long from the end of a question to the first audio of its answer, at the caller's ear?

    python tests/bench/first_audio.py cascade [--turns 20]
    python tests/bench/first_audio.py local   [--turns 20]

A real call: SFU, worker and (for ``local``) model in processes of their own, the caller in this one.
``cascade`` runs examples/cascade.py, ``local`` examples/receptionist.py over the local realtime model.
Counted from the question's last sample above -45 dBFS to the agent's first voice (measures.md).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
from pathlib import Path

import numpy as np

from antiphon.workers.bench.harness import machine
from antiphon.workers.caller import place_call
from antiphon.workers.cli.common import Worker, running_model, running_sfu

ROOT = Path(__file__).parents[2]
QUESTION = ROOT / "tests" / "data" / "weather_question.flac"
APPS = {"cascade": "examples/cascade.py", "local": "examples/receptionist.py"}


def main() -> int:
    """Prints one line of JSON; 1 if a question was not answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(APPS))
    parser.add_argument("--turns", type=int, default=20)
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        sfu = stack.enter_context(running_sfu())
        environ = {
            "LIVEKIT_URL": sfu.url,
            "LIVEKIT_API_KEY": sfu.api_key,
            "LIVEKIT_API_SECRET": sfu.api_secret,
        }
        if args.model == "local":
            model = stack.enter_context(running_model())
            environ |= {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "local"}
        worker = Worker(str(ROOT / APPS[args.model]), [], {**os.environ, **environ})
        stack.callback(worker.stop)
        if not worker.wait_ready():
            return 1
        result = asyncio.run(
            place_call(
                url=sfu.url,
                api_key=sfu.api_key,
                api_secret=sfu.api_secret,
                say=[QUESTION] * args.turns,
            )
        )
    found = [1000 * e.response_s for e in result.exchanges if e.response_s is not None]
    here = machine()
    record = {
        "model": args.model,
        "turns": len(result.exchanges),
        "answered": len(found),
        "first_audio_p50_ms": round(float(np.percentile(found, 50))) if found else None,
        "first_audio_p95_ms": round(float(np.percentile(found, 95))) if found else None,
        "commit": here.commit,
        "cpu": here.cpu,
        "load": os.getloadavg()[0],
    }
    print(json.dumps(record))
    return 0 if len(found) == len(result.exchanges) else 1


if __name__ == "__main__":
    raise SystemExit(main())
