"""The agent's words on the page, no sooner than they are heard.

livekit-agents can pace its transcripts by estimating the speaking rate from the agent's audio; that
costs a third of a call's CPU (measured, 1.8.9). The playout knows what was heard, so the words are
shown in proportion: a reply's text is spread evenly over its audio. While either is still arriving, a
usual speaking rate stands in for the ratio, so that the words never run far ahead of the voice.

`PacedText` is the pure part; `PacedTranscript` is the session's text output.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from livekit.agents.voice import io

__all__ = ["PacedText", "PacedTranscript"]

SPEAKING_RATE = 16.0  # characters a second; about 190 words a minute, as the voices of today speak
_LEAD_S = 0.25  # s by which the page may lead the ear: a word is shown as it begins
_PERIOD_S = 0.1  # s between looks at the playout


class PacedText:
    """A reply's text, given out as its audio is heard. No clock: the position is an argument."""

    def __init__(self) -> None:
        self._text = ""
        self._shown = 0
        self.complete = False
        """Whether all text has arrived."""

    def add(self, text: str) -> None:
        """Adds text."""
        self._text += text

    @property
    def started(self) -> bool:
        """Whether any text has come."""
        return bool(self._text)

    @property
    def pending(self) -> bool:
        """Whether some text is not shown yet."""
        return self._shown < len(self._text)

    def heard(self, heard_s: float, received_s: float, audio_complete: bool) -> str:
        """The text spoken by ``heard_s``, whole words only.

        Args:
            heard_s: Audio heard, s.
            received_s: Audio received, s.
            audio_complete: Whether that is all of it.
        """
        if heard_s <= 0:
            return ""
        if audio_complete and self.complete:
            if heard_s >= received_s:
                return self._text
            rate = len(self._text) / received_s
        else:
            rate = SPEAKING_RATE
        return self._words(int(rate * heard_s))

    def advance(self, heard_s: float, received_s: float, audio_complete: bool) -> str:
        """What may be shown now and was not before."""
        lead = heard_s + _LEAD_S if heard_s > 0 else 0.0
        upto = len(self.heard(min(lead, received_s) if received_s else lead, received_s, audio_complete))
        fresh = self._text[self._shown : upto]
        self._shown = max(self._shown, upto)
        return fresh

    def rest(self) -> str:
        """All that was not shown."""
        fresh, self._shown = self._text[self._shown :], len(self._text)
        return fresh

    def _words(self, count: int) -> str:
        """The first ``count`` characters, on to the end of the word they end in."""
        if count >= len(self._text):
            return self._text
        end = self._text.find(" ", count)
        return self._text if end < 0 else self._text[:end]


class PacedTranscript(io.TextOutput):
    """Passes the agent's text on at the pace of the playout, from one task, in order.

    Args:
        next_in_chain: Where the text goes, e.g. the room's transcription.
        position: ``(heard s, received s, audio complete)`` of the current reply, or None while no
            audio of it has come.
    """

    def __init__(
        self,
        next_in_chain: io.TextOutput,
        position: Callable[[], tuple[float, float, bool] | None],
    ) -> None:
        super().__init__(label="Antiphon", next_in_chain=next_in_chain)
        self._next = next_in_chain
        self._position = position
        self._text = PacedText()
        self._outbox: deque[str | None] = deque()  # None ends a segment
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def capture_text(self, text: str) -> None:
        """Takes text of the current reply, at any pace."""
        self._text.add(text)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="antiphon-transcript")
        self._wake.set()

    def flush(self) -> None:
        """The current reply has all its text. The segment ends with `finish`."""
        self._text.complete = True

    def heard_text(self, heard_s: float, received_s: float, audio_complete: bool) -> str:
        """The words heard of the current reply."""
        return self._text.heard(heard_s, received_s, audio_complete)

    def finish(self, *, everything: bool) -> None:
        """Ends the segment: with the rest of its text, or, after an interruption, without.

        A segment without text is none, and nothing is passed on.
        """
        text, self._text = self._text, PacedText()
        if everything:
            self._outbox.append(text.rest())
        if text.started:
            self._outbox.append(None)
        self._wake.set()

    async def aclose(self) -> None:
        """Stops; what was not shown is not."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            position = self._position()
            if position is not None and self._text.pending:
                self._outbox.append(self._text.advance(*position))
            while self._outbox:
                text = self._outbox.popleft()
                if text is None:
                    self._next.flush()
                elif text:
                    await self._next.capture_text(text)
            try:
                await asyncio.wait_for(self._wake.wait(), _PERIOD_S if self._text.pending else None)
            except TimeoutError:
                continue
