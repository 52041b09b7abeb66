"""Who gets the timeline. That it arrives is tested in a whole call, in tests/e2e/test_life.py."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from antiphon.agents import timeline as tl
from antiphon.agents.timeline_feed import ATTRIBUTE, TOPIC, TimelineFeed


class Room:
    """As much of a room as the feed uses."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.changed = asyncio.Event()
        self.local_participant = self
        self.remote_participants: dict[str, Any] = {}

    def on(self, *_: object) -> None: ...
    def off(self, *_: object) -> None: ...

    def isconnected(self) -> bool:
        return True

    async def send_text(self, text: str, **options: Any) -> None:
        self.sent.append((text, options))
        self.changed.set()


def participant(identity: str, asks: bool) -> Any:
    return SimpleNamespace(identity=identity, attributes={ATTRIBUTE: "1"} if asks else {})


async def test_only_who_asks_is_sent_anything_and_nothing_personal() -> None:
    room, line = Room(), tl.Timeline()
    feed = TimelineFeed(line, room)  # type: ignore[arg-type]
    line.append(tl.Transcript(1.0, "user", True, "my secret"))
    room.remote_participants = {"quiet": 1, "asker": 1}
    feed.offer(participant("quiet", False))
    line.append(tl.Hold(2.0, 5))
    assert room.sent == []
    feed.offer(participant("asker", True))
    feed.offer(participant("asker", True))
    await asyncio.wait_for(room.changed.wait(), 2)
    text, options = room.sent[0]
    assert options == {"topic": TOPIC, "destination_identities": ["asker"]}
    records = [json.loads(row) for row in text.splitlines()]
    assert [record["type"] for record in records] == ["clock", "transcript", "hold"]
    assert "secret" not in text
    line.append(tl.Resume(3.0, 5))
    await asyncio.sleep(0)
    await feed.aclose()
    assert json.loads(room.sent[-1][0].splitlines()[-1])["type"] == "resume"
