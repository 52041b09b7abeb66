from __future__ import annotations

import os

from livekit.agents import AgentServer

from antiphon.workers.bench import agent_main


def test_it_is_an_app_with_a_named_agent() -> None:
    # That it runs and answers is tested with the harness.
    assert isinstance(agent_main.server, AgentServer)
    assert agent_main.server._agent_name == "bench"


def test_importing_it_pins_nothing_unless_told() -> None:
    assert "ANTIPHON_BENCH_CORE" not in os.environ
    assert len(os.sched_getaffinity(0)) == len(os.sched_getaffinity(1)) or len(os.sched_getaffinity(0)) >= 1
