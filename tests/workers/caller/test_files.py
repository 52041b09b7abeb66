from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from antiphon.agents import timeline as tl
from antiphon.workers.caller.caller import Caller, Line
from antiphon.workers.caller.files import observed, save_call, with_words
from antiphon.workers.caller.place_call import CallResult

RATE = 24_000


def called() -> tuple[CallResult, Caller]:
    """A call of 2 s: the caller's tone in the first, the agent's in the second, music under both."""
    caller = Caller("ws://127.0.0.1:9", "t")
    tone = (9000 * np.sin(np.arange(48_000) * 0.05)).astype(np.int16)
    caller.sent.add(tone, 100.0)
    caller.voice.track().add(tone[:RATE], 101.0)
    caller.background.track().add(np.full(2 * RATE, 50, np.int16), 100.0)
    caller.states = [(100.0, "listening"), (101.0, "speaking")]
    line = Line(101.2, "agent", "It costs $5.", True)
    return CallResult("r", lines=[line], began_at=100.0, ended_at=102.0), caller


async def test_a_recording_a_timeline_and_a_picture_are_left(tmp_path: Path) -> None:
    result, caller = called()
    save_call(result, caller, tmp_path / "calls" / "one")
    assert result.recording is not None
    with wave.open(str(result.recording)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, RATE, 2 * RATE)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    left, right = both[:, 0], both[:, 1]
    assert np.abs(left[:RATE]).max() > 8000 > 100 > np.abs(left[RATE + 500 :]).max()
    assert np.abs(right[:RATE]).max() == 50
    assert np.abs(right[RATE:]).max() > 8000
    assert result.timeline is not None
    first, *events = tl.read_events(result.timeline)
    assert isinstance(first, tl.Clock)
    assert [type(event) for event in events] == [
        tl.AgentState, tl.AgentState, tl.PlayoutStarted, tl.Transcript, tl.PlayoutEnded,
    ]  # fmt: skip
    assert isinstance(events[3], tl.Transcript)
    assert events[3].text == "It costs $5."
    assert result.picture is not None
    assert result.picture.read_bytes().startswith(b"\x89PNG")


async def test_without_matplotlib_the_other_files_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result, caller = called()
    save_call(result, caller, tmp_path)
    assert result.picture is None
    assert result.recording == tmp_path / "call.wav"
    assert result.timeline is not None
    assert len(tl.read_events(result.timeline)) == 6


async def test_what_is_observed_needs_nothing_of_the_agent() -> None:
    _, caller = called()
    speaking, began, ended = observed(caller, 100.0)[1:]
    assert speaking == tl.AgentState(101.0, "speaking")
    assert began == tl.PlayoutStarted(pytest.approx(101.0, abs=0.011))  # type: ignore[arg-type]
    assert isinstance(ended, tl.PlayoutEnded)
    assert ended.heard_ms == pytest.approx(1000, abs=20)


def test_words_shown_replace_those_the_feed_left_out() -> None:
    events = [
        tl.Clock(0.0, 1.0),
        tl.Transcript(3.0, "agent", True),
        tl.Hold(2.0, 1),
        tl.Commit(1.0, 0.5, 1.0),
    ]
    made = with_words(events, [Line(1.5, "user", "Hi", True)])
    assert made == [tl.Commit(1.0, 0.5, 1.0), tl.Transcript(1.5, "user", True, "Hi"), tl.Hold(2.0, 1)]
