from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.plugins.local.ears import WhisperEars, _mel, is_stuck

Clip = Callable[..., NDArray[np.int16]]


@pytest.fixture
async def ears() -> AsyncIterator[WhisperEars]:
    made = WhisperEars()
    yield made
    await made.aclose()


@pytest.mark.weights
async def test_it_reads_a_question_and_a_speech(ears: WhisperEars, clip: Clip) -> None:
    assert "weather in Paris" in (await ears.hear(clip("weather_question", 24_000))).text
    heard = await ears.hear(clip("jfk", 24_000))
    assert "what you can do for your country" in heard.text
    assert heard.no_speech < 0.3
    assert -1 < heard.mean_logprob < 0


def test_silence_that_is_not_computed_is_as_if_it_were(clip: Clip) -> None:
    from faster_whisper.feature_extractor import FeatureExtractor

    extract = FeatureExtractor()
    for sound in (
        clip("en_ami_okay_1")[:-50] / np.float32(32768),
        np.zeros(5, np.float32),
        np.zeros(0, np.float32),
    ):
        whole = extract(np.pad(sound, (0, 128_000 - len(sound))), padding=0)[:, :800]
        np.testing.assert_allclose(_mel(extract, sound, 800), whole, atol=1e-5)


@pytest.mark.weights
async def test_it_hears_no_words_where_there_are_none(ears: WhisperEars, clip: Clip) -> None:
    assert (await ears.hear(clip("keystrokes_0", 24_000)[:120_000])).text == ""
    assert (await ears.hear(np.zeros(24_000, np.int16))).text in ("", "you", "You")
    assert (await ears.hear(np.zeros(0, np.int16))).text == ""


@pytest.mark.weights
def test_it_tells_the_likeliest_texts_with_their_probabilities(ears: WhisperEars, clip: Clip) -> None:
    told = ears.readings(clip("jfk", 16_000)[:48_000].astype(np.float32) / 32768, count=3)
    assert len(told) == 3
    assert told[0].text.lower().startswith("and so")
    logprobs = [reading.logprob for reading in told]
    assert logprobs == sorted(logprobs, reverse=True)
    assert sum(np.exp(logprobs)) <= 1
    assert len({reading.no_speech for reading in told}) == 1


@pytest.mark.weights
async def test_a_long_turn_is_read_in_pieces(ears: WhisperEars, clip: Clip) -> None:
    speech = clip("jfk", 24_000)
    text = (await ears.hear(np.concatenate([speech, speech, speech]))).text
    assert text.lower().count("ask not what your country") >= 2


@pytest.mark.weights
@pytest.mark.parametrize("name", ["dog_bark", "ringing_phone", "baby_crying", "siren", "car_horn"])
async def test_it_makes_no_words_of_noise(ears: WhisperEars, shared_audio: Path, name: str) -> None:
    from faster_whisper.audio import decode_audio

    sound = decode_audio(str(shared_audio / "noise" / f"{name}.flac"), 24_000)
    assert (await ears.hear((sound * 32767).astype(np.int16))).text == ""


@pytest.mark.parametrize(
    ("text", "stuck"),
    [
        ("Beep beep beep Beep Beep", True),
        ("Oh, oh, oh, ooh, ooh.", True),
        ("Shh Shh Shhh Shh Shhhhh", True),
        ("No, no, no.", False),
        ("the weather there this Thursday", False),
        ("", False),
    ],
)
def test_one_word_over_and_over_is_a_stuck_decoder(text: str, stuck: bool) -> None:
    assert is_stuck(text) is stuck
