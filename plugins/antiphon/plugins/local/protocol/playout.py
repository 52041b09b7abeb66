"""What goes out on a track: whose sound is being played, how far, and what of it was heard.

Over WebRTC the server plays: it has the audio, knows what has gone out, and so it is the one to say when
a response is heard (``output_audio_buffer.started``, ``stopped``) and, when it is silenced
(``cleared``), to cut the conversation to what was heard (``conversation.item.truncated``).

Positions are samples at 24 kHz of all that was ever given to the track. What a track drops counts as
passed, so that positions stay in step whenever it is told to drop.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from antiphon.plugins.local.engines import RATE_HZ, Samples
from antiphon.plugins.local.protocol.conversation import Item
from antiphon.plugins.local.protocol.outputs import Flush, Outbox, Play

__all__ = ["Playout"]


@dataclass(slots=True)
class _Sound:
    """A stretch of one item's sound."""

    response_id: str
    item: Item
    kept: bool
    """Whether the item is the conversation's."""
    before: int
    """Samples of the item before it."""
    start: int
    end: int


class Playout:
    """The track of one session.

    Args:
        outbox: Takes what is to be done.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sounds: deque[_Sound] = deque()
        self._given = 0
        self._position = 0
        self._current: str | None = None
        self._finished: set[str] = set()

    def add(self, response_id: str, item: Item, samples: Samples, *, before: int, kept: bool) -> None:
        """Sound of an item, int16 at 24 kHz; none of one that was silenced.

        Without samples it says that words of it are there already: silenced now, it was not heard.
        """
        if item.truncated:
            return
        start = self._given
        self._given += len(samples)
        last = self._sounds[-1] if self._sounds else None
        if last is not None and last.item is item:
            last.end = self._given
        else:
            self._sounds.append(_Sound(response_id, item, kept, before, start, self._given))
        if len(samples):
            self._outbox.do(Play(samples))

    def finish(self, response_id: str) -> None:
        """Nothing more of a response comes."""
        if response_id == self._current or any(s.response_id == response_id for s in self._sounds):
            self._finished.add(response_id)
            self.played(self._position)

    def played(self, position: int) -> None:
        """The track has come so far."""
        self._position = max(self._position, position)
        while self._start_or_stop():
            pass

    def clear(self) -> None:
        """Silences the track, and cuts the conversation to what was heard. Nothing, when it is silent."""
        if self._current is None and not self._sounds:
            return
        response_id = self._current or self._sounds[0].response_id
        self._outbox.do(Flush())
        self._outbox.emit("output_audio_buffer.cleared", response_id=response_id)
        for sound in self._sounds:
            heard = sound.before + min(max(self._position - sound.start, 0), sound.end - sound.start)
            self._cut(sound, heard * 1000 // RATE_HZ)
        self._sounds.clear()
        self._finished.clear()
        self._current = None
        self._position = self._given

    def _cut(self, sound: _Sound, heard_ms: int) -> None:
        item = sound.item
        if item.truncated:
            return
        item.audio_ms, item.truncated = heard_ms, True
        for part in item.data["content"]:
            part.pop("transcript", None)
        if sound.kept:
            where = {"item_id": item.id, "content_index": 0, "audio_end_ms": heard_ms}
            self._outbox.emit("conversation.item.truncated", **where)

    def _start_or_stop(self) -> bool:
        """One step; whether there may be another."""
        sounds, current = self._sounds, self._current
        if current is None:
            if not sounds:
                return False
            first = sounds[0]
            if first.start == first.end and first.response_id in self._finished:
                sounds.popleft()
                return True
            if self._position <= first.start:
                return False
            self._current = first.response_id
            self._outbox.emit("output_audio_buffer.started", response_id=first.response_id)
            return True
        if sounds and sounds[0].response_id == current:
            over = len(sounds) > 1 or current in self._finished
            if over and sounds[0].end <= self._position:
                sounds.popleft()
                return True
            return False
        if current in self._finished:
            self._finished.discard(current)
            self._current = None
            self._outbox.emit("output_audio_buffer.stopped", response_id=current)
            return True
        return False
