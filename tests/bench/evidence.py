"""What the evidence costs a call: a window in, and how a speech sounded out.

    python tests/bench/evidence.py SHARED_AUDIO

The clips of SHARED_AUDIO/turns as windows, loud ones as speech, through the onset detector alone and then
with the evidence beside it; at the end of each clip it is asked, as at a verdict. Process time, median of
five passes. To be under 1 % of a core a call, with ten verdicts a minute.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from antiphon.agents.interruption.evidence import EvidenceTracker
from antiphon.agents.interruption.onset import OnsetDetector
from antiphon.agents.interruption.verdicts import WINDOW_S
from antiphon.agents.media.windows import level_dbfs
from antiphon.agents.options import TurnTaking
from antiphon.workers.caller.audiofile import read_audio

PASSES = 5
VERDICTS_A_MINUTE = 10  # chosen: a lively call has fewer


def windows(shared: Path) -> list[list[np.ndarray]]:
    """Each clip behind half a second of silence."""
    made = []
    for path in sorted((shared / "turns").rglob("*.flac")):
        sound = np.concatenate([np.zeros(8_000, np.int16), read_audio(path, 16_000)])
        made.append(list(sound[: len(sound) // 512 * 512].reshape(-1, 512)))
    return made


def run(clips: list[list[np.ndarray]], *, evidence: bool) -> tuple[float, float, int, int]:
    """Process time in windows and in asking, s; how many windows, how often asked."""
    onset = OnsetDetector.of(TurnTaking())
    tracker = EvidenceTracker(onset)
    now, listening, asking, count = 0.0, 0.0, 0.0, 0
    for clip in clips:
        began = time.process_time()
        for window in clip:
            now += WINDOW_S
            level = level_dbfs(window)
            speech = 0.9 if level > -45 else 0.02
            if evidence:
                tracker.window(now, window, speech, level)
            onset.frame(now, speech, level)
            count += 1
        listening += time.process_time() - began
        began = time.process_time()
        if evidence:
            tracker.evidence(now)
        asking += time.process_time() - began
    return listening, asking, count, len(clips)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    clips = windows(parser.parse_args().shared)
    alone = [run(clips, evidence=False) for _ in range(PASSES)]
    beside = [run(clips, evidence=True) for _ in range(PASSES)]
    count, asked = beside[0][2], beside[0][3]
    a_window = (np.median([b[0] for b in beside]) - np.median([a[0] for a in alone])) / count
    a_verdict = np.median([b[1] for b in beside]) / asked
    share = a_window / WINDOW_S + a_verdict * VERDICTS_A_MINUTE / 60
    print(f"{len(clips)} clips, {count} windows")
    print(f"a window: {a_window * 1e6:.1f} us; a verdict: {a_verdict * 1e3:.2f} ms")
    print(f"a call: {share:.2%} of a core ({a_window / WINDOW_S:.2%} in windows)")


if __name__ == "__main__":
    main()
