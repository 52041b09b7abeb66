"""A call with this machine's microphone and speaker, by PortAudio (sounddevice).

PortAudio calls back on threads of its own: what goes to the speaker is mixed there, what comes from the
microphone is rid of the speaker's sound there and handed to the caller's loop.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import MediaError
from antiphon.workers.caller.caller import AGENT_RATE_HZ, MIC_RATE_HZ, Caller, Sound
from antiphon.workers.caller.echo import EchoCanceller
from antiphon.workers.caller.files import save_call
from antiphon.workers.caller.place_call import CallResult, entry
from antiphon.workers.caller.spacebar import KEYS, SpaceBar

__all__ = ["Devices", "Speaker", "open_devices", "talk"]

Samples = NDArray[np.int16]
_WAITING_SAMPLES = AGENT_RATE_HZ // 5  # 0.2 s; chosen: what a busy machine is late, and no talk is delayed by
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


class Speaker:
    """The agent's tracks on their way to a loudspeaker, mixed. Filled and emptied on different threads."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        """From `take` to the sound, s, as the device tells."""
        self._tracks: dict[str, Samples] = {}
        self._lock = threading.Lock()

    def add(self, track: str, samples: Samples) -> None:
        """Sound that came: mono int16 at 24 kHz. A speaker that falls behind skips the oldest."""
        with self._lock:
            waiting = self._tracks.get(track, np.zeros(0, np.int16))
            self._tracks[track] = np.concatenate([waiting, samples])[-_WAITING_SAMPLES:]

    def take(self, count: int) -> Samples:
        """The next ``count`` samples, silence where there are none."""
        out = np.zeros(count, dtype=np.int32)
        with self._lock:
            for track, waiting in self._tracks.items():
                out[: len(waiting[:count])] += waiting[:count]
                self._tracks[track] = waiting[count:]
        return np.clip(out, -32768, 32767).astype(np.int16)


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
    push_to_talk: Callable[[str], None] | None = None,
) -> CallResult:
    """Talks until Ctrl-C or the room ends; then writes the files.

    With ``push_to_talk`` the terminal's space bar takes turns, and it is told what the key does.
    """
    token = token or entry(api_key, api_secret, room=room, agent_name=agent_name)
    loop = asyncio.get_running_loop()
    hang_up = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, hang_up.set)
    canceller = EchoCanceller(MIC_RATE_HZ, AGENT_RATE_HZ)
    speaker = Speaker()

    def told(event: object) -> None:
        if isinstance(event, Sound):
            speaker.add(event.track, event.samples)
        else:
            on_event(event)

    def play(out: Any, frames: int, time_info: Any, _: object) -> None:
        samples = speaker.take(frames)
        speaker.delay_s = float(time_info.outputBufferDacTime - time_info.currentTime)
        canceller.played(samples)
        out[:] = samples.tobytes()

    def captured(data: Any, frames: int, time_info: Any, _: object) -> None:
        delay_s = speaker.delay_s + float(time_info.currentTime - time_info.inputBufferAdcTime)
        clean = canceller.clean(np.frombuffer(bytes(data), dtype=np.int16), delay_s)
        loop.call_soon_threadsafe(caller.feed, clean)

    sounddevice = devices.sounddevice
    playing = sounddevice.RawOutputStream(
        samplerate=AGENT_RATE_HZ, channels=1, dtype="int16", blocksize=AGENT_RATE_HZ // 100, callback=play
    )
    microphone = sounddevice.RawInputStream(
        samplerate=MIC_RATE_HZ, channels=1, dtype="int16", blocksize=MIC_RATE_HZ // 100, callback=captured
    )
    try:
        async with Caller(url, token, on_event=told) as caller:
            result = CallResult(caller.room.name, began_at=time.monotonic())
            with playing, microphone:
                await _first(
                    caller.wait_for_agent(agent_timeout_s), caller.wait_disconnected(), hang_up.wait()
                )
                over = (caller.wait_disconnected, hang_up.wait)
                if push_to_talk is None or hang_up.is_set():
                    await _first(*(wait() for wait in over))
                else:
                    key = SpaceBar(caller.request, push_to_talk)
                    with key.listening():
                        await caller.use_key()
                        push_to_talk(KEYS)
                        await _first(*(wait() for wait in over), key.run())
            result.ended_at = time.monotonic()
            result.lines, result.events = caller.lines, caller.events
            await asyncio.to_thread(save_call, result, caller, out_dir)
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    return result


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Waits for the first of several; raises what it raised."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
