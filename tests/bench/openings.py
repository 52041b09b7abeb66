"""How soon is an opening found, and what else is taken for one? Onset detection with and without levels.

    python tests/bench/openings.py SHARED_AUDIO

Every clip after a second of quiet (-80 dBFS noise), at 0, -10 and -20 dB and four offsets against the
windows. Latency counts from two places: the first sample above -45 dBFS (measures.md), and the first
window 10 dB over the clip's own noise, since some clips bring a room louder than that.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.onset import OnsetDetector, SpeechEnded, SpeechLikely
from antiphon.agents.options import TurnTaking
from antiphon.plugins.silero import SileroVad
from antiphon.workers.caller import read_audio

RATE_HZ = 16_000
WINDOW = 512
GAINS_DB = (0, -10, -20)
LONGEST_S = 8
SPEECH_LIKE = ("people_talking", "baby_crying")


def clips(shared: Path) -> dict[str, list[Path]]:
    turns = shared / "turns"
    noise = sorted((shared / "noise").glob("*.flac"))
    return {
        "interruption": sorted((turns / "interruption").glob("*.flac")),
        "backchannel": [
            *sorted((turns / "backchannel").glob("*.flac")),
            *sorted((shared / "backchannel").glob("zh_backchannel_*.flac")),
        ],
        "nonspeech": sorted((turns / "nonspeech").glob("*.flac")),
        "noise": [path for path in noise if path.stem not in SPEECH_LIKE],
    }


def windows(audio: NDArray[np.int16], gain_db: float, lead: int) -> tuple[list[float], list[float]]:
    """Probabilities and levels of the clip's windows, ``lead`` samples of quiet before it."""
    rng = np.random.default_rng(lead)
    sound = np.concatenate([np.zeros(lead), audio * 10 ** (gain_db / 20), np.zeros(RATE_HZ)])
    heard = np.clip(sound + rng.normal(0.0, 3.0, len(sound)), -32768, 32767).astype(np.int16)
    vad = SileroVad()
    speech, level = [], []
    for at in range(0, len(heard) - WINDOW + 1, WINDOW):
        window = heard[at : at + WINDOW]
        speech.append(vad.window(window))
        power = float(np.square(window.astype(np.float64)).mean()) / 32768**2
        level.append(10 * np.log10(power + 1e-12))
    return speech, level


def found(speech: list[float], level: list[float] | None) -> tuple[float | None, bool]:
    """When the opening was found, s, and whether that speech was lost again within 0.5 s of it."""
    options = TurnTaking()
    onset = OnsetDetector(
        enter=options.onset_enter,
        exit=options.onset_exit,
        onset_s=options.onset_s,
        speech_gap_s=options.speech_gap_s,
    )
    at: float | None = None
    for index, probability in enumerate(speech):
        now = (index + 1) * WINDOW / RATE_HZ
        event = onset.frame(now, probability, None if level is None else level[index])
        if isinstance(event, SpeechLikely):
            if at is not None:
                return at, True
            at = now
        elif isinstance(event, SpeechEnded) and at is not None and now - at > 0.5:
            return at, False
    return at, False


def starts(audio: NDArray[np.int16], gain_db: float) -> tuple[int, int] | None:
    """The two places to count from, samples of the clip; None for a clip that stays below -45 dBFS."""
    scaled = audio * 10 ** (gain_db / 20)
    loud = np.flatnonzero(np.abs(scaled) > 32768 * 10 ** (-45 / 20))
    if not len(loud):
        return None
    frames = scaled[: len(scaled) // WINDOW * WINDOW].reshape(-1, WINDOW)
    level = 10 * np.log10(np.square(frames).mean(axis=1) / 32768**2 + 1e-12)
    standing = np.flatnonzero(level > min(max(np.percentile(level, 10) + 10, -50), level.max() - 3))
    return int(loud[0]), max(int(loud[0]), int(standing[0]) * WINDOW)


def main() -> None:
    shared = Path(sys.argv[1])
    rows: dict[tuple[str, str, int], list[tuple[float | None, float | None, bool]]] = defaultdict(list)
    for group, paths in clips(shared).items():
        for path in paths:
            audio = read_audio(path, RATE_HZ)[: LONGEST_S * RATE_HZ]
            for gain_db in GAINS_DB:
                if (start := starts(audio, gain_db)) is None:
                    continue
                for offset in range(0, WINDOW, WINDOW // 4):
                    lead = RATE_HZ + offset
                    speech, level = windows(audio, gain_db, lead)
                    for rule, levels in (("probability", None), ("with level", level)):
                        at, again = found(speech, levels)
                        since = [None if at is None else 1000 * (at - (lead + s) / RATE_HZ) for s in start]
                        rows[group, rule, gain_db].append((since[0], since[1], again))
    for (group, rule, gain_db), results in rows.items():
        first = [a for a, _, _ in results if a is not None]
        own = [b for _, b, _ in results if b is not None]
        text = f"{group:13}{rule:12}{gain_db:4} dB  found {len(first):3} of {len(results):3}"
        if first and group in ("interruption", "backchannel"):
            text += f"  since -45 dBFS {np.median(first):4.0f} ({np.percentile(first, 95):4.0f}) ms"
            text += f"  over the clip's noise {np.median(own):4.0f} ({np.percentile(own, 95):4.0f}) ms"
        print(text, f" twice {sum(again for _, _, again in results)}")


if __name__ == "__main__":
    main()
