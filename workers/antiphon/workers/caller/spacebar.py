"""The space bar of a terminal as a push-to-talk key.

A terminal tells of keys going down and never of one going up, so the space bar switches: once to talk, once
more to be answered; ``x`` drops what was said. Read without waiting for a line, and put back afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal

from antiphon.agents.errors import MediaError, RoomError

__all__ = ["KEYS", "SpaceBar"]

Method = Literal["start_turn", "end_turn", "cancel_turn"]
KEYS = "Space to talk, space again to be answered, x to drop it."


class SpaceBar:
    """Turns keys into requests, one after another.

    Args:
        request: Makes one; a `RoomError` of it is told and changes nothing.
        tell: Shows a line to the person.
    """

    def __init__(self, request: Callable[[Method], Awaitable[object]], tell: Callable[[str], None]) -> None:
        self._request = request
        self._tell = tell
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self.talking = False
        """Whether the key counts as down."""

    def typed(self, characters: str) -> None:
        """Takes what came from the terminal."""
        for character in characters:
            self._keys.put_nowait(character)

    async def run(self) -> None:
        """Makes the requests, until cancelled."""
        while True:
            method = self._method(await self._keys.get())
            if method is None:
                continue
            try:
                await self._request(method)
            except RoomError as error:
                self.talking = False
                self._tell(str(error))
                continue
            self.talking = method == "start_turn"
            self._tell({"start_turn": "talking", "end_turn": "over", "cancel_turn": "dropped"}[method])

    def _method(self, key: str) -> Method | None:
        if key == " ":
            return "end_turn" if self.talking else "start_turn"
        return "cancel_turn" if key in "xX" and self.talking else None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """The terminal's keys come here meanwhile. Needs a running loop.

        Raises:
            MediaError: There is no terminal.
        """
        try:
            import termios
            import tty
        except ImportError:
            raise MediaError("push-to-talk by space bar needs a Unix terminal") from None
        if not sys.stdin.isatty():
            raise MediaError(
                "push-to-talk by space bar needs a terminal",
                hint="Play sound files instead: agent call --push-to-talk --say question.wav",
            )
        loop, number = asyncio.get_running_loop(), sys.stdin.fileno()
        before = termios.tcgetattr(number)
        tty.setcbreak(number)
        loop.add_reader(number, lambda: self.typed(os.read(number, 64).decode("utf-8", "ignore")))
        try:
            yield
        finally:
            loop.remove_reader(number)
            termios.tcsetattr(number, termios.TCSADRAIN, before)
