"""The dispatcher's numbers, in one frozen object."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from antiphon.agents.errors import ConfigError

__all__ = ["DispatchPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPolicy:
    """How patient the dispatcher is. Chosen, where no source is named.

    Raises:
        ConfigError: A value is not a finite number above 0.
    """

    connect_s: float = 5.0
    """Longest time from a dispatch to its agent in the room, s. livekit-server waits 3 s for a worker's
    answer; an agent that comes later is taken if it is still wanted."""
    redispatch_s: float = 1.0
    """Time after which a dispatch that is not to be seen in its room is sent again, s."""
    missing_s: float = 1.5
    """Time for which an agent may be absent from its room before its call is restored, s: a reconnect."""
    link_s: float = 0.5
    """Time for which a worker's link may be closed before the worker counts as dead, s."""
    silent_s: float = 3.0
    """Time without a word over an open link after which the worker counts as dead, s."""
    abandon_s: float = 15.0
    """Time for which a call without an agent outlives the last person in its room, s."""
    room_s: float = 15.0
    """Time for which a call outlives its room, s: an SFU that restarts, people who reconnect."""
    back_off_s: float = 0.5
    """First wait after a failed attempt, s; doubled by each further one."""
    back_off_most_s: float = 15.0
    """Longest such wait, s."""
    connecting: int = 40
    """Most calls of one agent that may be on their way at once. livekit-server launches agents with a pool of
    50 threads."""
    tries: int = 10
    """Attempts in a row that may fail before a call is given up."""
    cleanup_s: float = 60.0
    """Time for which the room of a call that is over is still looked after, s."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not (0 < value < math.inf):
                raise ConfigError(f"DispatchPolicy.{spec.name}", value, "a finite number above 0")
