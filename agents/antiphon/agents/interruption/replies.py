"""The agent's replies: which is in the person's ear, which are still to come, which are over.

Facts only: what was asked for, what started, how far it was heard. Ids of replies that are over are
remembered for a while, so that what comes late about one is told from a new one. Nothing here decides.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Replies"]

_REMEMBERED = 256  # ids; chosen: far more than are ever in flight


class Replies:
    """The replies of one call."""

    def __init__(self) -> None:
        self._last = ""  # in the person's ear, or the last that was
        self._heard = 0  # samples of it
        self._interruptible = True  # whether it is
        self._stalled = False  # it stands still and no longer counts as being heard
        self._waiting: dict[str, bool] = {}  # asked for and not started: id -> interruptible
        self._over: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def in_ear(self) -> bool:
        """Whether a reply is, or while held was, in the person's ear."""
        return bool(self._last) and not self._stalled and self._last not in self._over

    @property
    def waiting(self) -> bool:
        """Whether a reply was asked for that has not started."""
        return bool(self._waiting)

    @property
    def interruptible(self) -> bool:
        """Whether the person may interrupt what is in the ear, or else all that is to come."""
        return self._interruptible if self.in_ear else all(self._waiting.values())

    def is_over(self, reply_id: str) -> bool:
        """Whether a reply was heard to its end, yielded or given up."""
        return reply_id in self._over

    def request(self, reply_id: str, interruptible: bool) -> bool:
        """Notes that a reply was asked for; False if it is none that is to come."""
        if reply_id in self._over or reply_id == self._last:
            return False
        self._waiting[reply_id] = interruptible
        return True

    def start(self, reply_id: str, interruptible: bool) -> bool:
        """Notes that a reply is being heard, and the one before it no longer; False if it is over."""
        if reply_id in self._over:
            return False
        if self._last != reply_id:
            self._end(self._last)
        self._waiting.pop(reply_id, None)
        self._last, self._heard, self._stalled = reply_id, 0, False
        self._interruptible = interruptible
        return True

    def advance(self, reply_id: str, heard: int) -> bool:
        """Notes how far a reply was heard, in samples; whether that is further than before."""
        if reply_id != self._last or reply_id in self._over or heard <= self._heard:
            return False
        self._heard, self._stalled = heard, False
        return True

    def ended(self, reply_id: str) -> bool:
        """Notes that a reply was heard to its end; False if it was not the one in the ear."""
        if reply_id != self._last or reply_id in self._over:
            return False
        self._end(reply_id)
        return True

    def finish(self, reply_id: str) -> bool:
        """Notes that the application is through with a reply; whether the floor was about that one."""
        if reply_id in self._over:
            return False
        in_ear = self.in_ear
        if reply_id == self._last:
            counts = in_ear
        elif reply_id in self._waiting:
            counts = not in_ear and len(self._waiting) == 1
        else:
            return False
        self._end(reply_id)
        return counts

    def stall(self) -> str:
        """Gives up on the reply that the floor is about, without ending it; returns its id."""
        if self.in_ear:
            self._stalled = True
            return self._last
        first = next(iter(self._waiting), "")
        self._waiting.pop(first, None)
        return first

    def take(self, only: str | None = None) -> list[tuple[str, int]]:
        """Ends the replies that are not over, or only one, known or not.

        Returns:
            Id and samples heard of each that is to be yielded; the one in the ear, stalled or not, first.
        """
        ids = [self._last, *self._waiting] if only is None else [only]
        taken = [(reply_id, self._heard if reply_id == self._last else 0) for reply_id in ids if reply_id]
        taken = [(reply_id, heard) for reply_id, heard in taken if reply_id not in self._over]
        for reply_id, _ in taken:
            self._end(reply_id)
        return taken

    def _end(self, reply_id: str) -> None:
        self._waiting.pop(reply_id, None)
        if reply_id and reply_id not in self._over:
            self._over.append(reply_id)
