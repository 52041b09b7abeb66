"""AgentSession's side of the audio: order of the input, segments of the output."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.voice import SpeechHandle

from antiphon.agents.media.io import AudioInput, AudioOutput


class Media:
    """Calls at once what would be called on the media thread."""

    def call(self, function: Any, *args: Any) -> None:
        function(*args)


class Plane:
    """Notes what the output hands over."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []
        self.heard = ("", 0)

    def reply_audio(self, reply_id: str, interruptible: bool, samples: Any) -> None:
        self.log.append(("audio", (reply_id, interruptible, len(samples))))

    def reply_complete(self, reply_id: str) -> None:
        self.log.append(("complete", reply_id))

    def interrupt(self, reply_id: str) -> None:
        self.log.append(("interrupt", reply_id))


def frame(samples: int = 240, channels: int = 1) -> rtc.AudioFrame:
    return rtc.AudioFrame(bytes(2 * samples * channels), 24_000, channels, samples)


class Rig:
    def __init__(self) -> None:
        self.plane = Plane()
        self.speech: SpeechHandle | None = SpeechHandle.create()
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ready.set_result(None)
        self.first: list[str] = []
        self.over: list[bool] = []
        self.output = AudioOutput(
            call=self.plane,  # type: ignore[arg-type]
            media=Media(),  # type: ignore[arg-type]
            current_speech=lambda: self.speech,
            ready=ready,
            on_first_audio=self.first.append,
            heard_text=lambda heard: f"words up to {heard}",
            on_over=self.over.append,
        )
        self.finished: list[Any] = []
        self.output.on("playback_finished", self.finished.append)


async def test_a_commit_runs_after_the_audio_before_it() -> None:
    order: list[object] = []
    source = AudioInput(asyncio.get_running_loop(), lambda _: None)
    source.put(np.ones(480, dtype=np.int16))
    source.put(lambda: order.append("commit"))
    source.put(np.ones(240, dtype=np.int16))
    source.put(None)
    async for made in source:
        order.append(made.samples_per_channel)  # noqa: PERF401  # acts append in between
    assert order == [480, "commit", 240]


async def test_each_stretch_of_audio_is_a_reply_of_its_own() -> None:
    rig = Rig()
    assert rig.speech is not None
    name = rig.speech.id
    await rig.output.capture_frame(frame())
    await rig.output.capture_frame(frame(120, channels=2))
    rig.output.flush()
    rig.output.ended(f"{name}#1", 360)
    await rig.output.capture_frame(frame())
    assert rig.first == [f"{name}#1", f"{name}#2"]
    assert rig.plane.log[:3] == [
        ("audio", (f"{name}#1", True, 240)),
        ("audio", (f"{name}#1", True, 120)),
        ("complete", f"{name}#1"),
    ]
    (done,) = rig.finished
    assert (done.playback_position, done.interrupted) == (360 / 24_000, False)
    assert rig.over == [False]


async def test_a_yielded_reply_ends_with_what_was_heard_when_the_session_asks() -> None:
    rig = Rig()
    await rig.output.capture_frame(frame(2400))
    assert rig.speech is not None
    assert rig.output.yielded(f"{rig.speech.id}#1", 1200) is rig.speech
    assert rig.finished == []  # the session has not interrupted yet
    await rig.output.capture_frame(frame(2400))  # what still comes
    rig.output.flush()
    rig.output.clear_buffer()
    (done,) = rig.finished
    assert (done.playback_position, done.interrupted) == (0.05, True)
    assert done.synchronized_transcript == "words up to 1200"
    assert [name for name, _ in rig.plane.log].count("audio") == 1
    assert (await rig.output.wait_for_playout()).interrupted


async def test_an_interruption_of_the_application_waits_for_the_media_plane() -> None:
    rig = Rig()
    await rig.output.capture_frame(frame(2400))
    rig.output.flush()
    rig.output.clear_buffer()
    rig.output.clear_buffer()
    assert rig.speech is not None
    assert [name for name, _ in rig.plane.log].count("interrupt") == 1
    assert rig.finished == []
    assert rig.output.yielded(f"{rig.speech.id}#1", 99_999) is None
    assert rig.finished[0].playback_position == pytest.approx(0.1)  # never beyond what was received


async def test_what_is_over_is_not_ended_twice() -> None:
    rig = Rig()
    await rig.output.capture_frame(frame())
    assert rig.speech is not None
    name = f"{rig.speech.id}#1"
    rig.output.ended(name, 240)
    rig.output.ended(name, 240)
    rig.output.clear_buffer()
    assert rig.output.yielded(name, 10) is None
    assert len(rig.finished) == 1
    assert rig.output.position is None
