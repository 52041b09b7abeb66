from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from antiphon.agents.errors import MediaError
from antiphon.workers.caller.audiofile import read_audio, write_stereo

DATA = Path(__file__).parents[2] / "data"


def test_a_file_is_read_at_the_wanted_rate() -> None:
    narrow = read_audio(DATA / "weather_question.flac", 16_000)
    wide = read_audio(DATA / "weather_question.flac", 48_000)
    assert wide.dtype == np.int16
    assert len(wide) == pytest.approx(3 * len(narrow), rel=0.01)


@pytest.mark.parametrize("content", [b"", b"this is text", b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_sound_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "question.wav"
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read_audio(path, 16_000)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "WAV" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"there is no such sound file.*nothing\.wav"):
        read_audio(tmp_path / "nothing.wav", 16_000)


def test_an_empty_wav_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    write_stereo(path, np.zeros(0, np.int16), np.zeros(0, np.int16), 24_000)
    with pytest.raises(MediaError):
        read_audio(path, 24_000)


def test_two_tracks_become_left_and_right(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    write_stereo(path, np.full(100, 5, np.int16), np.full(60, -7, np.int16), 24_000)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 24_000, 100)
        both = np.frombuffer(file.readframes(100), dtype="<i2").reshape(-1, 2)
    assert set(both[:, 0]) == {5}
    assert set(both[:60, 1]) == {-7}
    assert set(both[60:, 1]) == {0}
