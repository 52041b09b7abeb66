"""A call with this machine's microphone and speaker, by PortAudio (sounddevice)."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from antiphon.agents.errors import ConfigError, MediaError
from antiphon.workers.caller.caller import AGENT_RATE_HZ, MIC_RATE_HZ, Caller
from antiphon.workers.caller.place_call import CallResult, save_call
from antiphon.workers.tokens import make_token

__all__ = ["Devices", "open_devices", "talk"]

_HINT = "Play sound files instead: agent call --say question.wav"


@dataclass(frozen=True, slots=True)
class Devices:
    """What was found."""

    sounddevice: Any
    microphone: str
    speaker: str


def open_devices() -> Devices:
    """Looks for a microphone and a speaker.

    Raises:
        MediaError: There is no PortAudio, or no such device.
    """
    try:
        import sounddevice
    except OSError as error:
        raise MediaError(
            "the microphone needs the PortAudio library",
            value=str(error),
            hint=f"Install it (apt install libportaudio2, brew install portaudio). {_HINT}",
        ) from None
    names: list[str] = []
    for kind, label in (("input", "microphone"), ("output", "speaker")):
        try:
            names.append(str(sounddevice.query_devices(kind=kind)["name"]))
        except (ValueError, sounddevice.PortAudioError) as error:
            raise MediaError(f"no {label} was found", value=str(error), hint=_HINT) from None
    return Devices(sounddevice, *names)


async def talk(
    devices: Devices,
    *,
    url: str,
    token: str | None,
    api_key: str | None,
    api_secret: str | None,
    room: str | None,
    agent_name: str,
    out_dir: Path,
    agent_timeout_s: float,
    on_event: Callable[[object], None],
) -> CallResult:
    """Talks until Ctrl-C or the room ends; then writes the files."""
    name = room or f"call-{secrets.token_hex(3)}"
    if token is None:
        if not api_key or not api_secret:
            raise ConfigError("token", "", "a token, or an API key and secret to make one")
        token = make_token(
            api_key=api_key,
            api_secret=api_secret,
            room=name,
            identity=f"caller-{secrets.token_hex(3)}",
            agent=agent_name,
        )
    loop = asyncio.get_running_loop()
    hang_up = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hang_up.set)
    playing: deque[bytes] = deque(maxlen=100)  # 1 s; a speaker that falls behind skips

    def play(out: Any, *_: object) -> None:
        data = playing.popleft() if playing else b""
        out[: len(data)] = data
        out[len(data) :] = bytes(len(out) - len(data))

    speaker = devices.sounddevice.RawOutputStream(
        samplerate=AGENT_RATE_HZ, channels=1, dtype="int16", blocksize=AGENT_RATE_HZ // 100, callback=play
    )

    def told(event: object) -> None:
        if isinstance(event, np.ndarray):
            playing.append(event.tobytes())
        else:
            on_event(event)

    result = CallResult(name)
    caller = Caller(url, token, on_event=told)

    def captured(data: Any, *_: object) -> None:
        loop.call_soon_threadsafe(caller.feed, np.frombuffer(bytes(data), dtype=np.int16))

    microphone = devices.sounddevice.RawInputStream(
        samplerate=MIC_RATE_HZ, channels=1, dtype="int16", blocksize=MIC_RATE_HZ // 50, callback=captured
    )
    async with caller:
        result.began_at = time.monotonic()
        with speaker, microphone:
            await caller.wait_for_agent(agent_timeout_s)
            while not hang_up.is_set() and not caller.disconnected:
                await caller.until(lambda: hang_up.is_set() or caller.disconnected, 0.5)
        result.ended_at = time.monotonic()
        result.lines, result.events = caller.lines, caller.events
        await asyncio.to_thread(save_call, result, caller, out_dir)
    return result
