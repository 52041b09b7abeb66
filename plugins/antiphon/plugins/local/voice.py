"""The local model's voice: Piper behind a pipe, or espeak-ng where Piper is not installed.

`PiperVoice` starts the worker at the first word and again if it dies. Texts of several sessions are
spoken in turn. Stopping the iteration stops the work.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import struct
import sys
from collections.abc import AsyncGenerator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from antiphon.agents.errors import ConfigError, ModelUnavailable
from antiphon.agents.logs import get_logger
from antiphon.plugins.local._voice_worker import HEAD
from antiphon.plugins.local.engines import RATE_HZ, Samples
from antiphon.plugins.local.resample import resample
from antiphon.plugins.local.weights import INSTALL_HINT, find_piper

__all__ = ["EspeakVoice", "PiperVoice", "find_voice"]

log = get_logger(__name__)

_CHUNK = RATE_HZ // 5  # samples; 200 ms
_STARTUP_S = 30.0

_Sound = tuple[bytes, bytes]


class PiperVoice:
    """Speaks with Piper.

    Args:
        path: A Piper voice, ``.onnx``; the packaged one when not given.

    Raises:
        ConfigError: There is no such voice, or none is installed.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.weights = find_piper(path)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._rate = 22_050
        self._count = 0
        self._jobs: dict[int, asyncio.Queue[_Sound]] = {}

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[Samples, None]:
        """Streams the text as int16 mono at 24 kHz, pieces of at most 200 ms.

        Raises:
            ModelUnavailable: Piper failed.
        """
        if not any(character.isalnum() for character in text):
            return
        await self._ensure()
        self._count += 1
        number = self._count
        queue = self._jobs[number] = asyncio.Queue()
        done = False
        try:
            self._write(b"S", json.dumps({"id": number, "text": text}).encode())
            while True:
                kind, body = await queue.get()
                if kind != b"A":
                    done = True
                    if kind == b"X":
                        raise ModelUnavailable("the voice failed", value=body.decode(errors="replace"))
                    return
                wide = resample(np.frombuffer(body, dtype="<i2").astype(np.float32), self._rate, RATE_HZ)
                sound = np.clip(np.rint(wide), -32768, 32767).astype(np.int16)
                for start in range(0, len(sound), _CHUNK):
                    yield sound[start : start + _CHUNK]
        finally:
            del self._jobs[number]
            if not done:
                self._write(b"C", struct.pack("<I", number))

    async def warm_up(self) -> None:
        """Starts the worker: 1 to 2 s that the first word need not wait for."""
        await self._ensure()

    async def aclose(self) -> None:
        """Ends the worker."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 2.0)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _ensure(self) -> None:
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "antiphon.plugins.local._voice_worker",
                str(self.weights.path),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=1 << 24,
            )
            try:
                kind, body = await asyncio.wait_for(self._read(), _STARTUP_S)
            except (asyncio.IncompleteReadError, TimeoutError):
                await self.aclose()
                raise ModelUnavailable(
                    "the voice did not start",
                    value=str(self.weights.path),
                    hint=f"Try: {sys.executable} -m antiphon.plugins.local._voice_worker {self.weights.path}",
                ) from None
            if kind == b"R":
                self._rate = int(json.loads(body)["rate"])
            self._reader = asyncio.create_task(self._deliver(), name="antiphon-voice")

    async def _read(self) -> _Sound:
        assert self._process is not None
        assert self._process.stdout is not None
        kind, length = HEAD.unpack(await self._process.stdout.readexactly(HEAD.size))
        return kind, await self._process.stdout.readexactly(length)

    async def _deliver(self) -> None:
        """Hands sound to whom it belongs; when the worker dies, tells everyone."""
        try:
            while True:
                kind, body = await self._read()
                (number,) = struct.unpack_from("<I", body)
                if queue := self._jobs.get(number):
                    queue.put_nowait((kind, body[4:]))
        except (asyncio.IncompleteReadError, ConnectionError):
            process, self._process = self._process, None  # the next text starts another
            for queue in self._jobs.values():
                queue.put_nowait((b"X", b"its process ended"))
            if process is not None:
                await process.wait()

    def _write(self, kind: bytes, body: bytes) -> None:
        process = self._process
        if process is not None and process.stdin is not None and process.returncode is None:
            process.stdin.write(HEAD.pack(kind, len(body)) + body)


class EspeakVoice:
    """Speaks with espeak-ng's command, a process a text. Robotic, small and everywhere."""

    def __init__(self, command: str) -> None:
        self._command = command

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[Samples, None]:
        """Streams the text as int16 mono at 24 kHz, pieces of at most 200 ms.

        Raises:
            ModelUnavailable: espeak-ng failed.
        """
        process = await asyncio.create_subprocess_exec(
            self._command, "--stdout", "--stdin", stdin=-1, stdout=-1, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            output, _ = await process.communicate(text.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0 or len(output) <= 44:
            raise ModelUnavailable("espeak-ng failed", value=process.returncode)
        rate = int.from_bytes(output[24:28], "little")
        wide = resample(np.frombuffer(output[44:], dtype="<i2").astype(np.float32), rate, RATE_HZ)
        sound = np.clip(np.rint(wide), -32768, 32767).astype(np.int16)
        for start in range(0, len(sound), _CHUNK):
            yield sound[start : start + _CHUNK]


def find_voice(path: str | Path | None = None) -> tuple[PiperVoice | EspeakVoice, str]:
    """The best voice there is, and its name for people.

    Raises:
        ConfigError: There is none; says what to install.
    """
    missing: ConfigError | None = None
    if find_spec("piper") is not None:
        try:
            voice = PiperVoice(path)
            return voice, voice.weights.label
        except ConfigError as error:
            if path is not None:
                raise
            missing = error
    command = shutil.which("espeak-ng")
    if command is not None:
        return EspeakVoice(command), "espeak-ng"
    raise missing or ConfigError("piper_voice", None, f"{INSTALL_HINT}, or espeak-ng on PATH")
