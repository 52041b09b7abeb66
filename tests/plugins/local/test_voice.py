from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import pytest

from antiphon.agents.errors import ConfigError, ModelUnavailable
from antiphon.plugins.local import voice as module
from antiphon.plugins.local.ears import WhisperEars
from antiphon.plugins.local.engines import RATE_HZ
from antiphon.plugins.local.voice import PiperVoice, find_voice

pytestmark = pytest.mark.weights


@pytest.fixture
async def voice() -> AsyncIterator[PiperVoice]:
    made = PiperVoice()
    yield made
    await made.aclose()


async def say(voice: PiperVoice, text: str) -> np.ndarray:
    parts = [part async for part in voice.speak(text)]
    assert all(len(part) <= RATE_HZ // 5 and part.dtype == np.int16 for part in parts)
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


async def test_what_it_says_can_be_understood(voice: PiperVoice) -> None:
    sound = await say(voice, "What time is it tomorrow morning?")
    assert 0.8 < len(sound) / RATE_HZ < 4
    ears = WhisperEars()
    heard = await ears.hear(sound)
    await ears.aclose()
    assert "time" in heard.text
    assert "morning" in heard.text


async def test_a_long_sentence_comes_in_parts_long_before_it_is_all_made(voice: PiperVoice) -> None:
    text = (
        "Yes, I can certainly help you with that, although I should say first that the restaurant is rather "
        "busy on Friday evenings, so a table by the window may not be free until after nine o'clock."
    )
    await voice.warm_up()
    loop = asyncio.get_running_loop()
    began = loop.time()
    times = [loop.time() - began async for _ in voice.speak(text)]
    assert times[0] < times[-1] / 2


async def test_nothing_to_say_is_silence(voice: PiperVoice) -> None:
    assert len(await say(voice, " ... ")) == 0


async def test_two_texts_are_spoken_in_turn(voice: PiperVoice) -> None:
    one, other = await asyncio.gather(say(voice, "One. Two. Three."), say(voice, "Hello."))
    assert len(one) > len(other) > 0


async def test_stopping_stops_the_work_and_the_next_text_is_spoken(voice: PiperVoice) -> None:
    stream = voice.speak("One sentence. " * 20)
    await anext(stream)
    await stream.aclose()
    assert not voice._jobs
    assert len(await say(voice, "Hello."))


async def test_a_worker_that_dies_is_an_error_and_the_next_text_has_a_new_one(voice: PiperVoice) -> None:
    stream = voice.speak("One sentence. " * 20)
    await anext(stream)
    assert voice._process is not None
    first = voice._process.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ModelUnavailable, match="process ended"):
        async for _ in stream:
            pass
    assert len(await say(voice, "Hello."))
    assert voice._process.pid != first


async def test_it_is_gone_when_closed() -> None:
    made = PiperVoice()
    await made.warm_up()
    assert made._process is not None
    pid = made._process.pid
    await made.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_any_voice_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match=r"antiphon\[local\].*espeak-ng"):
        find_voice()
