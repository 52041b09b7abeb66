"""``agent model``: the local realtime model, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from antiphon.agents.errors import ConfigError
from antiphon.workers.cli.common import console, pairs, progress
from antiphon.workers.cli.start import LogLevel, LogPersonal

__all__ = ["model"]


def model(
    port: Annotated[
        int, typer.Option("--port", envvar="ANTIPHON_MODEL_PORT", help="TCP port; 0 for a free one.")
    ] = 0,
    key: Annotated[
        str | None,
        typer.Option("--key", envvar="ANTIPHON_MODEL_KEY", help="Key clients must show; any if not given."),
    ] = None,
    session_limit: Annotated[
        float,
        typer.Option(
            "--session-limit", envvar="ANTIPHON_MODEL_SESSION_LIMIT", help="Longest session, seconds."
        ),
    ] = 3600.0,
    log_level: LogLevel = "warning",
    log_personal: LogPersonal = False,
) -> None:
    """Run the local realtime model: the OpenAI Realtime protocol on this machine's loopback, with no key.

    A demonstration model: small ears, a small brain, a plain voice.
    """
    from antiphon.agents.logs import configure

    configure(format="console", personal=log_personal, level=log_level)
    asyncio.run(_serve(port, key, session_limit))


async def _serve(port: int, key: str | None, session_limit_s: float) -> None:
    from antiphon.plugins.local import defaults
    from antiphon.plugins.local.server import LocalRealtimeServer, has_webrtc

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engines = defaults.load_engines()
    try:
        with progress("Loading the local model (a few seconds)"):
            await defaults.warm_up(engines)
        server = LocalRealtimeServer(engines, port=port, api_key=key, session_limit_s=session_limit_s)
        try:
            await server.start()
        except (OSError, OverflowError) as error:
            raise ConfigError(
                "port", port, "a free port of 127.0.0.1; leave it out to have one picked"
            ) from error
        try:
            console.print("[bold]Local realtime model[/bold] (a demonstration model)")
            pairs(
                [
                    ("OPENAI_BASE_URL", server.base_url),
                    ("OPENAI_API_KEY", key or "any, e.g. local"),
                    ("WebSocket", server.url),
                    ("WebRTC", server.calls_url if has_webrtc() else "with the extra antiphon[webrtc]"),
                    *engines.labels.items(),
                ]
            )
            console.print("Ctrl-C ends it.")
            await stop.wait()
        finally:
            await server.aclose()
    finally:
        await defaults.aclose(engines)
