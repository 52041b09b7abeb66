"""The provider finds the person's turns by itself: what it commits and begins is followed all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import llm
from numpy.typing import NDArray
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

from antiphon.plugins import openai
from antiphon.plugins.continuity import Breakers, ContinuousModel
from antiphon.plugins.local.testing import Say, ScriptedServer

Clip = Callable[..., NDArray[np.int16]]


class Listener:
    """Takes replies as they are begun."""

    def __init__(self, session: Any) -> None:
        self.said: list[str] = []
        self.written: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        session.on("generation_created", lambda e: self._tasks.append(asyncio.create_task(self._take(e))))
        session.on("input_audio_transcription_completed", self._wrote)

    def _wrote(self, event: llm.InputTranscriptionCompleted) -> None:
        if event.is_final:
            self.written.append(event.transcript)

    async def _take(self, event: llm.GenerationCreatedEvent) -> None:
        text = ""
        async for message in event.message_stream:
            text += "".join([delta async for delta in message.text_stream])
            async for _ in message.audio_stream:
                pass
        if text:
            self.said.append(text)


async def speak(session: Any, sound: NDArray[np.int16]) -> None:
    for start in range(0, len(sound) - 479, 480):
        part = sound[start : start + 480]
        session.push_audio(rtc.AudioFrame(part.tobytes(), 24_000, 1, 480))
        await asyncio.sleep(0.004)


@pytest.mark.parametrize("cut", [None, "amid the speech", "input_audio_buffer.committed", "response.created"])
async def test_a_turn_is_answered_once_wherever_the_socket_is_cut(cut: str | None, clip: Clip) -> None:
    server = ScriptedServer([Say("Sunny.", delay_s=0.3)], repeat_last=True, transcripts=["weather?"] * 4)
    async with server, aiohttp.ClientSession() as http:
        detection = ServerVad(type="server_vad", create_response=True, interrupt_response=True)
        wrapped = openai.realtime(
            base_url=server.base_url, api_key="test", http_session=http, turn_detection=detection
        )
        model = ContinuousModel(wrapped, breakers=Breakers())
        session = model.session()
        assert session.capabilities.turn_detection
        heard = Listener(session)
        quiet = np.zeros(24_000, np.int16)
        question = clip("weather_question", 24_000)
        await speak(session, quiet)
        if cut == "amid the speech":
            half = len(question) // 2
            await speak(session, question[:half])
            await server.wait_for("input_audio_buffer.speech_started")
            server.drop_all()
            question = question[half:]
        speaking = asyncio.ensure_future(speak(session, np.concatenate([question, quiet, quiet])))
        if cut is not None and cut != "amid the speech":
            await server.wait_for(cut)
            server.drop_all()
        async with asyncio.timeout(20):
            await speaking
            while not heard.said:
                await speak(session, quiet)
        await speak(session, np.concatenate([quiet, quiet]))
        assert heard.said == ["Sunny."]
        assert heard.written == ["weather?"]
        roles = [item.role for item in session.chat_ctx.items if item.type == "message"]
        assert roles == ["user", "assistant"]
        assert model.counters.failovers == (cut is not None)
        await session.aclose()
        await model.aclose()
