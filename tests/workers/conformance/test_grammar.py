from __future__ import annotations

from typing import Any

import pytest

from antiphon.workers.conformance.grammar import check_ids, check_response

R, IN = {"response_id": "r1"}, {"response_id": "r1", "item_id": "i1"}
GOOD: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"id": "r1"}},
    {"type": "response.output_item.added", **R, "output_index": 0, "item": {"id": "i1"}},
    {"type": "response.content_part.added", **IN},
    {"type": "response.output_audio_transcript.delta", **IN, "delta": "Hel"},
    {"type": "response.output_audio.delta", **IN, "delta": "AAAA"},
    {"type": "response.output_audio_transcript.delta", **IN, "delta": "lo"},
    {"type": "response.output_audio.done", **IN},
    {"type": "response.output_audio_transcript.done", **IN, "transcript": "Hello"},
    {"type": "response.content_part.done", **IN, "part": {"type": "audio", "transcript": "Hello"}},
    {"type": "response.output_item.done", **R, "item": {"id": "i1"}},
    {"type": "response.done", "response": {"id": "r1"}},
]


def test_a_response_in_order_is_fine_among_others() -> None:
    others = [{**event, "response_id": "r2"} for event in GOOD[1:4]]
    assert check_response([*GOOD[:3], *others, *GOOD[3:]], "r1") is None


def test_a_call_in_order_is_fine() -> None:
    call = [
        GOOD[0],
        GOOD[1],
        {"type": "response.function_call_arguments.delta", **IN, "delta": "{}"},
        {"type": "response.function_call_arguments.done", **IN, "arguments": "{}"},
        GOOD[9],
        GOOD[10],
    ]
    assert check_response(call, "r1") is None


@pytest.mark.parametrize("left_out", [0, 1, 2, 5, 8, 9, 10])
def test_each_event_that_is_left_out_is_missed(left_out: int) -> None:
    assert check_response(GOOD[:left_out] + GOOD[left_out + 1 :], "r1") is not None


@pytest.mark.parametrize("twice", [0, 1, 2, 3, 8, 9, 10])
def test_each_event_that_comes_twice_is_seen(twice: int) -> None:
    assert check_response(GOOD[: twice + 1] + GOOD[twice:], "r1") is not None


@pytest.mark.parametrize("at", range(len(GOOD) - 1))
def test_events_that_change_places_are_seen(at: int) -> None:
    if {at, at + 1} <= {3, 4, 5, 6} or {at, at + 1} == {6, 7}:
        return  # sound and words have no order between them
    events = [*GOOD[:at], GOOD[at + 1], GOOD[at], *GOOD[at + 2 :]]
    assert check_response(events, "r1") is not None


def test_another_text_than_the_deltas_is_seen() -> None:
    for index, key in ((7, "transcript"), (8, "part")):
        events = [dict(event) for event in GOOD]
        events[index][key] = "Hullo" if key == "transcript" else {"type": "audio", "transcript": "Hullo"}
        assert "deltas" in str(check_response(events, "r1"))


def test_ids_are_there_and_each_its_own() -> None:
    assert check_ids([{"event_id": "1"}, {"event_id": "2"}]) is None
    assert "twice" in str(check_ids([{"event_id": "1"}, {"event_id": "1"}]))
    assert "no event_id" in str(check_ids([{"type": "error"}]))
