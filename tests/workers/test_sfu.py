"""Where a server comes from, that it is hermetic, and that it never outlives us."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from antiphon.agents.errors import ConfigError, ServerUnavailable
from antiphon.workers import probe, sfu_build
from antiphon.workers import sfu as sfu_module
from antiphon.workers.guardian import Guarded
from antiphon.workers.sfu import LocalSfu, find_server, local_sfu, start_sfu


def without_url(**changes: str) -> dict[str, str]:
    """The environment with no LiveKit server in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LIVEKIT_")} | changes


def executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made meanwhile."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


# Where it comes from


def test_path_comes_before_the_cache(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path)}
    executable(sfu_build.cached_binary(environ), "exit 0")
    on_path = executable(tmp_path / "bin" / "livekit-server", "exit 0")
    assert find_server(environ=environ) == (on_path, "on PATH")


def test_the_cache_comes_before_a_build(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path)}
    cached = executable(sfu_build.cached_binary(environ), "exit 0")
    executable(tmp_path / "bin" / "go", "exit 1")
    assert find_server(environ=environ)[0] == cached
    assert sfu_build.VERSION in str(cached)


def test_with_nothing_there_the_three_ways_are_listed(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(ServerUnavailable) as error:
        start_sfu(environ=environ)
    text = str(error.value)
    assert "\n" not in text
    for way in ("LIVEKIT_URL", "livekit-server on PATH", "Go 1.26"):
        assert way in text


def test_a_server_that_ends_at_once_is_told_with_what_it_said(tmp_path: Path, temporary: Path) -> None:
    executable(tmp_path / "livekit-server", "echo no such thing; exit 1")
    with pytest.raises(ServerUnavailable, match=r"did not start .*no such thing") as error:
        start_sfu(environ=without_url(PATH=str(tmp_path)))
    assert "\n" not in str(error.value)
    (log,) = temporary.glob("*/*")
    assert log.read_text() == "no such thing\n"
    assert f"Its log: {log}." in str(error.value)


def test_a_server_that_never_answers_is_ended_and_its_log_stays(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sfu_module, "_READY_S", 0.2)
    executable(tmp_path / "livekit-server", "echo waiting; exec sleep 60")
    before = psutil.Process().children()
    with pytest.raises(ServerUnavailable, match=r"did not start .*waiting.*log: /"):
        start_sfu(environ=without_url(PATH=f"{tmp_path}:{os.environ['PATH']}"))
    assert psutil.Process().children() == before
    assert [path.name for path in temporary.glob("*/*")] == ["livekit-server.log"]


def test_a_start_that_is_interrupted_leaves_nothing(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(probe, "answers", interrupted)
    executable(tmp_path / "livekit-server", "exec sleep 60")
    before = psutil.Process().children()
    with pytest.raises(KeyboardInterrupt):
        start_sfu(environ=without_url(PATH=f"{tmp_path}:{os.environ['PATH']}"))
    assert psutil.Process().children() == before
    assert not list(temporary.iterdir())


def test_taken_ports_are_chosen_anew(tmp_path: Path, temporary: Path) -> None:
    tries = tmp_path / "tries"
    executable(
        tmp_path / "livekit-server", f"echo x >> {tries}; echo listen: bind: address already in use; exit 1"
    )
    with pytest.raises(ServerUnavailable):
        start_sfu(environ=without_url(PATH=f"{tmp_path}:{os.environ['PATH']}"))
    assert len(tries.read_text().splitlines()) == 5
    assert len(list(temporary.iterdir())) == 1, "the logs of the tries before are gone"


@pytest.mark.sfu
def test_livekit_url_comes_first(sfu: LocalSfu, tmp_path: Path) -> None:
    executable(tmp_path / "livekit-server", "exit 1")
    given = start_sfu(environ={"PATH": str(tmp_path), **sfu.environment()})
    assert (given.url, given.owned, given.pid, given.log_path) == (sfu.url, False, None, None)
    given.stop()  # not ours: nothing happens
    assert sfu.running


@pytest.mark.sfu
def test_livekit_url_without_a_key_names_what_is_missing(sfu: LocalSfu) -> None:
    with pytest.raises(ConfigError, match="LIVEKIT_API_KEY"):
        start_sfu(environ={"LIVEKIT_URL": sfu.url})


# What it is


@pytest.mark.sfu
def test_it_listens_on_loopback_alone_and_keeps_its_secret() -> None:
    server = start_sfu(environ=without_url())
    try:
        assert server.owned
        assert len(server.api_secret) >= 32
        assert server.api_secret not in repr(server)
        assert server.pid is not None
        (process,) = psutil.Process(server.pid).children()
        addresses = {part.laddr.ip for part in process.net_connections(kind="inet")}
        assert addresses == {"127.0.0.1"}
        assert server.api_secret not in " ".join(process.cmdline())
        assert server.log_path is not None
        config = server.log_path.with_suffix(".yaml")
        assert config.stat().st_mode & 0o777 == 0o600
        assert "starting LiveKit server" in server.log_path.read_text()
    finally:
        server.stop()
    assert not server.running
    assert not process.is_running()
    assert not config.parent.exists()
    server.stop()  # again: nothing happens


@pytest.mark.sfu
def test_a_log_that_is_to_be_kept_is_kept_without_the_secret() -> None:
    server = start_sfu(environ=without_url())
    assert server.log_path is not None
    server.keep_log = True
    server.stop()
    assert list(server.log_path.parent.iterdir()) == [server.log_path]
    shutil.rmtree(server.log_path.parent)


@pytest.mark.sfu
def test_the_log_of_a_server_that_ended_by_itself_stays(all_end: Callable[..., None]) -> None:
    server = start_sfu(environ=without_url())
    assert server.log_path is not None
    guardian = psutil.Process(server.pid)
    guardian.children()[0].kill()
    all_end(guardian)
    assert not server.running
    server.stop()
    assert list(server.log_path.parent.iterdir()) == [server.log_path]
    shutil.rmtree(server.log_path.parent)


@pytest.mark.sfu
def test_a_port_that_is_taken_is_named(sfu: LocalSfu) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port cannot be {port}"):
            start_sfu(port=port, environ=without_url())


@pytest.mark.sfu
def test_a_port_just_left_can_be_used_again() -> None:
    first = start_sfu(environ=without_url())
    first.stop()
    port = int(first.url.rsplit(":", 1)[1])
    second = start_sfu(port=port, environ=without_url())
    second.stop()
    assert second.url == first.url


@pytest.mark.sfu
async def test_the_context_manager_stops_it() -> None:
    async with local_sfu() as server:
        assert server.running
    assert server.running != server.owned  # one given by LIVEKIT_URL stays


@pytest.mark.sfu
async def test_cancelled_while_it_starts_it_is_stopped_all_the_same(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    launched: asyncio.Future[Guarded] = loop.create_future()

    class Seen(Guarded):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            loop.call_soon_threadsafe(launched.set_result, self)

    monkeypatch.setattr(sfu_module, "Guarded", Seen)
    for name in without_url().keys() ^ os.environ.keys():
        monkeypatch.delenv(name)

    async def use() -> None:
        async with local_sfu():
            raise AssertionError("it was cancelled before")

    using = asyncio.create_task(use())
    process = await asyncio.wait_for(launched, 10)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    await asyncio.to_thread(process.wait, 10)
    assert await asyncio.to_thread(os.listdir, temporary) == []


STARTER = """
import sys, threading
from antiphon.workers.sfu import start_sfu
found = []
thread = threading.Thread(target=lambda: found.append(start_sfu()))
thread.start()
thread.join()
print(found[0].pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.sfu
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_is_gone_when_its_starter_is(
    number: signal.Signals, tmp_path: Path, all_end: Callable[..., None]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=without_url(TMPDIR=str(tmp_path)),
    ) as starter:
        assert starter.stdout is not None
        guardian = psutil.Process(int(starter.stdout.readline()))
        (server,) = guardian.children()
        assert server.name() == "livekit-server"
        starter.send_signal(number)
        starter.wait()
        all_end(server, guardian)
