"""The push-to-talk key of a call, as the application and the room press it.

The controller decides what a press does; this part passes it on, says what became of it and notes it. What
became of it is read from the timeline: the media plane appends its events before the call that caused them
is over, and calls to it keep their order. Lives on the application's loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from antiphon.agents import timeline as tl
from antiphon.agents.errors import MisuseError
from antiphon.agents.media.call import MediaCall
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.options import TurnTaking

__all__ = ["KeyResult", "TalkKey"]

By = Literal["rpc", "attribute", "application", "muted", "left", "limit"]
Done = Literal["pressed", "committed", "waiting", "dropped", "nothing"]


@dataclass(frozen=True, slots=True)
class KeyResult:
    """What a press, release or cancel did."""

    done: Done
    """``pressed``; ``committed``: the turn went to the model; ``waiting``: it goes there when the speech
    that nobody may interrupt is over; ``dropped``; ``nothing``."""
    reason: str = ""
    """Why nothing was done, or why it was dropped."""
    held_s: float = 0.0
    """How long the key was down, s."""
    audio_s: float = 0.0
    """Audio of the turn that the model got or that was dropped, pre-roll included, s."""
    silenced: bool = False
    """Whether the press silenced the agent."""

    def to_dict(self) -> dict[str, str | float | bool]:
        """For JSON; times rounded to a millisecond."""
        made = asdict(self)
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in made.items()}


class TalkKey:
    """One call's key.

    Args:
        call: The media plane's side.
        media: Its thread.
        timeline: Of the call.
        options: The call's turn taking at any time.
    """

    def __init__(
        self,
        call: MediaCall,
        media: MediaThread,
        timeline: tl.Timeline,
        options: Callable[[], TurnTaking],
    ) -> None:
        self._call = call
        self._media = media
        self._timeline = timeline
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._pressed_at: float | None = None
        self._releasing = 0  # releases that the media plane has not answered yet
        self._unsubscribe = timeline.subscribe(self._on_event)

    @property
    def down(self) -> bool:
        """Whether the key is pressed."""
        return self._pressed_at is not None

    def close(self) -> None:
        """Listens no more."""
        self._unsubscribe()

    async def press(self, by: By = "application") -> KeyResult:
        """The person's turn begins, and the agent falls silent.

        Raises:
            MisuseError: Push-to-talk is off.
        """
        if not self._options().push_to_talk:
            raise MisuseError(
                "push-to-talk is off: the microphone is open",
                hint="Turn it on with push_to_talk=True, from the start or in mid-call.",
            )
        now = time.monotonic()
        if self._pressed_at is not None:
            return KeyResult("nothing", "the key was down already", now - self._pressed_at)
        self._pressed_at = now
        self._timeline.append(tl.Press(now, by))
        events = await self._done(self._call.press_turn)
        return KeyResult("pressed", silenced=any(isinstance(event, tl.Hold) for event in events))

    async def release(self, by: By = "application") -> KeyResult:
        """The person's turn is over."""
        return await self._up(by)

    async def cancel(self, by: By = "application") -> KeyResult:
        """The person's turn is dropped; what it silenced goes on, unless it was given up already."""
        return await self._up(by, cancelled=True)

    def opened(self) -> None:
        """The microphone is open from now on: there is no key."""
        self._went_up("application")

    async def _up(self, by: By, *, cancelled: bool = False) -> KeyResult:
        held_s = self._went_up(by, cancelled=cancelled)
        if held_s is None:
            return KeyResult("nothing", "the key was not down")
        self._releasing += 1
        try:
            events = await self._done(self._call.cancel_turn if cancelled else self._call.release_turn)
        finally:
            self._releasing -= 1
        for event in events:
            if isinstance(event, tl.Commit):
                return KeyResult("committed", "", held_s, event.audio_s)
        dropped = [event for event in events if isinstance(event, tl.Discard)]
        audio_s = dropped[0].audio_s if dropped else 0.0
        if cancelled:
            return KeyResult("dropped", "cancelled", held_s, audio_s)
        if held_s < self._options().press_min_s:
            return KeyResult("dropped", "pressed too shortly", held_s, audio_s)
        if dropped:
            return KeyResult("dropped", dropped[0].reason, held_s, audio_s)
        return KeyResult("waiting", "the agent may not be interrupted", held_s)

    async def _done(self, action: Callable[[], None]) -> list[tl.Event]:
        """Has the media plane do something; returns what it noted meanwhile."""
        events: list[tl.Event] = []
        done: asyncio.Future[None] = self._loop.create_future()

        def through() -> None:
            if not done.done():
                done.set_result(None)

        unsubscribe = self._timeline.subscribe(events.append)
        try:
            action()
            self._media.call(self._loop.call_soon_threadsafe, through)
            await done
        finally:
            unsubscribe()
        return events

    # A release that nobody asked for: the press was too long.

    def _on_event(self, event: tl.Event) -> None:
        """Any thread."""
        if isinstance(event, tl.SpeechEnded) and self._pressed_at is not None:
            try:
                self._loop.call_soon_threadsafe(self._ended)
            except RuntimeError:  # the application's loop is closed, and the call with it
                self._unsubscribe()

    def _ended(self) -> None:
        if not self._releasing:
            self._went_up("limit")

    def _went_up(self, by: By, *, cancelled: bool = False) -> float | None:
        """Notes that the key is up; how long it was down, s."""
        if self._pressed_at is None:
            return None
        now = time.monotonic()
        held_s = now - self._pressed_at
        self._pressed_at = None
        self._timeline.append(tl.Release(now, by, held_s, cancelled))
        return held_s
