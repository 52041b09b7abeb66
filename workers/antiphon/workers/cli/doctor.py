"""`agent doctor`: one line a check, and for each failure the command to run."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

import typer

from antiphon.agents.errors import AntiphonError
from antiphon.workers.cli.common import console

__all__ = ["Check", "checks", "doctor"]

_PACKAGES = ("livekit", "livekit-agents", "livekit-plugins-openai", "livekit-plugins-silero", "onnxruntime")
_LEAST_DISK = 1 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    name: str
    state: Literal["ok", "failed", "off"]
    """``off``: not there, and not needed."""
    found: str
    run: str = ""
    """What to run or set, if it failed."""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check this machine: server, model, weights, microphone, and what to run where one is missing."""
    found = checks()
    if as_json:
        print(json.dumps([asdict(check) for check in found], indent=2))
    else:
        signs = {"ok": "[green]✓[/]", "failed": "[red]✗[/]", "off": "[dim]–[/]"}
        for check in found:
            console.print(f"{signs[check.state]} {check.name}: {check.found}", soft_wrap=True)
            if check.state == "failed" and check.run:
                console.print(f"    run: [bold]{check.run}[/]", soft_wrap=True)
    if any(check.state == "failed" for check in found):
        raise typer.Exit(1)


def checks() -> list[Check]:
    """All findings, in order."""
    made: list[Check] = []
    for check in (_python, _packages, _server, _given_server, _key, _weights, _sound, _loopback, _machine):
        made += check()
    return made


def _python() -> list[Check]:
    text = ".".join(map(str, sys.version_info[:3]))
    fine = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return [Check("Python", "ok" if fine else "failed", text, "uv sync --python 3.12")]


def _packages() -> list[Check]:
    try:
        text = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    except PackageNotFoundError as error:
        return [Check("packages", "failed", f"{error.name} is missing", "pip install antiphon")]
    return [Check("packages", "ok", text)]


def _server() -> list[Check]:
    from antiphon.workers import sfu_build

    on_path = shutil.which("livekit-server")
    if on_path:
        return [Check("local LiveKit server", "ok", on_path)]
    cached = sfu_build.cached_binary(os.environ)
    if os.access(cached, os.X_OK):
        return [Check("local LiveKit server", "ok", str(cached))]
    if shutil.which("go"):
        return [Check("local LiveKit server", "ok", "none yet; built with Go at first use (2 to 4 minutes)")]
    if os.environ.get("LIVEKIT_URL"):
        return [Check("local LiveKit server", "off", "none; LIVEKIT_URL is set")]
    return [Check("local LiveKit server", "failed", "none, and no Go to build one", "brew install livekit")]


def _given_server() -> list[Check]:
    if not os.environ.get("LIVEKIT_URL"):
        return [Check("LIVEKIT_URL", "off", "not set; `agent dev` starts a local server")]
    import asyncio

    from antiphon.workers.worker import preflight

    try:
        asyncio.run(preflight(os.environ))
    except AntiphonError as error:
        return [Check("LIVEKIT_URL", "failed", str(error), "export LIVEKIT_URL=wss://your-server")]
    return [Check("LIVEKIT_URL", "ok", f"{os.environ['LIVEKIT_URL']} answers and takes the key")]


def _key() -> list[Check]:
    if os.environ.get("OPENAI_BASE_URL"):
        return [Check("model", "ok", f"OPENAI_BASE_URL={os.environ['OPENAI_BASE_URL']}")]
    if os.environ.get("OPENAI_API_KEY"):
        return [Check("model", "ok", "OPENAI_API_KEY is set: OpenAI's")]
    return [Check("model", "off", "no OPENAI_API_KEY; `agent dev` starts the local model")]


def _weights() -> list[Check]:
    from antiphon.plugins.local import voice, weights

    made: list[Check] = []
    finders: dict[str, Callable[[], str]] = {
        "local model's ears": lambda: weights.find_whisper().label,
        "local model's voice": lambda: voice.find_voice()[1],
    }
    for name, find in finders.items():
        try:
            made.append(Check(name, "ok", find()))
        except AntiphonError as error:
            made.append(Check(name, "failed", str(error), weights.INSTALL_HINT))
    return made


def _sound() -> list[Check]:
    from antiphon.workers.caller.microphone import open_devices

    try:
        devices = open_devices()
    except AntiphonError as error:
        return [Check("microphone", "off", str(error))]
    return [Check("microphone", "ok", f"{devices.microphone}; speaker {devices.speaker}")]


def _loopback() -> list[Check]:
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
        ):
            one.bind(("127.0.0.1", 0))
            one.settimeout(1.0)
            other.sendto(b"ping", one.getsockname())
            one.recv(16)
    except OSError as error:
        return [Check("UDP on loopback", "failed", str(error), "iptables -S   # what blocks 127.0.0.1?")]
    return [Check("UDP on loopback", "ok", "passes")]


def _machine() -> list[Check]:
    free = shutil.disk_usage(os.path.expanduser("~")).free
    cores = os.cpu_count() or 1
    disk = Check(
        "disk", "ok" if free > _LEAST_DISK else "failed", f"{free / 1e9:.1f} GB free", "uv cache prune"
    )
    return [disk, Check("cores", "ok", str(cores))]
