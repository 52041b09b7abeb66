from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from antiphon.agents import timeline as tl
from antiphon.agents.errors import MediaError
from antiphon.workers.picture import draw_call

TONE = (9000 * np.sin(np.arange(24_000 * 6) * 0.1)).astype(np.int16)
EVENTS: list[tl.Event] = [
    tl.AgentState(10.0, "listening"),
    tl.Onset(10.5, 10.4, False),
    tl.Commit(11.5, 11.0, 1.0),
    tl.FirstAudio(11.6, 0.1),
    tl.AgentState(11.7, "speaking"),
    tl.Hold(12.5, 800),
    tl.Resume(12.9, 800, "backchannel"),
    tl.Hold(13.5, 1400),
    tl.Yield(13.9, 1400, "turn"),
    tl.ToolCall(14.0, "weather"),
    tl.Failure(14.2, "X", "y"),
    tl.Hold(15.5, 1),
]


def size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


@pytest.mark.parametrize("events", [EVENTS, [], EVENTS * 20], ids=["a call", "no events", "very many"])
def test_a_call_becomes_a_png(tmp_path: Path, events: list[tl.Event]) -> None:
    path = tmp_path / "call.png"
    lines = [(11.0, "user", "What is the weather?"), (12.0, "agent", "Sunny, " * 40)]
    draw_call(path, caller=TONE, agent=TONE // 2, rate_hz=24_000, start=10.0, events=events, lines=lines)
    width, height = size(path)
    assert width > 800
    assert height > 400


def test_nothing_heard_is_a_picture_too(tmp_path: Path) -> None:
    path = tmp_path / "call.png"
    nothing = np.zeros(0, np.int16)
    draw_call(path, caller=TONE, agent=nothing, rate_hz=24_000, start=0.0, events=[])
    assert size(path)[0] > 800


@pytest.mark.parametrize("text", ["$5_{ to $10^{", "你好", "a\nb", "x" * 4000])
def test_any_words_can_be_drawn(tmp_path: Path, text: str) -> None:
    path = tmp_path / "call.png"
    events = [tl.Yield(1.0, 5, text), tl.ToolCall(2.0, text)]
    lines = [(0.5, "user", text), (1.0, "agent", text)]
    draw_call(path, caller=TONE, agent=TONE, rate_hz=24_000, start=0.0, events=events, lines=lines)
    assert size(path)[0] > 800


def test_a_call_of_no_length_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "call.png"
    nothing = np.zeros(0, np.int16)
    draw_call(path, caller=nothing, agent=nothing, rate_hz=24_000, start=0.0, events=[])
    assert size(path)[0] > 800


def test_without_matplotlib_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MediaError, match=r"needs matplotlib.*antiphon\[local\]"):
        draw_call(tmp_path / "x.png", caller=TONE, agent=TONE, rate_hz=24_000, start=0.0, events=[])
