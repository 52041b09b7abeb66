"""Writes corpus.csv from the collection's own lists: `python tests/bench/build_corpus.py AUDIO`.

AUDIO is the folder with turns/, backchannel/, conversation/, noise/ and echo/. What its lists say is taken
over; what they do not say is written here, by file name. A source is on one side of the split, with all of
its speakers:
- score: everything that the targets are about;
- train: the two collections that none of them needs (adverts, two Dutch speakers). Training otherwise uses
  synthesised speech and generated sounds, which have no row here.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from antiphon.workers.replay.corpus import COLUMNS

TRAIN_SOURCES = {"googleapis/nodejs-speech", "watson-developer-cloud/speech-to-text-nodejs"}
COMMANDS = {"stop", "no", "go"}  # one word that wants the floor
AMI = "AMI corpus (pyannote/pyannote-audio)"
ZH = "Easy Turn examples (by their file names)"
LONGEST_S = 3.0  # s of a meeting's turn: a beginning is enough to be an interruption
LEAST_S = 1.2  # s; what is shorter in a meeting may be a backchannel


def main(root: Path) -> list[dict[str, object]]:
    rows = [*turns(root), *chinese(root), *meetings(root), *noises(root), *echoes()]
    return rows


def row(path: str, label: str, source: str, licence: str, **more: object) -> dict[str, object]:
    made: dict[str, object] = dict.fromkeys(COLUMNS, "")
    split = "train" if source in TRAIN_SOURCES else "score"
    return made | {"path": path, "label": label, "source": source, "licence": licence, "split": split} | more


def turns(root: Path) -> list[dict[str, object]]:
    made = []
    with (root / "turns/SOURCES.csv").open(encoding="utf-8") as file:
        for clip in csv.DictReader(file):
            source = AMI if clip["source_repo"] == "pyannote/pyannote-audio" else clip["source_repo"]
            label = {"nonspeech": "vocal", "background": "speech"}.get(clip["label"], clip["label"])
            if clip["words"] in COMMANDS and label == "interruption":
                label = "command"
            if clip["clip"] == "background/crowd_1.flac":
                label = "noise"
            facts = {
                "language": "" if label == "vocal" or clip["language"] == "none" else clip["language"],
                "words": clip["words"],
                "speaker": clip["speaker"],
                "note": clip["label_basis"] if "goes on after" in clip["label_basis"] else clip["note"],
            }
            path = f"turns/{clip['clip']}"
            made.append(row(path, label, source, clip["licence"], **facts))
            if label in ("complete", "incomplete"):  # said over the agent's voice, it wants the floor
                facts["note"] = "as an interruption; said to a silent agent in another row"
                made.append(row(path, "interruption", source, clip["licence"], **facts))
    return made


def chinese(root: Path) -> list[dict[str, object]]:
    made = []
    for path in sorted((root / "backchannel").glob("zh_*.flac")):
        _, kind, origin, _ = path.stem.split("_")
        label = {"wait": "command"}.get(kind, kind)
        note = f"{origin} speech; label by its file name"
        where = f"backchannel/{path.name}"
        licence = "not stated in the collection (Easy Turn: Apache-2.0)"
        made.append(row(where, label, ZH, licence, language="zh", note=note))
        if label in ("complete", "incomplete"):
            note = "as an interruption; said to a silent agent in another row"
            made.append(row(where, "interruption", ZH, licence, language="zh", note=note))
    return made


def meetings(root: Path) -> list[dict[str, object]]:
    """Beginnings of turns that nobody else speaks over: spontaneous speech that wants the floor."""
    with (root / "conversation/segments.csv").open(encoding="utf-8") as file:
        spoken = [
            (clip["clip"], float(clip["start_s"]), float(clip["duration_s"]), clip["speaker"])
            for clip in csv.DictReader(file)
        ]
    made = []
    for clip, start, duration, speaker in spoken:
        end = start + min(duration, LONGEST_S)
        others = [
            s
            for s in spoken
            if s[0] == clip and (s[1], s[3]) != (start, speaker) and s[1] < end and s[1] + s[2] > start
        ]
        if duration < LEAST_S or others or start < 0.05:
            continue
        made.append(
            row(
                f"conversation/{clip}.flac", "interruption", AMI, "CC BY 4.0 (AMI corpus; repo code MIT)",
                language="en", words="(not transcribed)", speaker=f"AMI-{plain(speaker)}",
                start_s=f"{start:.3f}", end_s=f"{min(end, 29.99):.3f}",
                note="a turn's beginning in a meeting; spontaneous",
            )
        )  # fmt: skip
    return made


def plain(speaker: str) -> str:
    return speaker.replace("É", "E")


def noises(root: Path) -> list[dict[str, object]]:
    made = []
    for path in sorted((root / "noise").glob("*.flac")):
        keys = path.stem.startswith("keystrokes")
        source, licence = ("livekit/agents tests", "Apache-2.0") if keys else ("not stated", "not stated")
        if path.stem == "people_talking":
            made.append(
                row(f"noise/{path.name}", "speech", source, licence, note="people who talk to each other")
            )
            continue
        made.append(
            row(
                f"noise/{path.name}", "noise", source, licence, note=path.stem.replace("_", " ").strip("012 ")
            )
        )
    return made


def echoes() -> list[dict[str, object]]:
    aec = ("AEC test recordings (by their file names)", "not stated")
    jfk = ("speech/jfk.flac", "echo", "openai/whisper tests", "public domain (US government work)")
    return [
        row(
            "echo/farend_singletalk_mic.flac",
            "echo",
            *aec,
            note="the agent's voice alone; what was played is *_lpb",
        ),
        row("echo/nearend_singletalk_mic.flac", "interruption", *aec, language="en", note="the person alone"),
        row(
            "echo/doubletalk_mic.flac",
            "interruption",
            *aec,
            language="en",
            note="both; what was played is *_lpb",
        ),
        row(
            *jfk,
            language="en",
            speaker="JFK",
            note="the agent's own voice, leaking back at the recipes' levels",
        ),
    ]


if __name__ == "__main__":
    made = main(Path(sys.argv[1]))
    target = Path(__file__).with_name("corpus.csv")
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)
    print(f"{len(made)} rows in {target}")
