from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from antiphon.plugins.judges.training.voices import RATE_HZ, speak, trimmed


def test_silence_at_both_ends_is_cut() -> None:
    tone = 0.3 * np.sin(np.arange(RATE_HZ // 2)).astype(np.float32)
    quiet = np.zeros(RATE_HZ, np.float32)
    assert trimmed(np.concatenate([quiet, tone, quiet])).size == pytest.approx(tone.size, abs=320)
    assert trimmed(np.zeros(10, np.float32)).size == 10


@pytest.mark.weights
async def test_what_was_spoken_is_kept(tmp_path: Path) -> None:
    counted: list[tuple[int, int]] = []
    wanted = [("turn", "Wait."), ("backchannel", "Okay.")]
    first = await speak(
        wanted, folder=tmp_path, takes=1, progress=lambda done, of: counted.append((done, of))
    )
    assert counted == [(1, 2), (2, 2)]
    assert [(u.kind, u.text) for u in first] == wanted
    assert all(0.1 * RATE_HZ < u.sound.size < 2 * RATE_HZ for u in first)
    again = await speak(wanted, folder=tmp_path, takes=1)
    assert all(np.array_equal(a.sound, b.sound) for a, b in zip(first, again, strict=True))
