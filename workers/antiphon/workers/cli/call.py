"""`agent call`: joins a room as a person would, with sound files, typed words or a microphone.

Ctrl-C hangs up; what was recorded until then is written. Exit code 1 if a question was not answered.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import rich.live
import typer
from rich.text import Text

from antiphon.agents import timeline as tl
from antiphon.agents.errors import ConfigError
from antiphon.workers.cli.common import console, show_files

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
    text: Annotated[list[str] | None, typer.Option(help="Something to type; again for more.")] = None,
    interrupt_with: Annotated[
        Path | None, typer.Option(help="A sound file played over the last reply.")
    ] = None,
    at: Annotated[float, typer.Option(min=0, help="How long after that reply began, s.")] = 2.5,
    push_to_talk: Annotated[
        bool, typer.Option("--push-to-talk", help="Talk with a key: the space bar, or pressed for each file.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for recording, timeline and picture.", envvar="ANTIPHON_CALLS")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="How long to wait for the agent, s.")] = 20.0,
) -> None:
    """Call an agent: play sound files with --say, type with --text, or talk with your microphone."""
    from antiphon.workers.caller import place_call

    if not url:
        raise ConfigError("--url", "", "the server's address, here or in LIVEKIT_URL; `agent dev` prints one")
    if not token and not (api_key and api_secret):
        raise ConfigError("--token", "", "a token, or --api-key and --api-secret; `agent dev` prints a token")
    asks = bool(say or text)
    if interrupt_with and not asks:
        raise ConfigError(
            "--interrupt-with", str(interrupt_with), "with --say or --text, whose reply it cuts"
        )
    folder = _writable(out or Path("calls") / time.strftime("%Y%m%d-%H%M%S"))
    if not asks:
        from antiphon.workers.caller.microphone import open_devices

        devices = open_devices()
    os.environ.setdefault("RUST_LOG", "error")
    with _Live() as live:
        try:
            if asks:
                result = asyncio.run(
                    place_call(
                        url=url,
                        token=token or None,
                        api_key=api_key or None,
                        api_secret=api_secret or None,
                        room=room or None,
                        agent_name=agent,
                        say=say or (),
                        texts=text or (),
                        interrupt_with=interrupt_with,
                        interrupt_at_s=at,
                        push_to_talk=push_to_talk,
                        out_dir=folder,
                        agent_timeout_s=timeout,
                        on_event=live.show,
                    )
                )
            else:
                from antiphon.workers.caller.microphone import talk

                console.print(f"{devices.microphone}, {devices.speaker}. Ctrl-C hangs up.", markup=False)
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
                        push_to_talk=_key if push_to_talk else None,
                    )
                )
        except KeyboardInterrupt:
            if (folder / "call.wav").is_file():
                console.print(f"Hung up. What was recorded is in {folder}", markup=False, soft_wrap=True)
            raise
    _summary(result)
    if asks and not result.answered:
        console.print("[bold red]The agent did not answer every question.[/]")
        raise typer.Exit(1)


def _writable(folder: Path) -> Path:
    """The folder, if it can be made: better known before the call than after it."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise ConfigError("--out", str(folder), "a folder, there or to be made, that can be written to")
    return folder


class _Live:
    """The transcript and what was decided, as it happens; at a terminal also the words being said."""

    def __init__(self) -> None:
        self._shown: dict[int, str] = {}
        self._saying = rich.live.Live(console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> _Live:
        if console.is_terminal:
            self._saying.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._saying.stop()

    def show(self, event: object) -> None:
        """Shows what `Caller` tells of."""
        from antiphon.workers.caller.caller import Line

        if isinstance(event, Line):
            self._line(event)
        elif isinstance(event, tl.Hold):
            _note("held", "magenta")
        elif isinstance(event, tl.Resume):
            _note(f"resumed ({event.reason})", "green")
        elif isinstance(event, tl.Yield):
            _note(f"yielded ({event.reason}) after {event.heard_ms / 1000:.1f} s heard", "red")
        elif isinstance(event, tl.ToolCall):
            _note(f"tool {event.name}", "cyan")
        elif isinstance(event, tl.Usage) and not event.model:
            _note(_used(event), "cyan")

    def _line(self, line: Line) -> None:
        colour = "blue" if line.speaker == "user" else "yellow"
        said = Text.assemble((f"{line.speaker:>5}", colour), " ", line.text.strip())
        if not line.final:
            self._update(said)
        elif self._shown.get(id(line)) != line.text:
            self._shown[id(line)] = line.text
            self._update(Text())
            console.print(said, soft_wrap=True)

    def _update(self, said: Text) -> None:
        if self._saying.is_started:
            self._saying.update(said, refresh=True)


def _note(text: str, colour: str) -> None:
    console.print(Text(f"      {text}", colour), soft_wrap=True)


def _used(event: tl.Usage) -> str:
    money = "not all prices known" if event.usd is None else f"${event.usd:.4f}"
    tokens = f"{event.input_tokens} tokens in, {event.output_tokens} out"
    return f"the call: {event.call_s / 60:.1f} min, {tokens}, {money}"


def _key(text: str) -> None:
    _note(text, "blue")


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
        console.print(f"{exchange.asked}: {heard}{cut}", markup=False, soft_wrap=True)
    show_files(result)
