from __future__ import annotations

from pathlib import Path

import numpy as np

from antiphon.workers.caller.audiofile import read_audio
from antiphon.workers.caller.echo import EchoCanceller
from antiphon.workers.caller.recording import level_dbfs

SPEECH = Path(__file__).parents[2] / "data" / "jfk.flac"


def test_what_the_speaker_plays_is_gone_and_what_a_person_says_is_not() -> None:
    agent, person = read_audio(SPEECH, 24_000), read_audio(SPEECH, 48_000)
    half = len(person) // 2 // 480 * 480
    echo = np.convolve(read_audio(SPEECH, 48_000)[:half].astype(float), [0] * 900 + [0.4, 0.2, 0.1])[:half]
    canceller = EchoCanceller(48_000, 24_000)
    for number in range(half // 480):  # the agent speaks, the microphone hears only that
        canceller.played(agent[number * 240 : (number + 1) * 240])
        piece = echo[number * 480 : (number + 1) * 480].astype(np.int16)
        left = canceller.clean(piece, 0.02)
        if number == half // 480 // 2:
            kept: list[np.ndarray] = []
        if number >= half // 480 // 2:
            kept.append(left)
    heard = np.concatenate(kept)
    assert level_dbfs(heard) < level_dbfs(echo[half // 2 :].astype(np.int16)) - 25

    said: list[np.ndarray] = []
    for number in range(half // 480):  # then it is silent, and a person speaks
        canceller.played(np.zeros(240, np.int16))
        first = half + number * 480
        said.append(canceller.clean(person[first : first + 480], 0.02))
    spoken = person[half : half + half // 480 * 480]
    assert level_dbfs(np.concatenate(said)) > level_dbfs(spoken) - 4


def test_nothing_in_is_nothing_out() -> None:
    canceller = EchoCanceller(48_000, 24_000)
    canceller.played(np.zeros(0, np.int16))
    assert len(canceller.clean(np.zeros(0, np.int16), 0.0)) == 0
    assert len(canceller.clean(np.zeros(960, np.int16), 9.0)) == 960
