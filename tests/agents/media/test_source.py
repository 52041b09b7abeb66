from __future__ import annotations

import asyncio

import numpy as np
import pytest

from antiphon.agents.media.source import NativeSource


async def test_what_is_queued_is_known_by_the_clock() -> None:
    source = NativeSource(24_000, loop=asyncio.get_running_loop())
    assert source.rate_hz == 24_000
    assert source.queued_s(10.0) == 0.0
    source.push(np.zeros(2400, dtype=np.int16), 10.0)
    assert source.queued_s(10.0) == pytest.approx(0.1)
    assert source.queued_s(10.04) == pytest.approx(0.06)
    source.push(np.zeros(1200, dtype=np.int16), 10.05)
    assert source.queued_s(10.05) == pytest.approx(0.1)
    source.clear(10.06)
    assert source.queued_s(10.06) == 0.0
    source.push(np.zeros(2400, dtype=np.int16), 11.0)  # after it ran dry
    assert source.queued_s(11.0) == pytest.approx(0.1)
    source.close()
    source.push(np.zeros(2400, dtype=np.int16), 12.0)  # a call that is over takes nothing more
    assert source.queued_s(12.0) == 0.0
