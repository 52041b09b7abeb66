from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.plugins.local.ears import WhisperEars

pytestmark = pytest.mark.weights
Clip = Callable[..., NDArray[np.int16]]


@pytest.fixture
async def ears() -> AsyncIterator[WhisperEars]:
    made = WhisperEars()
    yield made
    made.close()


async def test_it_reads_a_question_and_a_speech(ears: WhisperEars, clip: Clip) -> None:
    assert "weather in Paris" in (await ears.hear(clip("weather_question", 24_000))).text
    heard = await ears.hear(clip("jfk", 24_000))
    assert "what you can do for your country" in heard.text
    assert heard.no_speech < 0.3
    assert -1 < heard.mean_logprob < 0


async def test_it_hears_no_words_where_there_are_none(ears: WhisperEars, clip: Clip) -> None:
    assert (await ears.hear(clip("keystrokes_0", 24_000)[:120_000])).text == ""
    assert (await ears.hear(np.zeros(24_000, np.int16))).text in ("", "you", "You")
    assert (await ears.hear(np.zeros(0, np.int16))).text == ""


async def test_a_long_turn_is_read_in_pieces(ears: WhisperEars, clip: Clip) -> None:
    speech = clip("jfk", 24_000)
    text = (await ears.hear(np.concatenate([speech, speech, speech]))).text
    assert text.lower().count("ask not what your country") >= 2
