"""Recordings to learn from and to be scored on, by a list with one row a clip.

The list is a CSV file with the columns path (from the audio folder), label, speaker, source, licence,
split (``train`` or ``score``), start_s, end_s, language; others are ignored. No speaker and no source may
stand in both splits: `Clips.check` says which does.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError, MediaError

__all__ = ["KIND_OF", "Clip", "load", "read", "shared_speakers"]

RATE_HZ: Final = 16_000

KIND_OF: Final = {
    "interruption": "turn",
    "command": "turn",
    "complete": "turn",
    "incomplete": "turn",
    "backchannel": "backchannel",
    "vocal": "vocal",
    "noise": "noise",
}
"""The judge's kind for each label; labels that are not here are neither learnt nor scored."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One row."""

    path: Path
    label: str
    speaker: str
    source: str
    licence: str
    split: str
    start_s: float
    end_s: float | None
    language: str

    @property
    def kind(self) -> str | None:
        """One of the judge's kinds, or None."""
        return KIND_OF.get(self.label)

    @property
    def group(self) -> str:
        """Whose sound it is: the speaker, or the source where no speaker is known."""
        return self.speaker or self.source or self.path.stem


def read(listing: Path, folder: Path) -> list[Clip]:
    """The clips of a list.

    Raises:
        ConfigError: The list, one of its columns or one of its numbers is wrong; names file and row.
    """
    try:
        with listing.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ConfigError("manifest", str(listing), f"a readable CSV file ({error.strerror})") from error
    made = []
    for number, row in enumerate(rows, start=2):
        try:
            made.append(
                Clip(
                    path=folder / row["path"],
                    label=row["label"],
                    speaker=row.get("speaker") or "",
                    source=row.get("source") or "",
                    licence=row.get("licence") or "",
                    split=row["split"],
                    start_s=float(row.get("start_s") or 0.0),
                    end_s=float(row["end_s"]) if row.get("end_s") else None,
                    language=row.get("language") or "",
                )
            )
        except (KeyError, ValueError) as error:
            raise ConfigError("manifest", f"{listing}, row {number}: {error}", "see corpus.py") from error
    return made


def shared_speakers(clips: list[Clip]) -> set[str]:
    """Speakers that stand in both splits: there must be none."""
    by_split: dict[str, set[str]] = {"train": set(), "score": set()}
    for clip in clips:
        if clip.speaker:
            by_split.setdefault(clip.split, set()).add(clip.speaker)
    return by_split["train"] & by_split["score"]


def load(clip: Clip) -> NDArray[np.float32]:
    """Its sound: mono, 16 kHz, -1 to 1.

    Raises:
        MediaError: It cannot be read.
    """
    import av

    try:
        with av.open(str(clip.path)) as container:
            resampler = av.AudioResampler("s16", "mono", RATE_HZ)
            parts = [
                out.to_ndarray().ravel()
                for frame in container.decode(audio=0)
                for out in resampler.resample(frame)
            ]
            parts += [out.to_ndarray().ravel() for out in resampler.resample(None)]
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise MediaError("a clip cannot be read", value=f"{clip.path}: {error}") from error
    if not parts:
        raise MediaError("a clip has no sound in it", value=str(clip.path))
    sound = np.concatenate(parts).astype(np.float32) / np.float32(32768)
    end = sound.size if clip.end_s is None else round(clip.end_s * RATE_HZ)
    return sound[round(clip.start_s * RATE_HZ) : end]
