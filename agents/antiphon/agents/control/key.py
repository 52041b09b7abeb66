"""The push-to-talk key of a call, as the application and the room press it.

The controller decides what a press does; this part passes it on, says what became of it and notes it. What
became of it is read from the timeline: the media plane appends its events before the call that caused them
is over, and calls to it keep their order. Lives on the application's loop.

A release comes faster than the sound made before it, which waits in buffers on its way. So while the person
still sounds, a release waits for that; after a short silence it is passed on at once.
"""

from __future__ import annotations

import asyncio
import contextlib
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

_SOUNDS_S = 0.10  # s since the last voice; chosen: a release this soon after it may cut a word
_ON_ITS_WAY_S = 0.12  # s; chosen: 40 ms in a sender's queue, 20 a frame, 40 to 60 in the jitter buffer

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
        self._waiting: _Once | None = None  # a release that waits for the sound made before it
        self._early_at: float | None = None
        self._unsubscribe = timeline.subscribe(self._on_event)

    def press_early(self) -> None:
        """A press that `press` is going to follow up. Any thread; nothing if the key is down."""
        if self._pressed_at is None and self._options().push_to_talk:
            self._early_at = time.monotonic()
            self._call.press_turn()

    @property
    def down(self) -> bool:
        """Whether the key is pressed."""
        return self._pressed_at is not None or self._early_at is not None

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
        early_at, self._early_at = self._early_at, None
        if self._pressed_at is not None:
            held_s = time.monotonic() - self._pressed_at
            return KeyResult("nothing", "the key was down already", held_s)
        self._pressed_at = pressed_at = early_at or time.monotonic()
        self._timeline.append(tl.Press(pressed_at, by))
        if self._waiting is not None:
            self._waiting()
        await self._done(self._call.press_turn)
        silenced = any(hold.at >= pressed_at for hold in self._timeline.of(tl.Hold)[-1:])
        return KeyResult("pressed", silenced=silenced)

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
        sounds = time.monotonic() - self._call.voice_at < _SOUNDS_S
        wait = sounds and not cancelled and held_s >= self._options().press_min_s
        self._releasing += 1
        try:
            go_up = _Once(self._call.cancel_turn if cancelled else self._call.release_turn)
            events = await self._done(go_up, wait_s=_ON_ITS_WAY_S if wait else 0.0)
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

    async def _done(self, action: Callable[[], None], wait_s: float = 0.0) -> list[tl.Event]:
        """Has the media plane do something; returns what it noted meanwhile."""
        events: list[tl.Event] = []
        unsubscribe = self._timeline.subscribe(events.append)
        try:
            if isinstance(action, _Once) and wait_s:
                self._waiting = action
                await action.wait(wait_s)
                self._waiting = None
            action()
            done: asyncio.Future[None] = self._loop.create_future()
            self._media.call(self._loop.call_soon_threadsafe, _finish, done)
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
        pressed_at = self._early_at if self._pressed_at is None else self._pressed_at
        self._pressed_at = self._early_at = None
        if pressed_at is None:
            return None
        now = time.monotonic()
        held_s = now - pressed_at
        self._timeline.append(tl.Release(now, by, held_s, cancelled))
        return held_s


class _Once:
    """Something that is done once, by whoever comes first."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._is_done = asyncio.Event()

    def __call__(self) -> None:
        if not self._is_done.is_set():
            self._is_done.set()
            self._action()

    async def wait(self, timeout_s: float) -> None:
        """Waits until it is done, or so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_done.wait(), timeout_s)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
