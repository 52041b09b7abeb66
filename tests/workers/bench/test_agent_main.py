from __future__ import annotations

import os
import subprocess
import sys

import pytest
from livekit.agents import AgentServer

from antiphon.workers.bench import agent_main

# That it runs and answers, and says that its loop was blocked, is tested with the harness.


def test_it_is_an_app_whose_agent_has_the_arms_name() -> None:
    assert isinstance(agent_main.server, AgentServer)
    assert agent_main.server._agent_name == "antiphon"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_it_is_pinned_where_it_is_told_to_be() -> None:
    core = max(os.sched_getaffinity(0))
    code = "import os, antiphon.workers.bench.agent_main as m; print(m.ARM, sorted(os.sched_getaffinity(0)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "ANTIPHON_BENCH_CORE": str(core), "ANTIPHON_BENCH_ARM": "livekit-agents"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"livekit-agents [{core}]\n"
