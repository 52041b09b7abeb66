from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from antiphon.agents.media.thread import MediaThread


@pytest.fixture
def media() -> Iterator[MediaThread]:
    thread = MediaThread("test-media")
    yield thread
    thread.stop()


async def test_calls_run_there_in_their_order(media: MediaThread) -> None:
    seen: list[tuple[int, str]] = []
    done = threading.Event()
    for number in range(100):
        media.call(lambda n=number: seen.append((n, threading.current_thread().name)))  # type: ignore[misc]
    media.call(done.set)
    assert await asyncio.to_thread(done.wait, 5)
    assert seen == [(number, "test-media") for number in range(100)]


async def test_a_coroutine_can_be_awaited_from_another_loop(media: MediaThread) -> None:
    async def there() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert await media.run(there()) == "test-media"


async def test_it_goes_on_while_the_application_is_blocked(media: MediaThread) -> None:
    ticks = threading.Semaphore(0)

    def tick() -> None:
        ticks.release()
        media.loop.call_later(0.01, tick)

    media.call(tick)
    for _ in range(8):
        assert ticks.acquire(timeout=5)  # blocks this loop, as a careless application does


async def test_a_fault_in_one_handler_ends_nothing(media: MediaThread) -> None:
    def fault() -> None:
        raise ValueError("one call's")

    media.call(fault)
    assert await media.run(asyncio.sleep(0, "still here")) == "still here"


def test_there_is_one_a_process() -> None:
    assert MediaThread.shared() is MediaThread.shared()
