"""The push-to-talk key: whether it is down, and for how long.

A press of `press_min_s` or more is *meant*; a shorter one was none. A key whose release never comes is let
go of after `max_press_s`. Keeps the times and decides nothing about the floor; times are s, monotonic.
"""

from __future__ import annotations

from antiphon.agents.interruption.events import Deadline, Reason
from antiphon.agents.options import TurnTaking

__all__ = ["Key"]


class Key:
    """One call's key.

    Args:
        options: `press_min_s`, `max_press_s`.
    """

    def __init__(self, options: TurnTaking) -> None:
        self.options = options
        self._pressed_at: float | None = None
        self.meant = False
        """Whether the press that is on was found to be one."""

    @property
    def down(self) -> bool:
        """Whether the key is pressed."""
        return self._pressed_at is not None

    def press(self, now: float) -> bool:
        """Notes a press; False if the key is down already."""
        if self.down:
            return False
        self._pressed_at = now
        self.meant = False
        return True

    def release(self) -> None:
        """Notes that the key is up."""
        self._pressed_at = None
        self.meant = False

    def long_enough(self, now: float) -> bool:
        """Whether the press that is on is meant by now."""
        return self._pressed_at is not None and now >= self._pressed_at + self.options.press_min_s

    def stuck(self, now: float) -> bool:
        """Whether the release is not to be waited for any longer."""
        return self._pressed_at is not None and now >= self._pressed_at + self.options.max_press_s

    def deadline(self) -> Deadline | None:
        """When the press is meant, or else stuck."""
        if self._pressed_at is None:
            return None
        lasts = self.options.max_press_s if self.meant else self.options.press_min_s
        return Deadline(self._pressed_at + lasts, Reason.PRESS)
