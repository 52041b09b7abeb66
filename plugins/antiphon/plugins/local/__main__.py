"""``python -m antiphon.plugins.local``: the local model, or a scripted one, in a process of its own.

Prints one line of JSON with its addresses when it listens. Ends with SIGTERM, and when its standard
input is closed if ``--with-parent`` is given: then it never outlives who started it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys

from antiphon.agents.errors import AntiphonError
from antiphon.agents.logs import configure
from antiphon.plugins.local.server import LocalRealtimeServer
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply, load_script


async def _main(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if args.with_parent:
        loop.add_reader(0, lambda: None if os.read(0, 1024) else stop.set())
    options = {"port": args.port, "api_key": args.key, "session_limit_s": args.session_limit}
    if args.scripted:
        chirp = args.scripted == "chirp"
        script = [Say("chirp", audio=chirp_reply())] if chirp else load_script(args.scripted)
        server: LocalRealtimeServer = ScriptedServer(script, repeat_last=True, **options)
        engines = None
    else:
        from antiphon.plugins.local import defaults

        engines = defaults.load_engines()
        await defaults.warm_up(engines)
        server = LocalRealtimeServer(engines, **options)
    async with server:
        addresses = {"url": server.url, "base_url": server.base_url, "calls_url": server.calls_url}
        print(json.dumps(addresses), flush=True)
        await stop.wait()
    if engines is not None:
        await defaults.aclose(engines)


def main() -> int:
    """Runs it; 0 when told to stop, 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m antiphon.plugins.local", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=None, help="the key that clients must show")
    parser.add_argument("--session-limit", type=float, default=3600.0, help="s")
    parser.add_argument(
        "--scripted",
        nargs="?",
        const="chirp",
        metavar="FILE.json",
        help="answer by a script (see testing.load_script); with 'chirp' or nothing, a time-coded sound",
    )
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    args = parser.parse_args()
    configure(format="console", level="warning")
    try:
        asyncio.run(_main(args))
    except AntiphonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
