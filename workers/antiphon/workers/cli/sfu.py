"""``agent sfu``: a LiveKit server on loopback, until Ctrl-C."""

from __future__ import annotations

import secrets
import time
from typing import Annotated

import typer

from antiphon.agents.errors import ServerUnavailable
from antiphon.workers.cli.common import call_command, console, end_on_signal, pairs, running_sfu
from antiphon.workers.sfu import LocalSfu
from antiphon.workers.tokens import make_token

__all__ = ["sfu"]

LOOK_S = 0.5  # s between two looks at whether it still runs


def sfu(
    port: Annotated[int, typer.Option(envvar="ANTIPHON_SFU_PORT", help="TCP port; 0 for a free one.")] = 0,
) -> None:
    """Run a LiveKit server on this machine's loopback, until Ctrl-C.

    Takes livekit-server from PATH, else from the cache, else builds it (2 to 4 minutes, once). If
    LIVEKIT_URL is set and no port is given, that server is shown instead, and nothing is started.
    """
    end_on_signal()
    try:
        with running_sfu(port) as server:
            _show(server)
            if not server.owned:
                return
            console.print("Ctrl-C stops it.")
            while server.running:
                time.sleep(LOOK_S)
    except KeyboardInterrupt:
        console.print("Stopped.")
        return
    raise ServerUnavailable("the LiveKit server ended by itself", hint=f"Its log: {server.log_path}.")


def _show(server: LocalSfu) -> None:
    room = f"try-{secrets.token_hex(3)}"
    token = make_token(api_key=server.api_key, api_secret=server.api_secret, room=room, identity="caller")
    console.print(f"[bold]LiveKit server[/] ({server.found})")
    pairs(
        [
            ("LIVEKIT_URL", server.url),
            ("LIVEKIT_API_KEY", server.api_key),
            ("LIVEKIT_API_SECRET", server.api_secret if server.owned else "(as you set it)"),
            ("log", str(server.log_path or "(with the server)")),
            ("token", token),
            ("call", call_command(server.url, token)),
        ]
    )
