from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from antiphon.agents.errors import MediaError
from antiphon.workers.caller.audiofile import read_audio, write_stereo
from antiphon.workers.replay.scene import RATE_HZ
from antiphon.workers.replay.sound import clipped_share, read_mono, read_two, to_opus


def tone(seconds: float, level: float = 8000, hz: float = 300, rate: int = RATE_HZ) -> np.ndarray:
    at = np.arange(round(seconds * rate)) / rate
    return np.clip(level * np.sin(2 * np.pi * hz * at), -32768, 32767).astype(np.int16)


def mono(path: Path, samples: np.ndarray, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def test_a_recording_has_the_caller_left_and_the_agent_right(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    write_stereo(path, tone(1, 3000), tone(1, 9000), RATE_HZ)
    caller, agent = read_two(path)
    assert np.abs(caller).max() == pytest.approx(3000, abs=5)
    assert np.abs(agent).max() == pytest.approx(9000, abs=5)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
def test_any_usual_rate_will_do(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "call.wav"
    write_stereo(path, tone(1, rate=rate), tone(1, rate=rate), rate)
    assert len(read_two(path)[0]) == pytest.approx(RATE_HZ, abs=RATE_HZ // 100)
    assert len(read_mono(mono(tmp_path / "clip.wav", tone(1, rate=rate), rate))) == pytest.approx(
        RATE_HZ, abs=240
    )


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    one = mono(tmp_path / "one.wav", tone(1), RATE_HZ)
    with pytest.raises(MediaError, match=r"has 1 channel, not two.*one\.wav"):
        read_two(one)
    with pytest.raises(MediaError, match=r"no such recording.*none\.wav"):
        read_two(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(MediaError, match=r"no sound file.*text\.wav"):
        read_two(tmp_path / "text.wav")
    odd = mono(tmp_path / "odd.wav", tone(1, rate=4000), 4000)
    with pytest.raises(MediaError, match=r"4000 samples a second.*8000 to 192000"):
        read_mono(odd)
    loud = tmp_path / "loud.wav"
    write_stereo(loud, tone(1, 90_000), tone(1), RATE_HZ)
    with pytest.raises(MediaError, match=r"caller's channel is cut at full scale.*loud\.wav"):
        read_two(loud)


def test_a_single_peak_is_not_clipping() -> None:
    samples = tone(1)
    samples[100] = 32_767
    assert clipped_share(samples) == 0.0
    samples[200:210] = -32_768
    assert 8 <= clipped_share(samples) * len(samples) <= 10


def test_sound_goes_through_opus(tmp_path: Path) -> None:
    path = tmp_path / "sound.ogg"
    to_opus(np.stack([tone(2), tone(2, 2000)], axis=1), RATE_HZ, path)
    assert path.stat().st_size < 30_000
    back = read_audio(path, RATE_HZ)
    assert len(back) == pytest.approx(2 * RATE_HZ, abs=RATE_HZ // 20)
    assert np.abs(back[RATE_HZ : RATE_HZ + 2400]).max() == pytest.approx(5000, rel=0.2)  # the mean of both
