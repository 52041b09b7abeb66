"""How soon a reply comes over WebSocket and over WebRTC, side by side on the same lossy link.

    python tests/bench/webrtc_reply.py [--loss 0.05] [--delay 0.02] [--turns 60]

The scripted model and our client in processes and network namespaces of their own. Turns alternate
between the transports: a turn as the gate gives it (0.5 s at once, of it 0.3 s pre-roll; 1 s live; 0.5 s of
pause), commit, and a reply that the model has ready. Counted from the commit to the reply's first
audio in the session; *stalled* is how long a player that began then would have had nothing to play.
Needs root.
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


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Of one transport, ms."""
    first, stalled = np.array(found["first_s"]) * 1000, np.array(found["stalled_s"]) * 1000
    return {
        "replies": len(first),
        "failed": found["failed"],
        "p50_ms": round(float(np.percentile(first, 50))),
        "p95_ms": round(float(np.percentile(first, 95))),
        "max_ms": round(float(first.max())),
        "stalled_p95_ms": round(float(np.percentile(stalled, 95))),
    }


def main() -> int:
    """Prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--loss", type=float, default=0.05, help="share of packets, each way")
    parser.add_argument("--delay", type=float, default=0.02, help="of the link, one way, s")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--transports", default="websocket,aiortc,wrtc")
    args = parser.parse_args()
    run = [sys.executable, ENDS]
    with LossyLink(loss=args.loss, delay_s=args.delay) as link:
        far = subprocess.Popen(
            link.far([*run, "reply-far", link.far_ip]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert far.stdout is not None
        if far.stdout.readline().strip() != "ready":
            return 1
        near = subprocess.run(
            link.near(
                [*run, "reply-near", link.far_ip, "--kind", args.transports, "--turns", str(args.turns)]
            ),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        far.communicate()
        found = result_in(near.stdout)
        dropped = link.dropped / max(link.dropped + link.passed, 1)
    report = {name: summary(one) for name, one in found.items() if one["first_s"]}
    print(
        json.dumps(
            {"loss": args.loss, "dropped": round(dropped, 4), "link_ms": 1000 * args.delay, **report}
            | {"machine": asdict(machine())}
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
