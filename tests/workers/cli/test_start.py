"""`agent start` as its users meet it: a real process, a real server, an app that knows nothing of us."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from livekit import api, rtc

from antiphon.workers.tokens import make_token

if TYPE_CHECKING:
    from antiphon.workers.sfu import LocalSfu

APP = """
from livekit.agents import AgentServer, JobContext

server = AgentServer()


@server.rtc_session(agent_name="plain")
async def entrypoint(ctx: JobContext) -> None:
    await ctx.connect()
"""


class Running:
    """A verb in a process, with what it says, line by line."""

    def __init__(self, arguments: list[str], environ: dict[str, str], cwd: Path | None) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LIVEKIT_", "OPENAI_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "antiphon.workers.cli", *arguments],
            env={**clean, **environ},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, part: str, within_s: float = 30.0) -> None:
        with self._said:
            found = self._said.wait_for(lambda: part in self.text, within_s)
        assert found, f"{part!r} was not said in {within_s} s, but:\n{self.text}"

    def end(self, within_s: float = 30.0) -> int:
        code = self.process.wait(within_s)
        self._reader.join(10)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        assert self.process.stdout is not None
        self.process.stdout.close()


Start = Callable[..., Running]


@pytest.fixture
def run() -> Iterator[Start]:
    started: list[Running] = []

    def start(*arguments: str, environ: dict[str, str] | None = None, cwd: Path | None = None) -> Running:
        started.append(Running(list(arguments), environ or {}, cwd))
        return started[-1]

    yield start
    for running in started:
        running.close()


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "plain_bot.py"
    path.write_text(APP)
    return path


def eventually(condition: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def one_line_error(running: Running, code: int, *parts: str) -> None:
    assert running.end() == code, running.text
    errors = [line for line in running.lines if line.startswith("error: ")]
    assert running.lines == errors, "something else was said"
    assert len(errors) == 1
    assert "Traceback" not in running.text
    for part in parts:
        assert part in errors[0]


@contextlib.asynccontextmanager
async def called(sfu: LocalSfu, room: str) -> AsyncIterator[rtc.Room]:
    """A person in ``room`` with the app's agent, once it is there."""
    there = rtc.Room()
    token = make_token(
        api_key=sfu.api_key, api_secret=sfu.api_secret, room=room, identity="person", agent="plain"
    )
    came = asyncio.Event()

    @there.on("participant_connected")
    def _(participant: rtc.RemoteParticipant) -> None:
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            came.set()

    await there.connect(sfu.url, token)
    try:
        async with asyncio.timeout(20):
            await came.wait()
        yield there
    finally:
        await there.disconnect()


# It cannot start


def test_no_server_is_named(run: Start, app: Path) -> None:
    one_line_error(run("start", str(app)), 3, "LIVEKIT_URL", "agent dev")


def test_nobody_answers_at_the_url(run: Start, app: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
    began = time.monotonic()
    one_line_error(
        run("start", str(app), "--url", url, "--api-key", "k", "--api-secret", "secret"),
        3,
        "does not answer",
        url,
        "correct LIVEKIT_URL",
    )
    assert time.monotonic() - began < 15


@pytest.mark.sfu
def test_the_key_is_wrong(run: Start, app: Path, sfu: LocalSfu) -> None:
    environ = {**sfu.environment(), "LIVEKIT_API_SECRET": "wrong" * 8}
    one_line_error(run("start", str(app), environ=environ), 3, "refused the key", "Check LIVEKIT_API_KEY")


@pytest.mark.sfu
def test_the_app_is_missing(run: Start, sfu: LocalSfu, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.py")
    one_line_error(run("start", missing, environ=sfu.environment()), 3, "no such application", missing)


@pytest.mark.sfu
def test_the_app_has_no_server(run: Start, sfu: LocalSfu, tmp_path: Path) -> None:
    path = tmp_path / "empty_bot.py"
    path.write_text("x = 1\n")
    one_line_error(
        run("start", str(path), environ=sfu.environment()), 3, "no AgentServer", "@server.rtc_session"
    )


@pytest.mark.sfu
def test_the_app_fails_when_loaded(run: Start, sfu: LocalSfu, tmp_path: Path) -> None:
    path = tmp_path / "broken_bot.py"
    path.write_text("x = 1\nraise KeyError('a b')\n")
    one_line_error(
        run("start", str(path), environ=sfu.environment()), 3, "broken_bot.py:2", "KeyError: 'a b'"
    )


def test_debug_shows_where_an_error_came_from(run: Start, app: Path) -> None:
    running = run("--debug", "start", str(app))
    assert running.end() == 3
    assert "Traceback" in running.text
    assert running.lines[-1].startswith("error: LIVEKIT_URL")


@pytest.mark.parametrize(
    "arguments", [["start"], ["start", "a.py", "--slots", "many"], ["start", "a.py", "--nonsense"], ["stort"]]
)
def test_wrong_usage_is_one_line_with_where_to_look(run: Start, arguments: list[str]) -> None:
    one_line_error(run(*arguments), 2, "--help`")


# It runs


@pytest.mark.sfu
@pytest.mark.parametrize("executor", ["thread", "process"])
async def test_an_unchanged_app_takes_a_call_and_drains_at_the_first_signal(
    run: Start, app: Path, sfu: LocalSfu, executor: str
) -> None:
    running = run("start", str(app), "--executor", executor, environ=sfu.environment())
    running.wait_for("registered worker")
    tree = [
        psutil.Process(running.process.pid),
        *psutil.Process(running.process.pid).children(recursive=True),
    ]
    addresses = {
        part.laddr.ip
        for process in tree
        for part in process.net_connections("tcp")
        if part.status == "LISTEN"
    }
    assert addresses <= {"127.0.0.1"}
    async with called(sfu, f"drain-{executor}"):
        running.process.send_signal(signal.SIGTERM)
        running.wait_for("draining")
        assert running.process.poll() is None, "it did not wait for the call"
        async with api.LiveKitAPI(sfu.url, sfu.api_key, sfu.api_secret) as client:
            await client.room.delete_room(api.DeleteRoomRequest(room=f"drain-{executor}"))
    assert running.end() == 0, running.text
    eventually(  # the fork server sees by a closed pipe that the worker is gone
        lambda: not any(process.is_running() and process.status() != "zombie" for process in tree),
        "the job processes are gone",
    )
    for line in running.lines:
        json.loads(line)


@pytest.mark.sfu
async def test_the_second_signal_stops_it_at_once(run: Start, app: Path, sfu: LocalSfu) -> None:
    running = run("start", str(app), environ=sfu.environment())
    running.wait_for("registered worker")
    async with called(sfu, "second-signal"):
        running.process.send_signal(signal.SIGINT)
        running.wait_for("draining")
        began = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 1
        assert time.monotonic() - began < 3


@pytest.mark.sfu
async def test_nothing_is_left_after_kill_9(run: Start, app: Path, sfu: LocalSfu) -> None:
    # From the app's own folder, where job processes must find it by its name.
    running = run("start", app.name, "--executor", "process", environ=sfu.environment(), cwd=app.parent)
    running.wait_for("registered worker")
    async with called(sfu, "kill-9"):
        tree = psutil.Process(running.process.pid).children(recursive=True)
        assert tree, "a job process was expected"
        running.process.kill()
        eventually(
            lambda: not any(process.is_running() and process.status() != "zombie" for process in tree),
            "the job processes are gone",
        )


@pytest.mark.sfu
def test_personal_data_stays_out_of_the_logs_unless_asked_for(
    run: Start, tmp_path: Path, sfu: LocalSfu
) -> None:
    path = tmp_path / "telling_bot.py"
    path.write_text(
        APP + '\nfrom antiphon.agents.logs import get_logger\nget_logger("antiphon.app").info("heard",'
        ' personal_text="my name is Ann", size=3)\n'
    )
    for option, told in (([], False), (["--log-personal"], True)):
        running = run("start", str(path), *option, environ=sfu.environment())
        running.wait_for("registered worker")
        running.process.send_signal(signal.SIGTERM)
        assert running.end() == 0
        (line,) = [line for line in running.lines if '"heard"' in line]
        assert json.loads(line)["size"] == 3
        assert ("my name is Ann" in running.text) is told
