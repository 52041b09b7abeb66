"""What comes from the model, put together from track and channel, by numbers for time."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from antiphon.plugins.openai.downlink import (
    CUSHION_S,
    EARLY_S,
    LEAD_S,
    NO_AUDIO_S,
    RATE_HZ,
    TAIL_S,
    TOLERANCE_MS,
    TRUNCATED_S,
    UNENDED_S,
    Downlink,
    Samples,
)

FRAME = 480
VOICE = np.full(FRAME, 5000, dtype=np.int16)
SILENCE = np.zeros(FRAME, dtype=np.int16)
Event = dict[str, Any]


def created(name: str = "r1") -> Event:
    return {"type": "response.created", "response": {"id": name}}


def part(name: str = "r1", item: str = "i1") -> Event:
    return {
        "type": "response.content_part.added",
        "response_id": name,
        "item_id": item,
        "part": {"type": "audio"},
    }


def item_done(name: str = "r1", item: str = "i1", kind: str = "message") -> Event:
    return {
        "type": "response.output_item.done",
        "response_id": name,
        "item": {"id": item, "type": kind},
    }


def done(name: str = "r1", status: str = "completed") -> Event:
    return {"type": "response.done", "response": {"id": name, "status": status}}


def buffer(what: str, name: str = "r1") -> Event:
    return {"type": f"output_audio_buffer.{what}", "response_id": name}


def truncate(ms: int, item: str = "i1") -> Event:
    return {"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": ms}


CANCEL = {"type": "response.cancel"}
CLEAR = {"type": "output_audio_buffer.clear"}


class Wire:
    """Drives a downlink and keeps what the session gets."""

    def __init__(self) -> None:
        self.down = Downlink()
        self.now = 0.0
        self.got: list[Event] = []
        self.sent: list[Event] = []

    def server(self, *events: Event) -> None:
        for event in events:
            self.got += self.down.event(event, self.now)

    def client(self, event: Event) -> None:
        self.sent += self.down.sent(event, self.now)

    def track(self, frame: Samples, seconds: float) -> None:
        for _ in range(round(seconds * RATE_HZ / FRAME)):
            self.now += FRAME / RATE_HZ
            self.got += self.down.audio(frame, self.now)
            self.tick()

    def tick(self, seconds: float = 0.0) -> None:
        self.now += seconds
        events, due = self.down.tick(self.now)
        self.got += events
        self.sent += due

    def types(self) -> list[str]:
        return [event["type"].removeprefix("response.") for event in self.got]

    def deltas(self, item: str = "i1") -> Samples:
        parts = [
            np.frombuffer(base64.b64decode(event["delta"]), dtype="<i2")
            for event in self.got
            if event["type"] == "response.output_audio.delta" and event["item_id"] == item
        ]
        return np.concatenate(parts) if parts else SILENCE[:0]


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_reply_ends_for_the_session_when_its_sound_has_come(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(VOICE, 0.2)
    wire.server(item_done(), done())
    assert wire.types()[-1] == "output_audio.delta"
    wire.track(VOICE, 0.3)
    wire.server(buffer("stopped"))
    wire.track(VOICE, 0.06)  # what was still on its way
    wire.track(SILENCE, TAIL_S)
    assert wire.types()[-2:] == ["output_item.done", "done"]
    assert len(wire.deltas()) == round(0.56 * RATE_HZ)


def test_a_stop_in_the_last_word_does_not_end_it(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(VOICE, 0.2)
    wire.server(item_done(), done(), buffer("stopped"))
    wire.track(SILENCE, 0.08)
    wire.track(VOICE, 0.1)
    wire.track(SILENCE, TAIL_S)
    assert len(wire.deltas()) == round(0.38 * RATE_HZ)
    assert wire.types()[-1] == "done"


def test_words_and_tools_do_not_wait(wire: Wire) -> None:
    words = {
        "type": "response.output_audio_transcript.delta",
        "response_id": "r1",
        "item_id": "i1",
        "delta": "Hi",
    }
    wire.server(created(), part(), buffer("started"), words, item_done(item="f1", kind="function_call"))
    assert wire.types()[-2:] == ["output_audio_transcript.delta", "output_item.done"]


def test_a_reply_in_text_is_done_at_once(wire: Wire) -> None:
    text = {**part(), "part": {"type": "text"}}
    wire.server(created(), text, item_done(), done())
    assert wire.types() == ["created", "content_part.added", "output_item.done", "done"]


def test_sound_long_before_a_reply_belongs_to_none(wire: Wire) -> None:
    wire.track(VOICE, 0.1)
    wire.track(SILENCE, EARLY_S)
    wire.server(created(), part(), buffer("started"))
    assert not len(wire.deltas())


def test_sound_that_came_before_its_started_event_is_kept(wire: Wire) -> None:
    wire.server(created(), part())
    wire.track(SILENCE, 0.5)
    wire.track(VOICE, 0.1)
    wire.server(buffer("started"))
    assert len(wire.deltas()) == round(0.1 * RATE_HZ)


def test_a_started_event_that_was_lost_and_sent_again_costs_no_word(wire: Wire) -> None:
    wire.server(created(), part())
    wire.track(SILENCE, 0.2)
    for _ in range(3):
        wire.track(VOICE, 0.2)
        wire.track(SILENCE, 0.06)
    wire.server(buffer("started"))
    assert np.count_nonzero(wire.deltas()) == round(0.6 * RATE_HZ)


def test_what_still_sounds_of_a_cancelled_reply_is_not_the_next_ones(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(VOICE, 0.2)
    wire.client(CANCEL)
    wire.track(VOICE, 0.1)
    wire.server(done(status="cancelled"), buffer("cleared"), created("r2"), part("r2", "i2"))
    wire.track(SILENCE, 0.1)
    wire.server(buffer("started", "r2"))
    assert not len(wire.deltas("i2"))


def test_silence_ahead_of_a_reply_is_left_out_up_to_a_bound(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(SILENCE, 0.1)
    assert not len(wire.deltas())
    wire.track(VOICE, 0.1)
    assert len(wire.deltas()) == round(0.1 * RATE_HZ)
    other = Wire()
    other.server(created(), part(), buffer("started"))
    other.track(SILENCE, LEAD_S + 0.1)
    assert len(other.deltas()) == round(0.1 * RATE_HZ)


def test_a_replys_first_delta_has_a_cushion(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(VOICE, CUSHION_S - 0.02)
    assert not len(wire.deltas())
    wire.track(VOICE, 0.02)
    assert len(wire.deltas()) == round(CUSHION_S * RATE_HZ)


def test_a_reply_shorter_than_the_cushion_is_given(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(VOICE, 0.02)
    wire.server(item_done(), done(), buffer("stopped"))
    wire.tick(TAIL_S)
    assert len(wire.deltas()) == FRAME
    assert wire.types()[-1] == "done"


def test_an_interrupted_reply_is_cancelled_and_silenced(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(VOICE, 0.2)
    wire.client(CANCEL)
    assert wire.sent == [CANCEL, CLEAR]
    before = len(wire.deltas())
    wire.track(VOICE, 0.1)
    wire.server(done(status="cancelled"), buffer("cleared"))
    assert len(wire.deltas()) == before, "old audio is not the next reply's"
    assert wire.types()[-2:] == ["done", "output_audio_buffer.cleared".removeprefix("response.")]


def test_what_the_server_has_made_already_is_only_silenced(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"), item_done(), done())
    wire.track(VOICE, 0.2)
    wire.client(CANCEL)
    assert wire.sent == [CLEAR]
    wire.tick(0.02)
    assert wire.types()[-2:] == ["output_item.done", "done"]


def test_a_cancel_with_nothing_to_cancel_is_the_servers_to_judge(wire: Wire) -> None:
    wire.client(CANCEL)
    assert wire.sent == [CANCEL]


def interrupted(wire: Wire, seconds: float = 2.0) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(VOICE, seconds)
    wire.client(CANCEL)
    wire.sent.clear()


def test_the_servers_own_truncation_stands_if_it_is_near(wire: Wire) -> None:
    interrupted(wire)
    wire.client(truncate(1980))
    wire.server({"type": "conversation.item.truncated", "item_id": "i1", "audio_end_ms": 2010})
    wire.tick(2 * TRUNCATED_S)
    assert wire.sent == []


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_what_was_heard_of_a_held_reply_cuts_the_servers_memory_further(wire: Wire, first: str) -> None:
    interrupted(wire)
    theirs = {"type": "conversation.item.truncated", "item_id": "i1", "audio_end_ms": 2000}
    if first == "theirs":
        wire.server(theirs)
    wire.client(truncate(700))
    if first == "ours":
        assert wire.sent == []
        wire.server(theirs)
    wire.tick()
    assert wire.sent == [truncate(700)]


def test_a_truncation_never_goes_beyond_what_came(wire: Wire) -> None:
    interrupted(wire, 1.0)
    wire.client(truncate(5000))
    wire.tick(TRUNCATED_S)
    assert wire.sent == []


def test_a_truncation_waits_no_longer_than_the_next_reply(wire: Wire) -> None:
    interrupted(wire)
    wire.client(truncate(700))
    wire.client({"type": "response.create"})
    assert [event["type"] for event in wire.sent] == ["conversation.item.truncate", "response.create"]


def test_a_server_that_does_not_truncate_is_told(wire: Wire) -> None:
    interrupted(wire)
    wire.client(truncate(2000 - TOLERANCE_MS - 1))
    wire.tick(TRUNCATED_S)
    assert [event["audio_end_ms"] for event in wire.sent] == [2000 - TOLERANCE_MS - 1]


def test_a_reply_that_was_played_whole_there_is_cut_to_what_was_heard_here(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"))
    wire.track(VOICE, 1.0)
    wire.server(item_done(), done(), buffer("stopped"))
    wire.track(SILENCE, TAIL_S)
    wire.client(truncate(400))
    assert wire.sent == [truncate(400)]


def test_a_truncate_of_an_unknown_item_passes(wire: Wire) -> None:
    wire.client(truncate(400, "old"))
    assert wire.sent == [truncate(400, "old")]


def test_a_reply_created_while_another_sounds_waits_for_it(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"), done())
    wire.track(VOICE, 0.2)
    wire.server(created("r2"), part("r2", "i2"))
    assert [event for event in wire.got if "r2" in str(event)] == []
    wire.server(buffer("stopped"))
    wire.track(SILENCE, TAIL_S)
    assert wire.types()[-3:] == ["done", "created", "content_part.added"]
    wire.server(buffer("started", "r2"))
    wire.track(VOICE, 0.1)
    assert len(wire.deltas("i2")) == round(0.1 * RATE_HZ)


def test_a_reply_cancelled_before_its_sound_is_over_at_once(wire: Wire) -> None:
    wire.server(created(), part(), item_done(), done(status="cancelled"))
    assert wire.types()[-2:] == ["output_item.done", "done"]


def test_a_reply_whose_sound_never_begins_ends(wire: Wire) -> None:
    wire.server(created(), part(), done())
    wire.tick(NO_AUDIO_S - 0.1)
    assert wire.types()[-1] != "done"
    wire.tick(0.2)
    assert wire.types()[-1] == "done"


def test_a_reply_whose_end_is_never_told_ends(wire: Wire) -> None:
    wire.server(created(), part(), buffer("started"), done())
    wire.track(VOICE, 0.5)
    wire.track(SILENCE, UNENDED_S - 0.1)
    assert wire.types()[-1] != "done"
    wire.track(SILENCE, 0.2)
    assert wire.types()[-1] == "done"


def test_done_events_of_unknown_replies_pass(wire: Wire) -> None:
    wire.server(done("ghost"), {"type": "rate_limits.updated"})
    assert wire.types() == ["done", "rate_limits.updated"]
