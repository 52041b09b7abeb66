from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from antiphon.workers.bench.harness import ear
from antiphon.workers.bench.score import Ear
from antiphon.workers.caller import Caller, Played
from antiphon.workers.guardian import Guarded
from antiphon.workers.tokens import make_token


async def heard(caller: Caller, played: Played) -> Ear:
    """What came back, once it is over."""

    def now() -> Ear:
        return ear(caller, played.onset_at, time.monotonic())

    assert await caller.until(lambda: now().gone(played.onset_at) is not None, 10)
    return now()


@pytest.mark.sfu
async def test_a_sound_comes_back(sfu: Any) -> None:
    def token(identity: str, kind: str = "standard") -> str:
        keys = {"api_key": sfu.api_key, "api_secret": sfu.api_secret}
        return make_token(**keys, room="echo-test", identity=identity, kind=kind)

    command = [sys.executable, "-m", "antiphon.workers.bench.echo_main", sfu.url, token("echo", "agent")]
    process = Guarded(command, stdout=subprocess.PIPE, grace_s=0.5)
    try:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"ready\n"
        async with Caller(sfu.url, token("caller")) as caller:
            await caller.wait_for_agent(10)
            tone = (9000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 48_000)).astype(np.int16)
            await heard(caller, await caller.play(tone))  # the first sound opens the path
            played = await caller.play(tone)
            back = (await heard(caller, played)).first_voice(played.onset_at)
            assert back is not None
            assert 0.02 < back - played.onset_at < 0.6
    finally:
        await asyncio.to_thread(process.stop)
