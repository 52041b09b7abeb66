from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents.media.bands import BANDS, levels_of
from antiphon.agents.media.echo import NO_ECHO, EchoEstimator, EchoEvidence, EchoReference
from antiphon.agents.media.windows import RATE_IN_HZ, Windows
from antiphon.workers.caller.audiofile import read_audio

RATE = RATE_IN_HZ
T0 = 50.0  # s; when the agent starts
STEP = 480
Sound = NDArray[np.int16]
Rows = list[tuple[float, EchoEvidence, float]]


@pytest.fixture(scope="module")
def agent(clip: Callable[..., Sound]) -> Sound:
    return clip("jfk", RATE)[: 6 * RATE]


@pytest.fixture(scope="module")
def person(clip: Callable[..., Sound]) -> Sound:
    return clip("en_ast_hang_on_a_second", RATE)


def room(agent: Sound, delay_s: float, gain: float, seed: int = 0) -> NDArray[np.float64]:
    """The agent's sound through a small loudspeaker and a room, as a microphone gets it."""
    rng = np.random.default_rng(seed)
    n = RATE // 4
    response = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / (0.3 * RATE)) * 0.04
    response[0] += 1.0
    response[1] -= 0.7  # no bass
    size = 1 << (len(agent) + n).bit_length()
    sound = np.fft.irfft(np.fft.rfft(agent, size) * np.fft.rfft(response, size), size)[: len(agent)]
    echo = np.zeros(len(agent))
    start = round(delay_s * RATE)
    echo[start:] = gain * sound[: len(agent) - start]
    return echo + rng.standard_normal(len(agent)) * 15


def put(sound: NDArray[np.float64], clip: Sound, at_s: float, gain: float = 1.0) -> Sound:
    out = sound.copy()
    start = round(at_s * RATE)
    out[start : start + len(clip)] += gain * clip[: len(out) - start]
    return np.clip(out, -32768, 32767).astype(np.int16)


def run(
    agent: Sound,
    heard: Sound,
    *,
    jitter_s: float = 0.0,
    estimator: EchoEstimator | None = None,
    t0: float = T0,
) -> Rows:
    """What the estimator says of each window: (end of the window, evidence, its level in dB)."""
    reference = EchoReference(RATE)
    estimator = estimator or EchoEstimator(reference)
    reference = estimator._reference
    rng = np.random.default_rng(0)
    windows = Windows()
    rows: Rows = []
    pushed = 0
    for start in range(0, len(heard) - STEP + 1, STEP):
        end = start + STEP
        while pushed < min(len(agent), end + 2400):
            reference.played(agent[pushed : pushed + 960], t0 + pushed / RATE)
            pushed += 960
        for window in windows.push(heard[start:end]):
            estimator.window(t0 + end / RATE + jitter_s * rng.random(), window)
            level = 10 * np.log10(np.mean((window / 32768.0) ** 2) + 1e-9)
            evidence = estimator.evidence() if level > -45 else NO_ECHO
            rows.append((end / RATE, evidence, float(level)))
    return rows


def delay(rows: Rows) -> float | None:
    """As last told."""
    return [e.delay_s for _, e, level in rows if level > -45][-1]


def loud(rows: Rows, first_s: float, last_s: float) -> NDArray[np.float64]:
    return np.array([e.likeness for at, e, level in rows if first_s <= at < last_s and level > -45])


@pytest.mark.parametrize("delay_s", [0.04, 0.13, 0.35, 0.48])
@pytest.mark.parametrize("gain", [0.5, 0.05])
def test_an_echo_alone_is_known_as_one(agent: Sound, delay_s: float, gain: float) -> None:
    rows = run(agent, put(room(agent, delay_s, gain), agent[:0], 0.0), jitter_s=0.01)
    assert delay(rows) == pytest.approx(delay_s, abs=0.017)
    likeness = loud(rows, 1.5, 6.0)
    assert len(likeness) > 30
    assert (likeness > 0.5).mean() > 0.98


@pytest.mark.parametrize("gain", [0.3, 0.05])
def test_a_person_over_the_echo_is_heard(agent: Sound, person: Sound, gain: float) -> None:
    rows = run(agent, put(room(agent, 0.2, gain), person, 4.0))
    assert (loud(rows, 2.0, 4.0) > 0.5).mean() > 0.95
    during = [e.likeness for at, e, _ in rows if 4.1 <= at < 4.1 + len(person) / RATE - 0.1]
    assert min(during[:5]) < 0.3
    assert np.mean(np.array(during) < 0.5) > 0.5
    assert delay(rows) == pytest.approx(0.2, abs=0.017)


def test_without_an_echo_a_person_is_a_person(agent: Sound, person: Sound) -> None:
    quiet = np.random.default_rng(0).standard_normal(len(agent)) * 15
    rows = run(agent, put(quiet, person, 3.5))
    assert loud(rows, 3.5, 5.5).max() == 0.0
    assert all(e.delay_s is None for _, e, _ in rows)


def test_at_first_voice_may_be_an_echo_but_not_for_long(agent: Sound, person: Sound) -> None:
    quiet = np.random.default_rng(0).standard_normal(len(agent)) * 15
    likeness = loud(run(agent, put(quiet, person, 0.4)), 0.4, 2.0)
    assert likeness[0] > 0.5
    assert likeness[8:].max() == 0.0


def test_a_silent_agent_has_no_echo(person: Sound) -> None:
    heard = put(np.zeros(3 * RATE), person, 1.0)
    assert {e for _, e, _ in run(np.zeros(3 * RATE, dtype=np.int16), heard)} == {NO_ECHO}


def test_nothing_was_ever_played(person: Sound) -> None:
    estimator = EchoEstimator(EchoReference(RATE))
    for i, window in enumerate(Windows().push(person)):
        estimator.window(i * 0.032, window)
        assert estimator.evidence() == NO_ECHO


def test_what_was_learnt_lasts_to_the_next_reply(agent: Sound) -> None:
    estimator = EchoEstimator(EchoReference(RATE))
    heard = put(room(agent, 0.15, 0.3), agent[:0], 0.0)
    run(agent, heard, estimator=estimator)
    again = run(agent, heard, estimator=estimator, t0=T0 + 30.0)
    assert (loud(again, 0.0, 6.0) > 0.5).mean() > 0.98


def test_a_delay_that_changes_is_found_again(agent: Sound) -> None:
    estimator = EchoEstimator(EchoReference(RATE))
    run(agent, put(room(agent, 0.15, 0.3), agent[:0], 0.0), estimator=estimator)
    rows = run(agent, put(room(agent, 0.28, 0.3), agent[:0], 0.0), estimator=estimator, t0=T0 + 10.0)
    assert delay(rows) == pytest.approx(0.28, abs=0.017)
    assert (loud(rows, 3.0, 6.0) > 0.5).mean() > 0.95


def test_after_a_reset_nothing_is_known(agent: Sound) -> None:
    estimator = EchoEstimator(EchoReference(RATE))
    run(agent, put(room(agent, 0.15, 0.3), agent[:0], 0.0), estimator=estimator)
    assert estimator.evidence().delay_s is not None
    estimator.reset()
    assert estimator.evidence() == NO_ECHO


def test_what_was_cut_comes_back_for_a_moment_only(agent: Sound, person: Sound) -> None:
    """The playout is held at 3 s: the tail of the echo is one, the person after it is none."""
    reference = EchoReference(RATE)
    estimator = EchoEstimator(reference)
    cut = 3 * RATE
    before, after = agent.copy(), agent[cut:]
    before[cut:] = 0
    heard = put(room(before, 0.2, 0.3), person, 3.6)
    windows = Windows()
    pushed = 0
    found: list[tuple[float, float]] = []
    for start in range(0, len(heard) - STEP + 1, STEP):
        end = start + STEP
        if start == cut:
            reference.cut(T0 + 3.0)
        while start < cut and pushed < end + 2400:
            reference.played(agent[pushed : pushed + 960], T0 + pushed / RATE)
            pushed += 960
        for window in windows.push(heard[start:end]):
            estimator.window(T0 + end / RATE, window)
            if np.abs(window).max() > 600:
                found.append((end / RATE, estimator.evidence().likeness))
    assert len(after) > 0
    assert np.mean([likeness > 0.5 for at, likeness in found if 2.0 < at < 3.4]) > 0.9
    assert np.mean([likeness < 0.3 for at, likeness in found if 3.7 < at < 4.5]) > 0.9


def test_the_same_sound_gives_the_same_evidence(agent: Sound) -> None:
    heard = put(room(agent, 0.2, 0.2), agent[:0], 0.0)
    assert run(agent, heard) == run(agent, heard)


def test_a_gap_in_the_persons_audio_is_survived(agent: Sound) -> None:
    estimator = EchoEstimator(EchoReference(RATE))
    heard = put(room(agent, 0.2, 0.3), agent[:0], 0.0)
    run(agent, heard[: 2 * RATE], estimator=estimator)
    rows: list[float] = []
    for i, window in enumerate(Windows().push(heard[4 * RATE :])):
        estimator.window(T0 + 4.0 + (i + 1) * 0.032, window)
        rows.append(estimator.evidence().likeness)
    assert len(rows) > 50


def test_what_is_expected_of_the_echo_is_what_comes(agent: Sound) -> None:
    reference = EchoReference(RATE)
    estimator = EchoEstimator(reference)
    heard = put(room(agent, 0.2, 0.1), agent[:0], 0.0)
    windows = Windows()
    frames: list[int | None] = []
    cut: list[Sound] = []
    for start in range(0, len(heard) - STEP + 1, STEP):
        reference.played(agent[start : start + STEP], T0 + start / RATE)
        for window in windows.push(heard[start : start + STEP]):
            frames.append(estimator.window(T0 + (start + STEP) / RATE, window))
            cut.append(window)
            estimator.evidence()
    last = frames[-1]
    assert last is not None
    assert frames[-30:] == list(range(last - 116, last + 1, 4))
    told = estimator.expected(last - 100, last)
    assert told is not None
    expected, noise = told
    assert expected.shape == (100, BANDS)
    assert noise.shape == (BANDS,)
    sound = np.concatenate(cut[-26:])[512 - 128 :].astype(np.float32)
    came = levels_of(sound, 128, 100)
    loud = came > np.maximum(came.max() - 25, noise + 10)
    assert abs(float(np.median((expected - came)[loud]))) < 3.0
    assert estimator.expected(last - 10_000, last) is None  # long forgotten


def test_nothing_is_expected_where_nothing_is_known(person: Sound) -> None:
    estimator = EchoEstimator(EchoReference(RATE))
    assert estimator.window(T0, person[:512]) is None  # the agent is silent
    assert estimator.expected(0, 4) is None


@pytest.mark.parametrize(
    ("case", "holds"), [("farend_singletalk", False), ("nearend_singletalk", True), ("doubletalk", True)]
)
def test_recorded_cases(shared_audio: Path, case: str, holds: bool) -> None:
    agent = read_audio(shared_audio / "echo" / f"{case}_lpb.flac", RATE)
    heard = read_audio(shared_audio / "echo" / f"{case}_mic.flac", RATE)
    rows = run(agent, heard)
    likeness = loud(rows, 1.5, 10.5)
    share = (likeness < 0.5).mean()
    assert share > 0.3 if holds else share < 0.02
