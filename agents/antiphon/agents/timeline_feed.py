"""The call's timeline, sent to a participant who asks for it.

A participant whose attribute ``antiphon.timeline`` is ``1`` gets the events as text streams on the topic
``antiphon.timeline``: JSON lines, in batches, without personal fields. Nobody else gets anything, and
the room's other participants do not see it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from livekit import rtc

from antiphon.agents import timeline as tl
from antiphon.agents.logs import get_logger

__all__ = ["ATTRIBUTE", "TOPIC", "TimelineFeed"]

log = get_logger(__name__)

ATTRIBUTE: Final = "antiphon.timeline"
TOPIC: Final = "antiphon.timeline"
_BATCH_S = 0.2  # s; chosen: live enough for a person, few enough packets
_MAX_LINES = 200  # lines a message


class TimelineFeed:
    """Sends one call's events to those who asked. Lives on the application's loop."""

    def __init__(self, timeline: tl.Timeline, room: rtc.Room) -> None:
        self._timeline = timeline
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._lines: list[str] = []
        self._readers: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe = timeline.subscribe(self._on_event)
        room.on("participant_attributes_changed", self._on_attributes)

    def offer(self, participant: rtc.RemoteParticipant) -> None:
        """Starts sending to this participant if they ask for it; from the call's beginning."""
        if participant.attributes.get(ATTRIBUTE) != "1" or participant.identity in self._readers:
            return
        self._readers.add(participant.identity)
        if len(self._readers) == 1:
            self._lines = [json.dumps(tl.to_record(event)) for event in self._timeline]
        if self._task is None:
            self._task = self._loop.create_task(self._run(), name="antiphon-timeline")

    async def aclose(self) -> None:
        """Sends what is left, if the room is still there, and stops."""
        self._unsubscribe()
        self._room.off("participant_attributes_changed", self._on_attributes)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._send()

    def _on_attributes(self, _: dict[str, str], participant: rtc.Participant) -> None:
        if isinstance(participant, rtc.RemoteParticipant):
            self.offer(participant)

    def _on_event(self, event: tl.Event) -> None:  # any thread
        if self._readers:
            line = json.dumps(tl.to_record(event))
            try:
                self._loop.call_soon_threadsafe(self._lines.append, line)
            except RuntimeError:
                self._unsubscribe()

    async def _run(self) -> None:
        while True:
            await self._send()
            await asyncio.sleep(_BATCH_S)

    async def _send(self) -> None:
        while self._lines and self._room.isconnected():
            here = [who for who in self._readers if who in self._room.remote_participants]
            if not here:
                return
            batch, self._lines = self._lines[:_MAX_LINES], self._lines[_MAX_LINES:]
            try:
                await self._room.local_participant.send_text(
                    "\n".join(batch), topic=TOPIC, destination_identities=here
                )
            except (rtc.ConnectError, RuntimeError, OSError) as error:
                log.debug("a batch of the timeline was not sent", error=str(error))
                return
