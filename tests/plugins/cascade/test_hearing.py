from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt
from livekit.agents.types import NOT_GIVEN

from antiphon.plugins.cascade import LocalSTT
from antiphon.plugins.cascade.hearing import Turn
from tests.plugins.cascade.rig import Ears, speech

OPTIONS = APIConnectOptions(max_retry=0, timeout=0.6)


class Whole(LocalSTT):
    """Takes a turn at its end only."""

    def __init__(self, ears: Ears) -> None:
        super().__init__(ears)
        self._capabilities = stt.STTCapabilities(streaming=False, interim_results=False)

    def stream(self, **_: Any) -> stt.RecognizeStream:
        raise AssertionError("it does not stream")


class Stream(stt.RecognizeStream):
    """Says the first half at once unless it is late, the second at the end, or never."""

    def __init__(self, owner: stt.STT[Any], ends: bool, fails: bool, late_s: float) -> None:
        super().__init__(stt=owner, conn_options=OPTIONS)
        self._ends, self._fails, self._late_s = ends, fails, late_s

    async def _run(self) -> None:
        first = True
        async for item in self._input_ch:
            if self._fails:
                raise APIError("no quota", retryable=False)
            if first and not self._late_s and isinstance(item, rtc.AudioFrame):
                first = False
                self._say(stt.SpeechEventType.FINAL_TRANSCRIPT, "First half.")
                self._say(stt.SpeechEventType.INTERIM_TRANSCRIPT, "Second")
        await asyncio.sleep(self._late_s)
        if not self._ends:
            await asyncio.Event().wait()
        self._say(stt.SpeechEventType.FINAL_TRANSCRIPT, "Second half.")

    def _say(self, kind: stt.SpeechEventType, text: str) -> None:
        data = stt.SpeechData(language="en", text=text)  # type: ignore[arg-type]
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, request_id="r1", alternatives=[data]))


class Streaming(LocalSTT):
    def __init__(self, *, ends: bool = True, fails: bool = False, late_s: float = 0.0) -> None:
        super().__init__(Ears())
        self._how = (ends, fails, late_s)

    def stream(self, **_: Any) -> stt.RecognizeStream:
        return Stream(self, *self._how)


def turn(recogniser: stt.STT[Any], finish_s: float = 5.0) -> Turn:
    return Turn(recogniser, language=NOT_GIVEN, finish_s=finish_s, options=OPTIONS)


async def test_one_that_does_not_stream_gets_the_whole_turn() -> None:
    ears = Ears(["All of it."])
    heard = turn(Whole(ears))
    for frame in speech(0.5):
        heard.push(frame)
    assert ears.heard_s == []
    assert await heard.finish() == "All of it."
    assert ears.heard_s == [pytest.approx(0.5)]
    assert len(heard.request_ids) == 1


async def test_one_that_streams_is_through_with_the_turn() -> None:
    heard = turn(Streaming())
    for frame in speech(0.3):
        heard.push(frame)
    assert await heard.finish() == "First half. Second half."
    assert heard.request_ids == {"r1"}


async def test_what_does_not_come_in_time_is_left_out_and_the_interim_stands() -> None:
    heard = turn(Streaming(ends=False), finish_s=0.1)
    for frame in speech(0.3):
        heard.push(frame)
    assert await heard.finish() == "First half. Second"


async def test_one_that_has_written_nothing_yet_is_waited_for() -> None:
    heard = turn(Streaming(late_s=0.3), finish_s=0.05)
    for frame in speech(0.3):
        heard.push(frame)
    assert await heard.finish() == "Second half."


async def test_one_that_never_writes_is_an_error_and_not_a_silent_loss() -> None:
    heard = turn(Streaming(late_s=60.0), finish_s=0.05)
    for frame in speech(0.3):
        heard.push(frame)
    with pytest.raises(APIError, match="wrote nothing"):
        await heard.finish()


async def test_a_recogniser_that_fails_is_an_error_of_the_turn() -> None:
    heard = turn(Streaming(fails=True))
    for frame in speech(0.3):
        heard.push(frame)
    with pytest.raises(APIError, match="no quota"):
        await heard.finish()


async def test_a_turn_that_is_dropped_leaves_nothing_behind() -> None:
    heard = turn(Streaming(ends=False))
    for frame in speech(0.3):
        heard.push(frame)
    await heard.drop()
    await heard.drop()
