"""The call's timeline, sent to a participant who asks for it.

A participant whose attribute ``antiphon.timeline`` is ``1`` gets the events as text streams on the topic
``antiphon.timeline``: JSON lines, in batches, without personal fields. Nobody else gets anything, and
the room's other participants do not see it.
"""

from __future__ import annotations

import asyncio
import contextlib
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
        self._sent: dict[str, int] = {}  # by reader: events of the call that were sent
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        room.on("participant_attributes_changed", self._on_attributes)

    def offer(self, participant: rtc.RemoteParticipant) -> None:
        """Starts sending to this participant if they ask for it; from the call's beginning."""
        if participant.attributes.get(ATTRIBUTE) != "1":
            return
        self._sent.setdefault(participant.identity, 0)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="antiphon-timeline")

    async def aclose(self) -> None:
        """Sends what is left, if the room is still there, and stops."""
        self._room.off("participant_attributes_changed", self._on_attributes)
        self._ending.set()
        if self._task is not None:
            await self._task

    def _on_attributes(self, _: dict[str, str], participant: rtc.Participant) -> None:
        if isinstance(participant, rtc.RemoteParticipant):
            self.offer(participant)

    async def _run(self) -> None:
        while not self._ending.is_set():
            await self._send()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _BATCH_S)
        await self._send()

    async def _send(self) -> None:
        for identity in [who for who in self._sent if who in self._room.remote_participants]:
            events, count = self._timeline.after(self._sent[identity])
            for start in range(0, len(events), _MAX_LINES):
                batch = events[start : start + _MAX_LINES]
                if not self._room.isconnected() or not await self._told(identity, batch):
                    count -= len(events) - start  # again with the next
                    break
            self._sent[identity] = count

    async def _told(self, identity: str, batch: list[tl.Event]) -> bool:
        """Whether the events could be sent."""
        text = "\n".join(json.dumps(tl.to_record(event)) for event in batch)
        try:
            await self._room.local_participant.send_text(text, topic=TOPIC, destination_identities=[identity])
        except (rtc.ConnectError, RuntimeError, OSError) as error:
            log.debug("a batch of the timeline was not sent", error=str(error))
            return False
        return True
