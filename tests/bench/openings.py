"""How soon is an opening found, and what else is taken for one? By probability alone, by pitch as well, by
level as well.

    python tests/bench/openings.py SHARED_AUDIO

Every clip after a second of quiet (-80 dBFS noise), at 0, -10 and -20 dB and four offsets against the
windows. Made-up noises of the acoustic judge's training beside them, at -22 and -35 dBFS: no number was
chosen over those. Latency counts from two places: the first sample above -45 dBFS (measures.md), and the
first window 10 dB over the clip's own noise, since some clips bring a room louder than that.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.interruption.onset import OnsetDetector, SpeechEnded, SpeechLikely
from antiphon.agents.media.voicing import Voicing
from antiphon.agents.media.windows import level_dbfs
from antiphon.agents.options import TurnTaking
from antiphon.plugins.judges.training.noises import NOISES, VOCALS
from antiphon.plugins.silero import SileroVad
from antiphon.workers.caller import read_audio

RATE_HZ = 16_000
WINDOW = 512
GAINS_DB = (0, -10, -20)
LONGEST_S = 8
MADE_UP = 8  # of each generator
MADE_UP_DBFS = (-22, -35)
RULES = {"probability": (0.5, 0.5), "and pitch": (0.5, 0.1), "and level": (0.3, 0.5)}
"""`onset_rising` and `onset_pitched`, by what the rule goes by."""
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


def windows(
    audio: NDArray[np.integer | np.floating], gain_db: float, lead: int
) -> list[tuple[float, float, float]]:
    """Probability, level and voicing of the clip's windows, ``lead`` samples of quiet before it."""
    rng = np.random.default_rng(lead)
    sound = np.concatenate([np.zeros(lead), audio * 10 ** (gain_db / 20), np.zeros(RATE_HZ)])
    heard = np.clip(sound + rng.normal(0.0, 3.0, len(sound)), -32768, 32767).astype(np.int16)
    vad, voicing = SileroVad(), Voicing()
    made = []
    for at in range(0, len(heard) - WINDOW + 1, WINDOW):
        window = heard[at : at + WINDOW]
        speech = vad.window(window)
        made.append((speech, level_dbfs(window), voicing.window(window, 0.1 <= speech < 0.5)))
    return made


def found(
    heard: list[tuple[float, float, float]], rising: float, pitched: float
) -> tuple[float | None, bool]:
    """When the opening was found, s, and whether that speech was lost again within 0.5 s of it."""
    onset = OnsetDetector.of(TurnTaking(onset_rising=rising, onset_pitched=pitched))
    at: float | None = None
    for index, window in enumerate(heard):
        now = (index + 1) * WINDOW / RATE_HZ
        event = onset.frame(now, *window)
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


def made_up(rows: dict[tuple[str, str, int], list[tuple[float | None, float | None, bool]]]) -> None:
    for group, generators in (("made-up noise", NOISES), ("made-up vocal", VOCALS)):
        for generator in generators:
            for seed in range(MADE_UP):
                sound = generator(np.random.default_rng(seed * 100 + 7))[: 3 * RATE_HZ]
                loud = sound[np.abs(sound) > 0.02]
                rms = float(np.sqrt(np.square(loud).mean())) if len(loud) else 0.1
                for level in MADE_UP_DBFS:
                    heard = windows(sound / rms * 10 ** (level / 20) * 32768, 0, RATE_HZ)
                    for rule, options in RULES.items():
                        at, again = found(heard, *options)
                        rows[group, rule, level].append((at, at, again))


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
                    heard = windows(audio, gain_db, lead)
                    for rule, options in RULES.items():
                        at, again = found(heard, *options)
                        since = [None if at is None else 1000 * (at - (lead + s) / RATE_HZ) for s in start]
                        rows[group, rule, gain_db].append((since[0], since[1], again))
    made_up(rows)
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
