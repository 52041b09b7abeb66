"""The manifest of labelled clips: what a sound over the agent's voice is, and where it comes from.

A CSV file, a row a clip. A clip belongs to one side of the split by its source *and* its speaker, so that
nothing that was trained on is ever scored on: reading a manifest that breaks this fails. The clips
themselves are looked for beside the manifest, then in ``audio`` and ``shared/audio`` there and in each folder
above it, unless the caller says where they are.

Every error names the file and the row, counted as an editor counts lines.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from antiphon.agents.errors import MediaError

__all__ = ["COLUMNS", "LABELS", "Clip", "Label", "Split", "audio_root", "read_manifest"]

Label = Literal[
    "interruption",
    "command",
    "backchannel",
    "vocal",
    "noise",
    "echo",
    "speech",
    "complete",
    "incomplete",
]
"""interruption: wants the floor. command: does so in a word or two ("stop", "wait", "no"). backchannel:
listens. vocal: a cough, laugh, breath or the like. noise: no voice. echo: the agent's own voice out of the
person's loudspeaker. speech: people who speak, but not to the agent. complete, incomplete: said to a silent
agent, and over or not over when it stops."""
LABELS: Final[tuple[str, ...]] = get_args(Label)

Split = Literal["train", "score"]
_SPLITS: Final[tuple[str, ...]] = get_args(Split)

COLUMNS: Final = (
    "path", "label", "language", "words", "speaker", "source", "licence", "split", "start_s", "end_s", "note",
)  # fmt: skip

_ROOTS: Final = ("", "audio", "shared/audio")  # below a folder, where its clips may be


@dataclass(frozen=True, slots=True)
class Clip:
    """A row."""

    row: int
    """Its line in the file, the header being line 1."""
    path: str
    """Below the root."""
    label: Label
    language: str
    """As BCP 47; empty where there are no words."""
    words: str
    speaker: str
    """Whoever is heard, by a name that is theirs alone; empty if nobody or not known."""
    source: str
    """The collection it was taken from."""
    licence: str
    split: Split
    start_s: float
    """Where it begins in the file, s."""
    end_s: float | None
    """Where it ends; None for the end of the file."""
    note: str

    @property
    def name(self) -> str:
        """Short, and its own."""
        cut = f"@{self.start_s:g}" if self.start_s else ""
        return f"{self.label}/{Path(self.path).stem}{cut}"


def read_manifest(path: Path) -> list[Clip]:
    """The rows of a manifest, in order.

    Raises:
        MediaError: It cannot be read, a column is missing, a row is wrong, or a speaker or source is on both
            sides of the split.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError("the manifest cannot be read", value=f"{path}: {error}") from None
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise MediaError(
            "the manifest lacks columns", value=f"{path}, row 1: {', '.join(missing)}", hint=_COLUMNS_HINT
        )
    clips = [_clip(path, reader.line_num, row) for row in reader]
    if not clips:
        raise MediaError("the manifest has no rows", value=str(path))
    _check_split(path, clips)
    return clips


_COLUMNS_HINT: Final = f"Its first line is: {','.join(COLUMNS)}."


def _clip(path: Path, number: int, row: dict[str, str]) -> Clip:
    def wrong(what: str, value: object, hint: str = "") -> MediaError:
        return MediaError(what, value=f"{path}, row {number}: {value}", hint=hint)

    if None in row or None in row.values():
        raise wrong("a row has not as many fields as there are columns", row.get("path", ""), _COLUMNS_HINT)
    if not row["path"]:
        raise wrong("a row names no clip", "path is empty")
    if row["label"] not in LABELS:
        raise wrong("a label is not known", row["label"] or "empty", f"Allowed: {', '.join(LABELS)}.")
    if row["split"] not in _SPLITS:
        raise wrong("a split is not known", row["split"] or "empty", f"Allowed: {', '.join(_SPLITS)}.")
    if not row["source"]:
        raise wrong("a row names no source", row["path"])
    times: list[float | None] = []
    for name in ("start_s", "end_s"):
        try:
            value = float(row[name]) if row[name] else None
        except ValueError:
            raise wrong(f"{name} is no number", row[name]) from None
        if value is not None and not math.isfinite(value):
            raise wrong(f"{name} is no number", row[name])
        times.append(value)
    start_s, end_s = times[0] or 0.0, times[1]
    if start_s < 0 or (end_s is not None and not start_s < end_s):
        raise wrong("a clip ends before it begins", f"{row['start_s']} to {row['end_s']} s")
    return Clip(
        row=number,
        path=row["path"],
        label=row["label"],  # type: ignore[arg-type]  # checked above
        language=row["language"],
        words=row["words"],
        speaker=row["speaker"],
        source=row["source"],
        licence=row["licence"],
        split=row["split"],  # type: ignore[arg-type]  # checked above
        start_s=start_s,
        end_s=end_s,
        note=row["note"],
    )


def _check_split(path: Path, clips: Iterable[Clip]) -> None:
    """Fails if anything trained on is scored on."""
    sides: dict[tuple[str, str], Clip] = {}
    for clip in clips:
        for kind, name in (("source", clip.source), ("speaker", clip.speaker), ("file", clip.path)):
            first = sides.setdefault((kind, name), clip) if name else clip
            if first.split != clip.split:
                raise MediaError(
                    f"a {kind} is on both sides of the split",
                    value=f"{path}, row {clip.row}: {name} is {clip.split}, in row {first.row} {first.split}",
                )


def audio_root(manifest: Path, clips: Sequence[Clip], given: Path | None = None) -> Path:
    """The folder that the clips' paths start at.

    Args:
        manifest: The file.
        clips: Its rows.
        given: Where they are said to be.

    Raises:
        MediaError: The first clip is in none of the places.
    """
    first = clips[0]
    tried = [given] if given is not None else [
        folder / below for folder in manifest.absolute().parents for below in _ROOTS
    ]  # fmt: skip
    for root in tried:
        if (root / first.path).is_file():
            return root
    raise MediaError(
        "a clip is not there",
        value=f"{manifest}, row {first.row}: {first.path}",
        hint="Say with --audio where the clips are.",
    )
