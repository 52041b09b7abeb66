from __future__ import annotations

import numpy as np

from antiphon.workers.conformance.speech import frames, question, silence, voice_ms
from antiphon.workers.conformance.wire import RATE_HZ


def test_the_question_is_speech_within_itself() -> None:
    begin, end = voice_ms(question())
    assert 0 <= begin < 500
    assert 800 < end - begin <= len(question()) * 1000 / RATE_HZ


def test_voice_is_found_where_it_is() -> None:
    tone = (3000 * np.sin(np.arange(RATE_HZ) / 10)).astype(np.int16)
    begin, end = voice_ms(np.concatenate([silence(0.5), tone, silence(0.25)]))
    assert (begin, end) == (500.0, 1500.0)


def test_frames_are_the_samples() -> None:
    samples = np.arange(1000, dtype=np.int16)
    made = frames(samples)
    assert [frame.samples_per_channel for frame in made] == [480, 480, 40]
    assert b"".join(bytes(frame.data) for frame in made) == samples.tobytes()
