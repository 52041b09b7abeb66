"""Pauses in recordings, with whether the person went on: what endpointing is trained and scored on.

A pause is found as a call finds it: Silero, the onset detector, and 0.19 s of quiet. Each has the sound up
to then and, of a pause within a turn, how long it lasted. Five kinds of sources:

- ``turns``: the clips of shared/audio/turns/{complete,incomplete}, which end at the pause. Where the
  recording is not at hand the pause is taken as `CUT_PAUSE_S`.
- ``zh``: shared/audio/backchannel/zh_{complete,incomplete}_*, the same way.
- ``ami``: shared/audio/conversation: by segments.csv, which says who speaks when.
- ``orders``: Picovoice/speech-to-intent-benchmark, data/speech/clean: each file is one spoken order; a
  pause within it is one after which the person went on. Speakers are not told apart there.
- ``calls``: aws-samples/amazon-transcribe-live-call-analytics, Auto_Repairs_*: a recording a side. The
  end of a turn is where the other side speaks next; a pause, where the same side does.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.onset import OnsetDetector, SpeechEnded, SpeechLikely
from antiphon.agents.options import TurnTaking
from antiphon.plugins.silero import SileroVad
from antiphon.workers.caller import read_audio

RATE_HZ = 16_000
WINDOW = 512
CUT_PAUSE_S = 0.8  # s; the pause after a clip that is cut short; chosen
_TAIL_S = 2.0  # s; quiet put after a clip
_LONGEST_S = 8.0  # s; sound before a pause


@dataclass(frozen=True)
class Pause:
    """One pause."""

    source: str
    speaker: str
    clip: str
    audio: NDArray[np.int16]
    """From the turn's beginning to 2 s (or the pause's end) after the voice."""
    found_at: int
    """Sample of ``audio`` at which the pause was found: 0.19 s of quiet."""
    voice_end: int
    """Last voiced sample by the detector."""
    sound_end: int
    """Last sample above -45 dBFS before ``found_at``."""
    complete: bool
    pause_s: float
    """From ``voice_end`` to going on; infinite at the end of a turn."""


def detector() -> OnsetDetector:
    options = TurnTaking()
    return OnsetDetector(
        enter=options.onset_enter,
        exit=options.onset_exit,
        onset_s=options.onset_s,
        speech_gap_s=options.speech_gap_s,
    )


def speeches(audio: NDArray[np.int16]) -> list[tuple[int, int, int, int]]:
    """Speeches as found: (began, found to begin, last voiced sample, found to end), in samples."""
    vad, onset = SileroVad(), detector()
    found: list[tuple[int, int, int, int]] = []
    began = likely = 0
    for at in range(0, len(audio) - WINDOW + 1, WINDOW):
        event = onset.frame((at + WINDOW) / RATE_HZ, vad.window(audio[at : at + WINDOW]))
        if isinstance(event, SpeechLikely):
            began, likely = round(event.began_at * RATE_HZ), at + WINDOW
        elif isinstance(event, SpeechEnded):
            found.append((began, likely, round(event.ended_at * RATE_HZ), at + WINDOW))
    return found


def with_quiet(audio: NDArray[np.int16], seconds: float = _TAIL_S) -> NDArray[np.int16]:
    """The clip and noise as quiet as its quietest after it."""
    frames = audio[: len(audio) // 160 * 160].reshape(-1, 160).astype(float)
    level = np.percentile(np.sqrt((frames**2).mean(axis=1)), 5) if len(frames) else 1.0
    noise = np.random.default_rng(0).normal(0.0, min(max(level, 0.5), 60.0), int(seconds * RATE_HZ))
    return np.concatenate([audio, noise.astype(np.int16)])


def sound_end(audio: NDArray[np.int16]) -> int:
    loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > 32768 * 10 ** (-45 / 20))
    return int(loud[-1]) + 1 if len(loud) else len(audio)


def _pause(
    source: str, speaker: str, clip: str, audio: NDArray[np.int16], start: int,
    speech: tuple[int, int, int, int], goes_on: int | None,
) -> Pause:  # fmt: skip
    _, _, voice_end, found = speech
    start = max(start, found - int(_LONGEST_S * RATE_HZ), 0)
    stop = goes_on if goes_on is not None else voice_end + int(_TAIL_S * RATE_HZ)
    cut = audio[start:stop]
    if len(cut) < stop - start:
        cut = with_quiet(cut, (stop - start - len(cut)) / RATE_HZ + 0.01)
    return Pause(
        source, speaker, clip, cut, found - start, voice_end - start,
        sound_end(cut[: found - start]), goes_on is None,
        float("inf") if goes_on is None else (goes_on - voice_end) / RATE_HZ,
    )  # fmt: skip


def of_clip(source: str, speaker: str, path: Path, complete: bool) -> list[Pause]:
    """A clip that is one turn, or the first part of one."""
    audio = with_quiet(np.concatenate([np.zeros(8000, np.int16), read_audio(path, RATE_HZ)]))
    found = speeches(audio)
    pauses = []
    for this, following in pairwise(found):
        pauses.append(_pause(source, speaker, path.stem, audio, 0, this, following[1]))
    if found:
        last = found[-1]
        goes_on = None if complete else last[2] + int(CUT_PAUSE_S * RATE_HZ)
        pauses.append(_pause(source, speaker, path.stem, audio, 0, last, goes_on))
    return pauses


def turns(shared: Path) -> list[Pause]:
    found = []
    with (shared / "turns" / "SOURCES.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["label"] in ("complete", "incomplete"):
                source = "turns-" + row["clip"].split("_")[1]
                path = shared / "turns" / row["clip"]
                found += of_clip(source, row["speaker"], path, row["label"] == "complete")
    return found


def zh(shared: Path) -> list[Pause]:
    found = []
    for path in sorted((shared / "backchannel").glob("zh_*omplete_*.flac")):
        found += of_clip("zh", path.stem, path, "_complete" in path.stem)
    return found


def orders(root: Path) -> list[Pause]:
    found = []
    for path in sorted((root / "data" / "speech" / "clean").glob("*.wav")):
        found += of_clip("orders", "PIC-" + path.stem[:8], path, True)
    return found


def calls(root: Path) -> list[Pause]:
    """Both sides of each call."""
    found = []
    folder = root / "lca-chimevc-stack" / "asterisk-test-scripts" / "recordings"
    for path in sorted(folder.glob("*_caller.wav")):
        sides = {side: read_audio(path.with_name(path.name.replace("caller", side)), RATE_HZ)
                 for side in ("caller", "agent")}  # fmt: skip
        said = {side: speeches(audio) for side, audio in sides.items()}
        call = path.stem.split("_")[2]
        for side, other in (("caller", "agent"), ("agent", "caller")):
            found += _side(f"CALL{call}-{side}", path.stem, sides[side], said[side], said[other])
    return found


def _side(
    speaker: str, clip: str, audio: NDArray[np.int16],
    said: list[tuple[int, int, int, int]], others: list[tuple[int, int, int, int]],
) -> list[Pause]:  # fmt: skip
    found = []
    start = 0
    for index, this in enumerate(said):
        end = this[2]
        if any(o[0] < end + RATE_HZ // 10 and o[2] > end - RATE_HZ // 4 for o in others):
            continue  # the other side speaks as this one stops
        mine = said[index + 1][1] if index + 1 < len(said) else None
        theirs = min((o[0] for o in others if o[0] >= end and o[2] - o[0] > RATE_HZ * 0.3), default=None)
        if mine is not None and (theirs is None or mine < theirs) and mine - end < 3 * RATE_HZ:
            found.append(_pause("calls", speaker, clip, audio, start, this, mine))
        elif theirs is not None and (mine is None or theirs < mine) and theirs - end < 2 * RATE_HZ:
            quiet = with_quiet(audio[: min(theirs, this[3])])  # the other side's echo stays out
            found.append(_pause("calls", speaker, clip, quiet, start, this, None))
            start = end
    return found


def ami(shared: Path) -> list[Pause]:
    """Meetings: a speaker who is alone around the pause, and who speaks next."""
    by_clip: dict[str, list[tuple[float, float, str]]] = {}
    with (shared / "conversation" / "segments.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            start = float(row["start_s"])
            by_clip.setdefault(row["clip"], []).append(
                (start, start + float(row["duration_s"]), row["speaker"].replace("É", "E"))
            )
    found = []
    for clip, segments in by_clip.items():
        path = shared / "conversation" / f"{clip}.flac"
        if not path.exists():
            continue
        audio = read_audio(path, RATE_HZ)
        gain = 0.06 / max(float(np.percentile(np.abs(audio), 95)) / 32768, 1e-4)
        audio = np.clip(audio * min(gain, 12.0), -32768, 32767).astype(np.int16)
        said = speeches(audio)
        for index, this in enumerate(said):
            end_s = this[2] / RATE_HZ
            who = {s[2] for s in segments if s[0] - 0.1 < end_s and s[1] > end_s - 0.6}
            if len(who) != 1 or index + 1 >= len(said):
                continue
            following = said[index + 1]
            next_s = following[0] / RATE_HZ
            after = {s[2] for s in segments if s[0] < next_s + 0.5 and s[1] > next_s}
            between = {s[2] for s in segments if s[0] < next_s and s[1] > end_s + 0.1} - who
            if next_s - end_s > 3.0 or len(after) != 1 or between:
                continue
            goes_on = following[1] if after == who else None
            begun = max((s[1] for s in segments if s[2] not in who and s[1] < end_s), default=0.0)
            sound = audio if goes_on else with_quiet(audio[: this[3]])
            found.append(_pause("ami", "AMI-" + who.pop(), clip, sound, int(begun * RATE_HZ), this, goes_on))
    return found
