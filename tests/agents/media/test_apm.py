from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.errors import MediaError
from antiphon.agents.media.apm import AudioProcessing, AudioProcessor
from antiphon.agents.media.reference import EchoReference

RATE = 24_000
STEP = 480
Sound = NDArray[np.int16]


@pytest.fixture(scope="module")
def agent(clip: Callable[..., Sound]) -> Sound:
    return clip("jfk", RATE)[: 5 * RATE]


@pytest.fixture(scope="module")
def person(clip: Callable[..., Sound]) -> Sound:
    return clip("weather_question", RATE)


@pytest.fixture
def made() -> Iterator[list[AudioProcessor]]:
    processors: list[AudioProcessor] = []
    yield processors
    for processor in processors:
        processor.close()


def level(samples: Sound) -> float:
    return float(10 * np.log10(np.mean((samples / 32768.0) ** 2) + 1e-12))


def through(
    processor: AudioProcessor, reference: EchoReference, agent: Sound, heard: Sound, step: int = STEP
) -> Sound:
    out = []
    pushed = 0
    for start in range(0, len(heard) - step + 1, step):
        while pushed < min(len(agent), start + step + 2400):
            reference.played(agent[pushed : pushed + 960], 10.0 + pushed / RATE)
            pushed += 960
        out.append(processor.process(heard[start : start + step], 10.0 + (start + step) / RATE))
    return np.concatenate(out)


def echo(agent: Sound, delay_s: float, gain: float) -> Sound:
    return np.concatenate([np.zeros(round(delay_s * RATE)), agent * gain])[: len(agent)].astype(np.int16)


def test_nothing_is_on_unless_asked_for() -> None:
    assert not AudioProcessing()
    assert AudioProcessing(high_pass=True)


@pytest.mark.parametrize("delay_s", [0.05, 0.2])
def test_the_agents_echo_is_taken_out(agent: Sound, made: list[AudioProcessor], delay_s: float) -> None:
    reference = EchoReference(RATE)
    processor = AudioProcessor(AudioProcessing(echo_cancellation=True), rate_hz=RATE, reference=reference)
    made.append(processor)
    heard = echo(agent, delay_s, 0.3)
    out = through(processor, reference, agent, heard)
    after = slice(2 * RATE, 5 * RATE)
    assert level(heard[after]) > -40
    assert level(out[after]) < level(heard[after]) - 20


def test_the_person_stays(person: Sound, made: list[AudioProcessor]) -> None:
    reference = EchoReference(RATE)
    options = AudioProcessing(echo_cancellation=True, high_pass=True)
    processor = AudioProcessor(options, rate_hz=RATE, reference=reference)
    made.append(processor)
    out = through(processor, reference, np.zeros(len(person), dtype=np.int16), person)
    assert level(out) == pytest.approx(level(person), abs=3)


def test_steady_noise_is_suppressed(made: list[AudioProcessor]) -> None:
    noise = (np.random.default_rng(0).standard_normal(4 * RATE) * 300).astype(np.int16)
    processor = AudioProcessor(AudioProcessing(noise_suppression=True), rate_hz=RATE)
    made.append(processor)
    out = through(processor, EchoReference(RATE), noise[:0], noise)
    assert level(out[2 * RATE :]) < level(noise) - 8


@pytest.mark.parametrize("step", [100, 240, 479, 480, 1000])
def test_no_sample_is_lost_whatever_the_pieces(made: list[AudioProcessor], step: int) -> None:
    sound = (np.random.default_rng(0).standard_normal(RATE) * 300).astype(np.int16)
    processor = AudioProcessor(AudioProcessing(high_pass=True), rate_hz=RATE)
    made.append(processor)
    out = through(processor, EchoReference(RATE), sound[:0], sound, step)
    assert 0 <= len(sound) // step * step - len(out) < 240
    assert len(out) % 240 == 0


def test_what_comes_in_is_not_changed(person: Sound, made: list[AudioProcessor]) -> None:
    processor = AudioProcessor(AudioProcessing(auto_gain=True), rate_hz=RATE)
    made.append(processor)
    before = person[:4800].copy()
    processor.process(person[:4800], 1.0)
    assert np.array_equal(person[:4800], before)


def test_after_a_gap_the_rest_of_a_frame_is_forgotten(made: list[AudioProcessor]) -> None:
    processor = AudioProcessor(AudioProcessing(high_pass=True), rate_hz=RATE)
    made.append(processor)
    assert len(processor.process(np.ones(200, dtype=np.int16), 1.0)) == 0
    processor.reset()
    assert len(processor.process(np.ones(100, dtype=np.int16), 2.0)) == 0


def test_cancelling_needs_what_was_played() -> None:
    with pytest.raises(MediaError, match="needs what was played"):
        AudioProcessor(AudioProcessing(echo_cancellation=True), rate_hz=RATE)
    with pytest.raises(MediaError, match="16000"):
        AudioProcessor(AudioProcessing(echo_cancellation=True), rate_hz=RATE, reference=EchoReference(16_000))


def test_a_rate_that_the_module_does_not_take(made: list[AudioProcessor]) -> None:
    processor = AudioProcessor(AudioProcessing(high_pass=True), rate_hz=400)
    made.append(processor)
    with pytest.raises(MediaError, match="refused a frame"):
        processor.process(np.ones(400, dtype=np.int16), 1.0)
