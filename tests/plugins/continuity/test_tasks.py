from __future__ import annotations

import asyncio

import pytest

from antiphon.plugins.continuity.tasks import Tasks


async def test_those_that_are_to_end_are_waited_for_and_the_others_cancelled() -> None:
    tasks, done = Tasks(), []
    release = asyncio.Event()

    async def work(name: str) -> None:
        await release.wait()
        done.append(name)

    kept, other = tasks.spawn(work("kept"), to_the_end=True), tasks.spawn(work("other"))
    tasks.cancel()
    asyncio.get_running_loop().call_soon(release.set)
    await tasks.join()
    assert done == ["kept"]
    assert kept.done()
    assert other.cancelled()


async def test_a_failure_is_logged(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def fails() -> None:
        raise ValueError("this one")

    tasks = Tasks()
    tasks.spawn(fails())
    await tasks.join()
    assert "this one" in capsys.readouterr().out + caplog.text
