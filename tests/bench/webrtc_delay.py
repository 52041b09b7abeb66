"""How long sound takes to the model and from it over WebRTC, and whether a loss makes it longer for good.

    python tests/bench/webrtc_delay.py [--peer aiortc|wrtc] [--loss 0.01] [--delay 0] [--seconds 60]

Our client's peer and the local server's in processes and network namespaces of their own, with a link
between them that drops packets. A pulse each 0.4 s; one-way is from a frame given to the one end to the
frame that comes out at the other, Opus included, no network delay unless asked for. Needs root.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from lossy_link import LossyLink
from webrtc_ends import result_in

from antiphon.workers.bench.harness import machine

ENDS = str(Path(__file__).with_name("webrtc_ends.py"))
PULSE_EVERY_S = 0.4


def measured(given: list[float], heard: list[float], seconds: float) -> dict[str, Any]:
    """Delays of the pulses that came, ms: of all, of the first and of the last 10 s."""
    delays = []
    start = given[0]
    for at in heard:
        before = [sent for sent in given if sent <= at]
        if before and at - before[-1] < PULSE_EVERY_S * 0.95:
            delays.append((before[-1] - start, 1000 * (at - before[-1])))
    found = np.array([delay for _, delay in delays])
    first = np.array([delay for when, delay in delays if when < 10])
    last = np.array([delay for when, delay in delays if when >= seconds - 10])
    return {
        "pulses": len(given),
        "came": len(found),
        "p50_ms": round(float(np.percentile(found, 50)), 1),
        "p95_ms": round(float(np.percentile(found, 95)), 1),
        "p50_first_10s_ms": round(float(np.percentile(first, 50)), 1),
        "p50_last_10s_ms": round(float(np.percentile(last, 50)), 1),
    }


def main() -> int:
    """Prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peer", choices=["aiortc", "wrtc"], default="aiortc")
    parser.add_argument("--loss", type=float, default=0.0, help="share of packets, each way")
    parser.add_argument("--delay", type=float, default=0.0, help="of the link, one way, s")
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    run = [sys.executable, ENDS]
    length = ["--seconds", str(args.seconds)]
    with LossyLink(loss=args.loss, delay_s=args.delay) as link:
        far = subprocess.Popen(
            link.far([*run, "delay-far", link.far_ip, *length]), stdout=subprocess.PIPE, text=True
        )
        assert far.stdout is not None
        if far.stdout.readline().strip() != "ready":
            return 1
        near = subprocess.run(
            link.near([*run, "delay-near", link.far_ip, "--kind", args.peer, *length]),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        there, here = result_in(far.communicate()[0]), result_in(near.stdout)
        dropped = link.dropped / max(link.dropped + link.passed, 1)
    box = machine()
    print(
        json.dumps(
            {
                "peer": args.peer,
                "loss": args.loss,
                "dropped": round(dropped, 4),
                "link_ms": 1000 * args.delay,
                "to_model": measured(here["given"], there["heard"], args.seconds),
                "from_model": measured(there["given"], here["heard"], args.seconds),
                "machine": asdict(box),
            }
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
