"""What is set on an app's server, and that settings have bounds. `agent start` itself: cli/test_start.py."""

from __future__ import annotations

import pytest
from livekit.agents import AgentServer, JobExecutorType

from antiphon.agents.errors import ConfigError, ServerUnavailable
from antiphon.workers.worker import WorkerSettings, preflight, prepare


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slots": 0}, "slots cannot be 0. Allowed: 1 to 1000"),
        ({"slots": 1001}, "slots cannot be 1001"),
        ({"executor": "fork"}, "executor cannot be 'fork'. Allowed: thread, process or app"),
        ({"drain_s": -1.0}, "drain cannot be -1.0"),
        ({"drain_s": float("nan")}, "drain cannot be nan"),
    ],
)
def test_a_setting_out_of_range_is_told(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        WorkerSettings(**settings)  # type: ignore[arg-type]
    assert message in str(error.value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> AgentServer:
    monkeypatch.setenv("LIVEKIT_URL", "ws://127.0.0.1:9")
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s" * 32)
    return AgentServer()


@pytest.mark.parametrize(
    ("executor", "expected"), [("thread", JobExecutorType.THREAD), ("process", JobExecutorType.PROCESS)]
)
def test_jobs_run_as_asked_and_on_loopback(
    server: AgentServer, executor: str, expected: JobExecutorType
) -> None:
    prepare(server, WorkerSettings(executor=executor))  # type: ignore[arg-type]
    assert server._job_executor_type is expected
    assert (server._host, server._port) == ("127.0.0.1", 0)
    assert server._ws_url == "ws://127.0.0.1:9"


def test_the_app_may_choose_how_jobs_run_and_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "ws://127.0.0.1:9")
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s" * 32)
    server = AgentServer(job_executor_type=JobExecutorType.PROCESS, host="10.0.0.1", port=8081)
    prepare(server, WorkerSettings(executor="app"))
    assert server._job_executor_type is JobExecutorType.PROCESS
    assert (server._host, server._port) == ("10.0.0.1", 8081)


@pytest.mark.parametrize("slots", [1, 3, 20, 1000])
def test_it_is_full_at_exactly_its_slots(server: AgentServer, slots: int) -> None:
    prepare(server, WorkerSettings(slots=slots))
    threshold = server._load_threshold
    assert isinstance(threshold, float)

    class Busy:
        active_jobs = ("call",) * (slots - 1)

    assert server.load_fnc is not None
    assert server.load_fnc(Busy()) < threshold, "the last slot is taken"  # type: ignore[call-arg]
    Busy.active_jobs = ("call",) * slots
    assert server.load_fnc(Busy()) >= threshold, "and none beyond it"  # type: ignore[call-arg]


async def test_preflight_raises_what_the_probe_does() -> None:
    environ = {"LIVEKIT_URL": "ws://127.0.0.1:1", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s" * 32}
    with pytest.raises(ServerUnavailable):
        await preflight(environ)
    with pytest.raises(ConfigError, match="LIVEKIT_API_KEY"):
        await preflight({"LIVEKIT_URL": "ws://127.0.0.1:1"})
