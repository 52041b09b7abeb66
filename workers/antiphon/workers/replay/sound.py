"""Sound files for replays: mono clips, and recordings with caller and agent on two channels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import MediaError
from antiphon.agents.media.router import Samples
from antiphon.workers.caller.audiofile import read_audio
from antiphon.workers.replay.scene import RATE_HZ

__all__ = ["SOUND_FILES", "check_two", "clipped_share", "read_mono", "read_two", "to_opus"]

SOUND_FILES: Final = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a"})
"""Endings that are taken for sound files in a folder."""
LOWEST_RATE_HZ: Final = 8_000  # Hz; a telephone's. Below it there is not enough voice to detect
HIGHEST_RATE_HZ: Final = 192_000  # Hz
LONGEST_S: Final = 4 * 3600.0  # s; a recording of this length takes a minute or two
_CLIPPED: Final = 32_700  # of 32,768; what is at least as large counts as cut at full scale
_RUN: Final = 3  # samples in a row that make it so: a single one may be a peak
MOST_CLIPPED: Final = 0.01  # share of a recording's voiced time; above it the detector is no judge of it


def read_mono(path: Path) -> Samples:
    """A sound file as mono int16 at 24 kHz, shape (n,).

    Raises:
        MediaError: As `read_audio`, or its rate is odd.
    """
    if path.is_file():
        _probe(path)
    return read_audio(path, RATE_HZ)


def read_two(path: Path) -> tuple[Samples, Samples]:
    """A recording with the caller on the left and the agent on the right, each mono int16 at 24 kHz.

    Raises:
        MediaError: It is not there or is no sound file, has not two channels, its rate is odd, it is too
            long, or much of a channel is cut at full scale.
    """
    check_two(path)
    try:
        both = _decode(path)
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError("the file is no sound file that can be read", value=_why(path, error)) from None
    left, right = np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])
    if not len(left):
        raise MediaError("the recording is empty", value=str(path))
    for name, channel in (("caller's", left), ("agent's", right)):
        if (share := clipped_share(channel)) > MOST_CLIPPED:
            raise MediaError(
                f"{share:.1%} of the {name} channel is cut at full scale",
                value=str(path),
                hint="Record it at a lower level.",
            )
    return left, right


def check_two(path: Path) -> None:
    """Looks whether a recording can be one, by its head alone; the rest shows when it is read.

    Raises:
        MediaError: As `read_two`, of what a head tells.
    """
    if not path.is_file():
        raise MediaError("there is no such recording", value=str(path))
    channels = _probe(path)
    if channels != 2:
        raise MediaError(
            f"the recording has {channels} channel{'s' if channels != 1 else ''}, not two",
            value=str(path),
            hint="Give one with the caller left and the agent right, as `agent call` writes it; "
            "a clip belongs into a manifest.",
        )


def clipped_share(samples: Samples) -> float:
    """The share of samples in runs at full scale, 0 to 1."""
    full = np.abs(samples.astype(np.int32)) >= _CLIPPED
    if not full.any():
        return 0.0
    runs = np.convolve(full, np.ones(_RUN, dtype=np.int32), mode="same") >= _RUN
    return float(np.count_nonzero(runs)) / len(samples)


def to_opus(samples: Samples, rate_hz: int, path: Path) -> None:
    """Writes sound as Ogg Opus, 24 kbit/s a channel.

    Args:
        samples: int16, shape (n,) or (n, 2).
        rate_hz: 8, 12, 16, 24 or 48 kHz.
        path: Where to.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    layout = "mono" if channels == 1 else "stereo"
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=rate_hz, layout=layout)
        stream.bit_rate = 24_000 * channels
        step = rate_hz // 50
        interleaved = np.ascontiguousarray(samples).reshape(len(samples), channels)
        for start in range(0, len(interleaved), step):
            part = interleaved[start : start + step]
            frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate = rate_hz
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _probe(path: Path) -> int:
    """The number of channels of a file whose rate will do."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError("the file has no sound in it", value=str(path))
            context = container.streams.audio[0].codec_context
            rate, channels, duration = context.sample_rate, context.channels, container.duration
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError("the file is no sound file that can be read", value=_why(path, error)) from None
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise MediaError(
            f"the file has {rate} samples a second",
            value=str(path),
            hint=f"Allowed: {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz.",
        )
    if duration is not None and duration / av.time_base > LONGEST_S:
        raise MediaError(
            f"the file is longer than {LONGEST_S / 3600:g} hours", value=str(path), hint="Cut it."
        )
    return int(channels)


def _decode(path: Path) -> NDArray[np.int16]:
    """Both channels at 24 kHz, shape (n, 2)."""
    parts: list[NDArray[np.int16]] = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("s16", "stereo", RATE_HZ)
        for frame in container.decode(audio=0):
            parts += [_pairs(out) for out in resampler.resample(frame)]
        parts += [_pairs(out) for out in resampler.resample(None)]
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.int16)


def _pairs(frame: av.AudioFrame) -> NDArray[np.int16]:
    return frame.to_ndarray().reshape(-1, 2).astype(np.int16, copy=False)


def _why(path: Path, error: Exception) -> str:
    """The file, and what FFmpeg says of it without its number and the file's name again."""
    return f"{path}: {getattr(error, 'strerror', None) or error}"
