"""The agent's timeline as it arrives: JSON lines in, events on this process's clock out.

Pure: the clocks are arguments. The agent's monotonic clock is ours if both processes run on one machine;
otherwise the wall clocks of the two machines tie them, and a difference between those stays in the
events. The first line is the clock's (antiphon.agents.timeline); lines before it are taken as they are.
What is not a line of a timeline, or of a type that this version does not know, is left out.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

from antiphon.agents import timeline as tl

__all__ = ["FeedReader"]

_SAME_S = 0.25  # s; chosen: clocks that agree this well are one, the rest is the wall clock's slewing
_LONGEST = 1 << 20  # characters of one message; what is beyond is dropped


class FeedReader:
    """Reads one agent's feed, message by message."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        """To add to the agent's clock for ours."""

    def read(self, text: str, *, now: float, wall: float) -> list[tl.Event]:
        """The events of one message.

        Args:
            text: JSON lines.
            now: This process's monotonic clock, s.
            wall: Unix time at the same moment, s.
        """
        events: list[tl.Event] = []
        for line in text[:_LONGEST].splitlines():
            try:
                record: Any = json.loads(line)
                event = tl.from_record(record) if isinstance(record, dict) else None
                if event is None:
                    continue
                if isinstance(event, tl.Clock):
                    offset = now - (wall - event.wall) - event.at
                    self.offset_s = offset if abs(offset) > _SAME_S else 0.0
                events.append(self._shifted(event))
            except (ValueError, TypeError):
                continue
        return events

    def _shifted(self, event: tl.Event) -> tl.Event:
        """Every field that is a moment: ``at``, and those whose names end so."""
        moments = {
            spec.name: getattr(event, spec.name) + self.offset_s
            for spec in fields(event)
            if spec.name == "at" or spec.name.endswith("_at")
        }
        return replace(event, **moments)
