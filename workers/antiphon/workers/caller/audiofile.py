"""Sound files in and out: anything FFmpeg reads as mono int16, and stereo WAV."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import MediaError

__all__ = ["read_audio", "write_stereo"]

_LONGEST_S = 600  # chosen: a call plays questions, not albums


def read_audio(path: str | Path, rate_hz: int) -> NDArray[np.int16]:
    """A sound file as mono int16, shape (n,), at ``rate_hz``.

    Raises:
        MediaError: It is not there, is no sound file, is empty, or is longer than ten minutes.
    """
    hint = "Give a WAV, FLAC, MP3 or Opus file."
    if not Path(path).is_file():
        raise MediaError("there is no such sound file", value=str(path), hint=hint)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError("the file has no sound in it", value=str(path), hint=hint)
            resampler = av.AudioResampler("s16", "mono", rate_hz)
            parts: list[NDArray[np.int16]] = []
            count = 0
            for frame in container.decode(audio=0):
                for out in resampler.resample(frame):
                    parts.append(_samples(out))
                    count += len(parts[-1])
                if count > _LONGEST_S * rate_hz:
                    what = f"the sound file is longer than {_LONGEST_S} s"
                    raise MediaError(what, value=str(path), hint="Cut it.")
            parts += [_samples(out) for out in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError) as error:
        what = "the file is no sound file that can be read"
        raise MediaError(what, value=f"{path}: {error}", hint=hint) from None
    if not count:
        raise MediaError("the sound file is empty", value=str(path), hint=hint)
    return np.concatenate(parts)


def _samples(frame: av.AudioFrame) -> NDArray[np.int16]:
    return frame.to_ndarray().ravel().astype(np.int16, copy=False)


def write_stereo(path: str | Path, left: NDArray[np.int16], right: NDArray[np.int16], rate_hz: int) -> None:
    """Two mono int16 tracks as one stereo WAV; the shorter is filled with silence."""
    both = np.zeros((max(len(left), len(right)), 2), dtype="<i2")
    both[: len(left), 0] = left
    both[: len(right), 1] = right
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(both.tobytes())
