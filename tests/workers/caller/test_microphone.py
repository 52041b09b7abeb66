from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from antiphon.agents.errors import MediaError
from antiphon.workers.caller import read_audio
from antiphon.workers.caller.microphone import Devices, Speaker, open_devices, talk
from antiphon.workers.caller.recording import level_dbfs
from antiphon.workers.tokens import make_token


class Device(ModuleType):
    class PortAudioError(Exception):
        pass

    def __init__(self, found: bool) -> None:
        super().__init__("sounddevice")
        self.found = found

    def query_devices(self, kind: str) -> dict[str, str]:
        if not self.found:
            raise self.PortAudioError("Error querying device -1")
        return {"name": f"the {kind}"}


def test_devices_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Device(True))
    devices = open_devices()
    assert (devices.microphone, devices.speaker) == ("the input", "the output")


def test_no_device_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Device(False))
    with pytest.raises(MediaError, match=r"no microphone was found.*--say"):
        open_devices()


def test_the_speaker_mixes_tracks_and_does_not_fall_behind() -> None:
    speaker = Speaker()
    assert not speaker.take(10).any()
    speaker.add("voice", np.full(240, 20_000, np.int16))
    speaker.add("music", np.full(120, 20_000, np.int16))
    made = speaker.take(300)
    assert (made[0], made[130], made[250]) == (32_767, 20_000, 0)
    for number in range(100):  # 1 s that nobody took
        speaker.add("voice", np.full(240, number, np.int16))
    assert speaker.take(1)[0] == 80  # the last 0.2 s are left


class Stream:
    """A PortAudio stream whose callback the test calls."""

    def __init__(self, callback: Any, **_: Any) -> None:
        self.callback = callback

    def __enter__(self) -> None:
        opened.append(self)

    def __exit__(self, *_: object) -> None:
        opened.remove(self)


class Clock:
    currentTime = outputBufferDacTime = inputBufferAdcTime = 1.0


opened: list[Stream] = []


async def hang_up_when(condition: Callable[[], bool]) -> None:
    """Stands in for the devices' clock: asks every 20 ms."""
    for _ in range(1000):
        if condition():
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("it did not come to that")
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.sfu
async def test_a_talk_ends_with_ctrl_c_and_leaves_its_files(sfu: Any, tmp_path: Path) -> None:
    device = Device(True)
    device.RawOutputStream = device.RawInputStream = Stream  # type: ignore[attr-defined]
    keys = {"url": sfu.url, "api_key": sfu.api_key, "api_secret": sfu.api_secret}
    token = make_token(
        api_key=sfu.api_key, api_secret=sfu.api_secret, room="talk", identity="a", kind="agent"
    )
    room, source = rtc.Room(), rtc.AudioSource(24_000, 1)
    await room.connect(sfu.url, token)
    await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("v", source))
    tone = (9000 * np.sin(np.arange(48_000) * 0.1)).astype(np.int16)
    played: list[bytes] = []

    def spoken() -> bool:
        if len(opened) == 2:
            output, microphone = opened
            out = bytearray(480)
            output.callback(memoryview(out), 240, Clock, None)
            played.append(bytes(out))
            microphone.callback(tone[:480].tobytes(), 480, Clock, None)
        return sum(any(block) for block in played) > 20

    singing = asyncio.create_task(source.capture_frame(rtc.AudioFrame(tone.tobytes(), 24_000, 1, 48_000)))
    talking = asyncio.create_task(
        talk(
            Devices(device, "m", "s"), **keys, token=None, room="talk", agent_name="", out_dir=tmp_path,
            agent_timeout_s=10, on_event=lambda _: None,
        )
    )  # fmt: skip
    await hang_up_when(spoken)
    result = await talking
    await singing
    await room.disconnect()
    await source.aclose()
    assert not opened
    assert result.recording is not None
    caller_side = read_audio(result.recording, 24_000)
    assert level_dbfs(caller_side) > -60
    assert result.picture is not None
    assert result.picture.is_file()


@pytest.mark.sfu
async def test_ctrl_c_while_nobody_comes_ends_the_wait(sfu: Any, tmp_path: Path) -> None:
    device = Device(True)
    device.RawOutputStream = device.RawInputStream = Stream  # type: ignore[attr-defined]
    giving_up = asyncio.create_task(hang_up_when(lambda: len(opened) == 2))
    async with asyncio.timeout(15):
        result = await talk(
            Devices(device, "m", "s"), url=sfu.url, api_key=sfu.api_key, api_secret=sfu.api_secret,
            token=None, room="nobody", agent_name="none", out_dir=tmp_path, agent_timeout_s=60,
            on_event=lambda _: None,
        )  # fmt: skip
    await giving_up
    assert result.recording is not None  # what the person said, at least
    assert not opened
