"""Who gets the timeline. That it arrives is tested in a whole call, in tests/e2e/test_life.py."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from antiphon.agents import timeline as tl
from antiphon.agents import timeline_feed
from antiphon.agents.timeline_feed import ATTRIBUTE, TOPIC, TimelineFeed


class Room:
    """As much of a room as the feed uses."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.changed = asyncio.Event()
        self.broken = False
        self.local_participant = self
        self.remote_participants: dict[str, Any] = {}

    def on(self, *_: object) -> None: ...
    def off(self, *_: object) -> None: ...

    def isconnected(self) -> bool:
        return True

    async def send_text(self, text: str, **options: Any) -> None:
        if self.broken:
            raise RuntimeError("the room is gone")
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
    await feed.aclose()
    assert json.loads(room.sent[-1][0].splitlines()[-1])["type"] == "resume"


def types(room: Room, identity: str) -> list[str]:
    return [
        json.loads(row)["type"]
        for text, options in room.sent
        if options["destination_identities"] == [identity]
        for row in text.splitlines()
    ]


async def test_everyone_gets_the_whole_of_it_once_whenever_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_feed, "_MAX_LINES", 3)
    room, line = Room(), tl.Timeline()
    feed = TimelineFeed(line, room)  # type: ignore[arg-type]
    room.remote_participants = {"early": 1, "late": 1}
    feed.offer(participant("early", True))
    await asyncio.wait_for(room.changed.wait(), 2)
    for at in range(10):
        line.append(tl.Hold(float(at), 5))
    del room.remote_participants["early"]  # gone for a while
    feed.offer(participant("late", True))
    room.changed.clear()
    await asyncio.wait_for(room.changed.wait(), 2)
    room.remote_participants["early"] = 1
    await feed.aclose()
    assert types(room, "early") == types(room, "late") == ["clock"] + ["hold"] * 10
    assert max(text.count("\n") for text, _ in room.sent) == 2


async def test_what_could_not_be_sent_is_sent_later() -> None:
    room, line = Room(), tl.Timeline()
    feed = TimelineFeed(line, room)  # type: ignore[arg-type]
    room.remote_participants = {"r": 1}
    room.broken = True
    feed.offer(participant("r", True))
    await feed._send()
    line.append(tl.Hold(1.0, 5))
    room.broken = False
    await feed.aclose()
    assert types(room, "r") == ["clock", "hold"]
