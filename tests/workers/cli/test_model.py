"""`agent model` in a process of its own: labelled, answering, and gone at a signal."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

AGENT_MODEL = [sys.executable, "-m", "antiphon.workers.cli", "model"]


@pytest.mark.weights
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_it_is_and_where_and_ends_with_a_signal(number: signal.Signals) -> None:
    process = subprocess.Popen(AGENT_MODEL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        assert "demonstration model" in said
        assert re.search(r"brain +built-in demonstration brain", said)
        found = re.search(r"OPENAI_BASE_URL +(http://127\.0\.0\.1:\d+)/v1", said)
        assert found, said
        assert f"{found[1]}/v1/realtime/calls" in said
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(found[1] + "/healthz", timeout=5) as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.weights
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "TAKEN"], "port cannot be TAKEN. Allowed: a free port"),
        (["--session-limit", "0"], "session_limit_s cannot be 0.0"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*AGENT_MODEL, *(part.replace("TAKEN", port) for part in arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            env=dict(os.environ),
        )
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1
    assert len(errors) == 1
    assert message.replace("TAKEN", port) in errors[0]
    assert "Traceback" not in done.stderr
