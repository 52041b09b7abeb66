from __future__ import annotations

import asyncio
import os
import signal
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from numpy.typing import NDArray

from antiphon.agents.errors import MediaError
from antiphon.workers.caller import microphone, read_audio
from antiphon.workers.caller.microphone import Devices, Speaker, open_devices, talk
from antiphon.workers.caller.recording import level_dbfs
from antiphon.workers.tokens import make_token

SPEECH = Path(__file__).parents[2] / "data" / "jfk.flac"
Samples = NDArray[np.int16]


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

    def __init__(self, device: SoundCard, callback: Callable[..., None]) -> None:
        self._device = device
        self.callback = callback

    def __enter__(self) -> None:
        self._device.streams.append(self)
        if len(self._device.streams) == 2:
            self._device.open.set()

    def __exit__(self, *_: object) -> None:
        self._device.streams.remove(self)


class Clock:
    currentTime = outputBufferDacTime = inputBufferAdcTime = 1.0


class SoundCard(Device):
    """A device with streams; `tick` is 10 ms of its time."""

    def __init__(self) -> None:
        super().__init__(True)
        self.streams: list[Stream] = []
        self.open = asyncio.Event()

    def RawOutputStream(self, *, callback: Callable[..., None], **_: object) -> Stream:
        return Stream(self, callback)

    RawInputStream = RawOutputStream

    def tick(self, said: Samples) -> Samples:
        """Takes 10 ms for the speaker and gives 10 ms of the microphone's, 480 samples."""
        output, microphone = self.streams
        out = bytearray(480)
        output.callback(memoryview(out), 240, Clock, None)
        microphone.callback(said.tobytes(), 480, Clock, None)
        return np.frombuffer(out, np.int16)


@pytest.mark.sfu
async def test_a_talk_ends_with_ctrl_c_and_leaves_its_files(
    sfu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = SoundCard()
    question = read_audio(SPEECH, 48_000)
    keys = {"api_key": sfu.api_key, "api_secret": sfu.api_secret}
    token = make_token(**keys, room="talk", identity="a", kind="agent")
    room, source = rtc.Room(), rtc.AudioSource(24_000, 1)
    await room.connect(sfu.url, token)
    await room.local_participant.publish_track(rtc.LocalAudioTrack.create_audio_track("v", source))
    tone = (9000 * np.sin(np.arange(480) * 2 * np.pi * 450 / 24_000)).astype(np.int16)
    played: list[Samples] = []

    async def sing() -> None:
        while True:
            await source.capture_frame(rtc.AudioFrame(tone.tobytes(), 24_000, 1, 480))

    class Driven(Speaker):
        """The card's time passes as the agent's sound comes."""

        def add(self, track: str, samples: Samples) -> None:
            super().add(track, samples)
            if len(card.streams) != 2:
                return
            first = len(played) * 480
            played.append(card.tick(question[first : first + 480]))
            if len(played) == 150:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(microphone, "Speaker", Driven)
    singing = asyncio.create_task(sing())
    async with asyncio.timeout(30):
        result = await talk(
            Devices(card, "m", "s"), url=sfu.url, **keys, token=None, room="talk", agent_name="",
            out_dir=tmp_path, agent_timeout_s=10, on_event=lambda _: None,
        )  # fmt: skip
    singing.cancel()
    await asyncio.wait([singing])
    await room.disconnect()
    await source.aclose()
    assert not card.streams
    assert level_dbfs(np.concatenate(played[50:150])) > -20, "the agent was not played"
    assert result.room == "talk"
    assert result.recording is not None
    with wave.open(str(result.recording)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    person, agent = (level_dbfs(both[:, side]) for side in (0, 1))
    assert person > -45, "the person was not sent"
    assert agent > -20
    assert result.picture is not None
    assert result.picture.is_file()


@pytest.mark.sfu
async def test_ctrl_c_while_nobody_comes_ends_the_wait(sfu: Any, tmp_path: Path) -> None:
    card = SoundCard()

    async def give_up() -> None:
        await card.open.wait()
        os.kill(os.getpid(), signal.SIGINT)

    giving_up = asyncio.create_task(give_up())
    async with asyncio.timeout(15):
        result = await talk(
            Devices(card, "m", "s"), url=sfu.url, api_key=sfu.api_key, api_secret=sfu.api_secret,
            token=None, room="nobody", agent_name="none", out_dir=tmp_path, agent_timeout_s=60,
            on_event=lambda _: None,
        )  # fmt: skip
    await giving_up
    assert result.recording is not None  # what the person said, at least
    assert not card.streams
