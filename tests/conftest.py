"""Fixtures for every test: real audio, a real SFU, and no task left running."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

if TYPE_CHECKING:
    from antiphon.workers.sfu import LocalSfu

DATA = Path(__file__).parent / "data"
# How long an example takes says more about the machine than about the code.
settings.register_profile("antiphon", deadline=None)
settings.load_profile("antiphon")

_SHARED = Path(__file__).parents[2] / "shared" / "audio"

# Tasks that livekit and aiohttp keep beyond a test (readers, connections), by the name of their coroutine.
_NOT_OURS = ("FfiQueue", "_ffi", "AudioStream._run", "StreamReader", "RequestHandler.")


def load_audio(path: Path, rate: int) -> NDArray[np.int16]:
    """A sound file as mono int16 at ``rate`` Hz."""
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler("s16", "mono", rate)
        parts = [
            out.to_ndarray().ravel()
            for frame in container.decode(audio=0)
            for out in resampler.resample(frame)
        ]
        parts += [out.to_ndarray().ravel() for out in resampler.resample(None)]
    return np.concatenate(parts)


@pytest.fixture(scope="session")
def clip() -> Callable[..., NDArray[np.int16]]:
    """``clip("name", rate)``: a small clip of tests/data, mono int16."""

    def load(name: str, rate: int = 16_000) -> NDArray[np.int16]:
        return load_audio(DATA / f"{name}.flac", rate)

    return load


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """The large collection of clips, where a machine has it; else the test is skipped."""
    folder = Path(os.environ.get("ANTIPHON_AUDIO", _SHARED))
    if not folder.is_dir():
        pytest.skip(f"no audio collection at {folder}; set ANTIPHON_AUDIO")
    return folder


@pytest.fixture(scope="session")
def sfu() -> Iterator[LocalSfu]:
    """A LiveKit server on loopback, shared by the whole run."""
    from antiphon.workers.sfu import start_sfu

    server = start_sfu(progress=lambda text: print(text, file=sys.__stderr__, flush=True))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
async def _no_leaked_tasks() -> Iterator[None]:  # type: ignore[misc]
    """Fails an asynchronous test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    for _ in range(20):  # let what was cancelled unwind
        left = [task for task in asyncio.all_tasks() - before if not task.done() and _ours(task)]
        if not left:
            return
        await asyncio.sleep(0)
    _, pending = await asyncio.wait(left, timeout=1.0)
    assert not pending, "tasks left running: " + "; ".join(str(task.get_coro()) for task in pending)


def _ours(task: asyncio.Task[object]) -> bool:
    if task is asyncio.current_task():
        return False
    name = getattr(task.get_coro(), "__qualname__", "")
    return not any(part in name for part in _NOT_OURS)
