"""How long does this person pause before going on? Learnt from the pauses after which they did.

The long pauses count, those that a short wait would cut off: a high quantile of the ones heard, each
weighing less as it ages, among a few imagined ones of the usual length. Somebody of whom nothing is
known has the usual pauses, and who slowed down once is back there after some minutes. Times are s,
monotonic.
"""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Pauses"]

_REMEMBERED: Final = 32  # pauses; chosen: some minutes of talk, and a quantile of them costs nothing
_IMAGINED: Final = 4.0  # pauses of the usual length that count as heard; chosen: two long ones tell
_QUANTILE: Final = 0.8  # chosen: one long pause in five is a habit, one in fifty is not
_HALF_LIFE_S: Final = 120.0  # s until a pause counts half; chosen


class Pauses:
    """The pauses of one person within their turns.

    Args:
        usual_s: The long pause of somebody of whom nothing is known, s.
    """

    def __init__(self, usual_s: float) -> None:
        self._usual_s = usual_s
        self._heard: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)  # (when it ended, its length)

    def note(self, now: float, length_s: float) -> None:
        """A pause of so many s ended: the person went on."""
        if length_s > 0:
            self._heard.append((now, length_s))

    def long_s(self, now: float) -> float:
        """A long pause of this person's, s."""
        weighed = [(length_s, 0.5 ** (max(now - at, 0.0) / _HALF_LIFE_S)) for at, length_s in self._heard]
        weighed.append((self._usual_s, _IMAGINED))
        below = _QUANTILE * sum(weight for _, weight in weighed)
        for length_s, weight in sorted(weighed):
            below -= weight
            if below <= 0:
                return length_s
        return max(weighed)[0]
