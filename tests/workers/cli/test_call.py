"""Bad input to `agent call`: each one line that says what to do. A good call is in test_demo.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLIP = Path(__file__).parents[2] / "data" / "weather_question.flac"


def call(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LIVEKIT_")}
    return subprocess.run(
        [sys.executable, "-m", "antiphon.workers.cli", "call", *arguments],
        capture_output=True,
        text=True,
        env={**clean, **environ},
        timeout=60,
        check=False,
    )


def one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode not in (0, None)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, done.stderr
    for part in parts:
        assert part in lines[0]
    assert "Traceback" not in done.stderr


def test_no_address_and_no_key() -> None:
    one_line(call("--say", str(CLIP)), "--url", "LIVEKIT_URL")
    one_line(call("--url", "ws://127.0.0.1:9", "--say", str(CLIP)), "--token", "agent dev")


def test_nobody_at_the_address() -> None:
    done = call("--url", "ws://127.0.0.1:9", "--api-key", "k", "--api-secret", "s" * 40, "--say", str(CLIP))
    one_line(done, "could not be joined", "ws://127.0.0.1:9")


def test_a_file_that_is_no_sound(tmp_path: Path) -> None:
    text = tmp_path / "question.wav"
    text.write_text("hello")
    done = call("--url", "ws://127.0.0.1:9", "--token", "t", "--say", str(text))
    one_line(done, "question.wav", "WAV")


@pytest.mark.sfu
def test_a_wrong_key(sfu: Any) -> None:
    done = call("--url", sfu.url, "--api-key", "wrong", "--api-secret", "s" * 40, "--say", str(CLIP))
    one_line(done, "could not be joined")


@pytest.mark.sfu
def test_no_agent_comes(sfu: Any, tmp_path: Path) -> None:
    done = call(
        "--say", str(CLIP), "--timeout", "1", "--agent", "nobody", "--out", str(tmp_path / "c"),
        **sfu.environment(),
    )  # fmt: skip
    one_line(done, "no agent came within 1 s", "worker")


def test_no_microphone_says_what_to_do_instead() -> None:
    done = call("--url", "ws://127.0.0.1:9", "--token", "t")
    if done.returncode != 0:  # a machine without sound, as servers are
        one_line(done, "--say")
