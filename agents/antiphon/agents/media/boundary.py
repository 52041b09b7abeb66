"""Where a word begins: the last place before the end of some speech at which to take it up again.

Speech that went silent in mid-word is understood when it goes on soon. After a long silence it is better
taken up at a word's beginning, behind the last pause. Pure; about 0.2 ms for a second of audio.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["last_boundary"]

_FRAME_S: Final = 0.010  # s
_PAUSE_S: Final = 0.050  # s; shorter dips are stops within a word (the closure of a "t")
_QUIET: Final = 0.1  # of the loud frames' level (-20 dB): chosen
_LEAD_S: Final = 0.02  # s of the pause that belongs to the word: its consonant may rise slowly


def last_boundary(samples: NDArray[np.int16], rate_hz: int) -> int | None:
    """The sample at which the last word begins, or None where there is no pause.

    Args:
        samples: Mono int16, shape (n,).
        rate_hz: Their rate.
    """
    frame = round(_FRAME_S * rate_hz)
    count = len(samples) // frame
    if not count:
        return None
    last = samples[len(samples) - count * frame :]  # whole frames up to the end
    level = np.sqrt((last.reshape(count, frame).astype(np.float32) ** 2).mean(axis=1))
    quiet = level < _QUIET * float(np.quantile(level, 0.95))
    needed = round(_PAUSE_S / _FRAME_S)
    run = 0
    found = None
    for index, is_quiet in enumerate(quiet):
        if is_quiet:
            run += 1
        else:
            if run >= needed:
                found = index
            run = 0
    if found is None:
        return None
    return len(samples) - count * frame + found * frame - round(_LEAD_S * rate_hz)
