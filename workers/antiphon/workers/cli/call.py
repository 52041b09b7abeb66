"""`agent call`: joins a room as a person would, with sound files or a microphone."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.agents import timeline as tl
from antiphon.agents.errors import ConfigError
from antiphon.workers.cli.common import console

if TYPE_CHECKING:
    from antiphon.workers.caller import CallResult
    from antiphon.workers.caller.caller import Line

__all__ = ["call"]


def call(
    url: Annotated[str, typer.Option(help="Of the LiveKit server.", envvar="LIVEKIT_URL")] = "",
    token: Annotated[str, typer.Option(help="To join with, instead of a key.", envvar="LIVEKIT_TOKEN")] = "",
    api_key: Annotated[str, typer.Option(help="Of the server.", envvar="LIVEKIT_API_KEY")] = "",
    api_secret: Annotated[str, typer.Option(help="Of the server.", envvar="LIVEKIT_API_SECRET")] = "",
    room: Annotated[str, typer.Option(help="Room to join; a new one when not given.")] = "",
    agent: Annotated[str, typer.Option(help="Name of the agent to dispatch.", envvar="ANTIPHON_AGENT")] = "",
    say: Annotated[list[Path] | None, typer.Option(help="A sound file to play; again for more.")] = None,
    interrupt_with: Annotated[
        Path | None, typer.Option(help="A sound file played over the last reply.")
    ] = None,
    at: Annotated[float, typer.Option(min=0, help="How long after that reply began, s.")] = 2.5,
    out: Annotated[
        Path | None, typer.Option(help="Folder for recording, timeline and picture.", envvar="ANTIPHON_CALLS")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="How long to wait for the agent, s.")] = 20.0,
) -> None:
    """Call an agent: play sound files with --say, or talk with your microphone."""
    from antiphon.workers.caller import place_call

    if not url:
        raise ConfigError("--url", "", "the server's address, here or in LIVEKIT_URL; `agent dev` prints one")
    if not token and not (api_key and api_secret):
        raise ConfigError("--token", "", "a token, or --api-key and --api-secret; `agent dev` prints a token")
    folder = out or Path("calls") / time.strftime("%Y%m%d-%H%M%S")
    if not say:
        from antiphon.workers.caller.microphone import open_devices

        devices = open_devices()
    live = _Live()
    os.environ.setdefault("RUST_LOG", "error")
    if say:
        result = asyncio.run(
            place_call(
                url=url,
                token=token or None,
                api_key=api_key or None,
                api_secret=api_secret or None,
                room=room or None,
                agent_name=agent,
                say=say,
                interrupt_with=interrupt_with,
                interrupt_at_s=at,
                out_dir=folder,
                agent_timeout_s=timeout,
                on_event=live.show,
            )
        )
    else:
        from antiphon.workers.caller.microphone import talk

        result = asyncio.run(
            talk(
                devices,
                url=url,
                token=token or None,
                api_key=api_key or None,
                api_secret=api_secret or None,
                room=room or None,
                agent_name=agent,
                out_dir=folder,
                agent_timeout_s=timeout,
                on_event=live.show,
            )
        )
    live.end()
    _summary(result)
    if say and not result.answered:
        console.print("[bold red]The agent did not answer every question.[/]")
        raise typer.Exit(1)


class _Live:
    """The transcript and what was decided, as it happens."""

    def __init__(self) -> None:
        self._shown: dict[int, str] = {}

    def show(self, event: object) -> None:
        from antiphon.workers.caller.caller import Line

        if isinstance(event, Line):
            self._line(event)
        elif isinstance(event, tl.Hold):
            console.print("      [magenta]held[/]")
        elif isinstance(event, tl.Resume):
            console.print(f"      [green]resumed[/] ({event.reason})")
        elif isinstance(event, tl.Yield):
            console.print(f"      [red]yielded[/] ({event.reason}) after {event.heard_ms / 1000:.1f} s heard")
        elif isinstance(event, tl.ToolCall):
            console.print(f"      [cyan]tool {event.name}[/]")

    def _line(self, line: Line) -> None:
        if line.final and self._shown.get(id(line)) != line.text:
            self._shown[id(line)] = line.text
            colour = "blue" if line.speaker == "user" else "yellow"
            console.print(f"[{colour}]{line.speaker:>5}[/] {line.text.strip()}", soft_wrap=True)

    def end(self) -> None:
        """Nothing is left open."""
        self._shown.clear()


def _summary(result: CallResult) -> None:
    for exchange in result.exchanges:
        heard = (
            "no answer"
            if exchange.response_s is None
            else f"answered after {exchange.response_s * 1000:.0f} ms"
        )
        cut = (
            ""
            if exchange.interrupted_s is None
            else f", silent {exchange.interrupted_s * 1000:.0f} ms after the interruption began"
        )
        console.print(f"{exchange.asked}: {heard}{cut}", soft_wrap=True)
    for name, path in (
        ("recording", result.recording),
        ("timeline", result.timeline),
        ("picture", result.picture),
    ):
        if path is not None:
            console.print(f"  {name}: {path}", soft_wrap=True)
