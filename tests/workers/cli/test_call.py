"""Bad input to `agent call`: each one line that says what to do. A good call is in test_demo.py."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from antiphon.agents import timeline as tl
from antiphon.workers.caller.caller import Line
from antiphon.workers.cli.call import _Live
from antiphon.workers.tokens import make_token

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


def test_an_interruption_of_nothing_and_a_folder_that_is_none(tmp_path: Path) -> None:
    keys = ("--url", "ws://127.0.0.1:9", "--token", "t")
    one_line(call(*keys, "--interrupt-with", str(CLIP)), "--interrupt-with", "--say")
    taken = tmp_path / "file"
    taken.write_text("")
    one_line(call(*keys, "--say", str(CLIP), "--out", str(taken / "calls")), "--out", "file")


def test_words_of_any_kind_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with _Live() as live:
        live.show(Line(1.0, "user", "half a", False))
        live.show(Line(1.0, "user", "[/] is [no] markup", True))
        live.show(tl.ToolCall(1.0, "[red]"))
        live.show(tl.Yield(1.0, 1200, "turn"))
        live.show(tl.Usage(1.0, "", "", 90.0, 1.0, 1.0, 100, 50, 60, 40, 30, 0.0123))
        live.show(tl.Usage(1.0, "fast", "m", 90.0, 0.0, 0.0, 100, 50, 60, 40, 30, 0.0123))
        live.show(3)
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        " user [/] is [no] markup",
        "      tool [red]",
        "      yielded (turn) after 1.2 s heard",
        "      the call: 1.5 min, 100 tokens in, 40 out, $0.0123",
    ]


@pytest.mark.sfu
async def test_ctrl_c_hangs_up_and_leaves_what_was_recorded(sfu: Any, tmp_path: Path) -> None:
    token = make_token(
        api_key=sfu.api_key, api_secret=sfu.api_secret, room="ctrl-c", identity="agent", kind="agent"
    )
    room, source = rtc.Room(), rtc.AudioSource(24_000, 1)
    asked = asyncio.Event()
    room.on("track_subscribed", lambda *_: asked.set())
    await room.connect(sfu.url, token)
    await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("v", source))
    await room.local_participant.set_attributes({"lk.agent.state": "speaking"})
    tone = np.full(24_000, 5000, np.int16) * np.tile([1, -1], 12_000).astype(np.int16)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "antiphon.workers.cli", "call", "--room", "ctrl-c", "--say", str(CLIP),
        "--out", str(tmp_path / "c"),
        env={**os.environ, **sfu.environment()}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    await asyncio.wait_for(asked.wait(), 30)
    await source.capture_frame(rtc.AudioFrame(tone.tobytes(), 24_000, 1, 24_000))
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    await room.disconnect()
    await source.aclose()
    assert process.returncode == 130
    assert b"Hung up" in out
    assert b"Traceback" not in err
    assert {"call.wav", "timeline.jsonl", "call.png"} == set(os.listdir(tmp_path / "c"))
