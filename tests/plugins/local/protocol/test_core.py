"""The protocol core: vectors, rules, and anything at all."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent

from antiphon.plugins.local.engines import Heard
from antiphon.plugins.local.protocol import conversation

_spec = importlib.util.spec_from_file_location("local_rig", Path(__file__).parents[1] / "rig.py")
assert _spec is not None
assert _spec.loader is not None
rig_module = importlib.util.module_from_spec(_spec)
sys.modules["local_rig"] = rig_module
_spec.loader.exec_module(rig_module)
Rig, silence, vector, validate = rig_module.Rig, rig_module.silence, rig_module.vector, rig_module.validate


def push_to_talk(**options: Any) -> Any:
    rig = Rig(**options)
    rig.send(
        type="session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    )
    return rig


def user_text(name: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": name}]
    return {"id": name, "type": "message", "role": "user", "content": content}


def in_order(expected: list[str], emitted: list[str]) -> bool:
    """Whether the expected types come in this order among those emitted."""
    rest = iter(emitted)
    return all(any(kind == other for other in rest) for kind in expected)


# Vectors.


def test_v1_a_turn_by_server_vad() -> None:
    rig = Rig(reply="Hi")
    rig.hold = True
    rig.send(
        type="session.update",
        session={"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper"}}}},
    )
    rig.speak(1360)
    # The transcript comes in the middle of the reply, as in the vector.
    job = rig.transcribing.pop(0)
    assert not rig.replying  # a cascade's brain waits for its ears
    rig.take(rig.core.heard(job.item_id, Heard("Hello"), 2.0, rig.now))
    rig.answer(rig.replying.pop(0))
    wanted = [line["type"] for line in vector("V1") if line["d"] == "s"]
    wanted.remove("conversation.item.input_audio_transcription.completed")
    assert in_order([kind for kind in wanted if kind != "response.created"][:4], rig.types())
    assert in_order([kind for kind in wanted if kind.startswith("response.")], rig.types())
    started, stopped, committed = (
        rig.of(f"input_audio_buffer.{name}")[0] for name in ("speech_started", "speech_stopped", "committed")
    )
    added = rig.of("conversation.item.added")[0]
    assert started["item_id"] == stopped["item_id"] == committed["item_id"] == added["item"]["id"]
    assert stopped["audio_end_ms"] - started["audio_start_ms"] == pytest.approx(1360 + 500, abs=150)


def test_v2_push_to_talk() -> None:
    rig = push_to_talk()
    for line in vector("V2"):
        if line["d"] == "c" and line["type"] != "session.update":
            event = {key: value for key, value in line.items() if key != "d"}
            if event["type"] == "input_audio_buffer.append":
                event["audio"] = silence(200)
            rig.send(event)
    assert in_order([line["type"] for line in vector("V2") if line["d"] == "s"], rig.types())
    assert not [kind for kind in rig.types() if kind.startswith("input_audio_buffer.speech")]
    assert rig.of("response.created")[0]["response"]["metadata"] == {"k": "1"}
    assert rig.of("response.done")[0]["response"]["metadata"] == {"k": "1"}


def test_v3_image_in_text_out() -> None:
    rig = push_to_talk(reply="A cat")
    for line in vector("V3"):
        if line["d"] == "c":
            rig.send({key: value for key, value in line.items() if key != "d"})
    assert in_order([line["type"] for line in vector("V3") if line["d"] == "s"], rig.types())
    assert not rig.of("response.output_audio.delta")
    assert rig.of("response.output_text.done")[0]["text"].strip() == "A cat"


def test_v4_a_function_and_its_late_result() -> None:
    rig = push_to_talk()
    rig.tools = [("look", "{}")]
    rig.send(type="response.create")
    assert in_order([line["type"] for line in vector("V4") if line["d"] == "s"], rig.types())
    call = rig.of("response.output_item.done")[0]["item"]
    assert (call["name"], call["arguments"]) == ("look", "{}")
    rig.now += 10
    rig.send(
        type="conversation.item.create",
        item={"type": "function_call_output", "call_id": call["call_id"], "output": "42"},
    )
    rig.send(type="response.create")
    assert len(rig.of("response.done")) == 2
    assert "error" not in rig.types()


def test_v5_barge_in() -> None:
    rig = Rig(hold=True)
    rig.speak(600)
    rig.take(rig.core.heard(rig.transcribing.pop().item_id, Heard("x"), 1.0, rig.now))
    job = rig.replying.pop()
    rig.take(rig.core.reply_text(job.response_id, "Hello ", rig.now))
    rig.take(rig.core.reply_audio(job.response_id, rig.sound(900), rig.now))
    item = rig.of("response.output_item.added")[-1]["item"]["id"]
    rig.speak(200, 0)
    rig.send(type="conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=640)
    emitted = rig.types()
    for line in vector("V5"):
        assert line["d"] == "c" or line["type"] in emitted
    done = rig.of("response.done")[-1]["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"]["reason"] == "turn_detected"
    assert rig.of("conversation.item.truncated")[0]["audio_end_ms"] == 640
    assert rig.cancelled == [job.response_id]
    rig.take(rig.core.reply_audio(job.response_id, rig.sound(200), rig.now))  # what comes late
    assert rig.types()[-1] != "response.output_audio.delta"


def test_v7_out_of_band() -> None:
    rig = push_to_talk()
    rig.send(
        type="conversation.item.create",
        item={
            "id": "item_u1",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "x"}],
        },
    )
    items = len(rig.core.conversation)
    for line in vector("V7"):
        if line["d"] == "c":
            rig.send({key: value for key, value in line.items() if key != "d"})
    assert in_order([line["type"] for line in vector("V7") if line["d"] == "s"], rig.types())
    assert rig.of("response.created")[0]["response"]["conversation_id"] is None
    assert len(rig.core.conversation) == items


def test_v8_idle_timeout() -> None:
    rig = Rig()
    rig.send(
        type="session.update",
        session={
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}},
        },
    )
    rig.speak(600)
    rig.events.clear()
    due = rig.core.deadline()
    assert due < 20
    rig.now = due
    rig.send(type="input_audio_buffer.append", audio=silence(100))
    rig.take(rig.core.tick(rig.now))
    assert in_order([line["type"] for line in vector("V8") if line["d"] == "s"][:2], rig.types())
    assert rig.of("response.done")


def test_v9_errors_and_expiry() -> None:
    rig = push_to_talk(hold=True, limit_s=60 * 60)
    rig.send(type="response.cancel", event_id="e1")
    assert (rig.error()["code"], rig.error()["event_id"]) == ("response_cancel_not_active", "e1")
    rig.send(type="response.create")
    rig.send(type="response.create", event_id="e3")
    assert (rig.error()["code"], rig.error()["event_id"]) == (
        "conversation_already_has_active_response",
        "e3",
    )
    rig.send(type="input_audio_buffer.commit", event_id="e2")
    assert (rig.error()["code"], rig.error()["event_id"]) == ("input_audio_buffer_commit_empty", "e2")
    rig.take(rig.core.tick(3600.0))
    assert rig.error()["code"] == "session_expired"
    assert rig.error()["message"] == "Your session hit the maximum duration of 60 minutes."
    assert rig.closed is not None
    assert rig.closed.code == 1001
    assert rig.send(type="response.create") == []


@pytest.mark.parametrize("name", ["V1", "V2", "V3", "V4", "V5", "V7", "V8", "V9"])
def test_the_vectors_are_of_openais_types(name: str) -> None:
    filled = {"response_id": "resp_1", "item_id": "item_a1", "event_id": "e"}
    zeros = {"output_index": 0, "content_index": 0}
    for line in vector(name):
        if line["d"] == "s":
            validate({**filled, **zeros, **{key: value for key, value in line.items() if key != "d"}})


# Rules.


def test_a_session_greets_first() -> None:
    rig = Rig()
    assert rig.types() == ["session.created", "conversation.created"]
    session = rig.events[0]["session"]
    assert session["type"] == "realtime"
    assert session["id"]


def test_an_unknown_key_refuses_the_whole_update() -> None:
    rig = Rig()
    rig.send(type="session.update", session={"type": "realtime", "instructions": "new", "colour": "red"})
    assert rig.error()["code"] == "unknown_parameter"
    assert rig.core.session["instructions"] == ""
    assert "session.updated" not in rig.types()


def test_what_an_update_does_not_name_stays_and_empty_clears() -> None:
    rig = Rig()
    tool = {"type": "function", "name": "look", "description": "", "parameters": {}}
    rig.send(
        type="session.update",
        session={
            "type": "realtime",
            "instructions": "a",
            "tools": [tool],
            "audio": {"output": {"voice": "cedar"}},
        },
    )
    rig.send(
        type="session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    )
    assert rig.core.session["audio"]["output"]["voice"] == "cedar"
    assert rig.core.session["tools"] == [tool]
    assert rig.core.session["audio"]["input"]["turn_detection"] is None
    rig.send(type="session.update", session={"type": "realtime", "tools": [], "instructions": ""})
    assert rig.core.session["tools"] == []
    assert rig.core.session["instructions"] == ""


@pytest.mark.parametrize(
    "session",
    [
        {"type": "realtime", "output_modalities": ["audio", "text"]},
        {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
        {"type": "realtime", "audio": {"output": {"speed": 9}}},
        {"type": "realtime", "max_output_tokens": 0},
        {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "clairvoyance"}}}},
        {"type": "realtime", "model": "another"},
        {"type": "transcription"},
        {"instructions": "no type"},
        "nonsense",
    ],
)
def test_a_wrong_update_is_an_error_and_changes_nothing(session: Any) -> None:
    rig = Rig()
    before = json.dumps(rig.core.session)
    rig.send(type="session.update", session=session, event_id="e")
    assert rig.error()["event_id"] == "e"
    assert json.dumps(rig.core.session) == before


def test_the_voice_is_fixed_once_it_was_heard() -> None:
    rig = push_to_talk()
    rig.send(type="session.update", session={"type": "realtime", "audio": {"output": {"voice": "cedar"}}})
    rig.send(type="response.create")
    rig.send(type="session.update", session={"type": "realtime", "audio": {"output": {"voice": "marin"}}})
    assert rig.error()["code"] == "cannot_update_voice"
    assert rig.core.session["audio"]["output"]["voice"] == "cedar"


def test_less_than_100_ms_cannot_be_committed() -> None:
    rig = push_to_talk()
    rig.send(type="input_audio_buffer.append", audio=silence(50))
    rig.send(type="input_audio_buffer.commit")
    assert rig.error()["code"] == "input_audio_buffer_commit_empty"
    rig.send(type="input_audio_buffer.append", audio=silence(60))
    rig.send(type="input_audio_buffer.commit")
    assert rig.of("input_audio_buffer.committed")
    assert not rig.of("response.created")


def test_many_out_of_band_responses_and_one_in_it_do_not_mix() -> None:
    rig = push_to_talk(hold=True)
    rig.send(type="response.create", response={"metadata": {"k": "main"}})
    for number in range(20):
        rig.send(
            type="response.create",
            response={
                "conversation": "none",
                "input": [],
                "metadata": {"k": str(number)},
                "output_modalities": ["text"],
            },
        )
    jobs = list(rig.replying)
    for job in reversed(jobs):
        rig.answer(job)
    created = {e["response"]["id"]: e["response"]["metadata"]["k"] for e in rig.of("response.created")}
    done = {e["response"]["id"]: e["response"]["metadata"]["k"] for e in rig.of("response.done")}
    assert created == done
    assert len(created) == 21
    assert len(rig.core.conversation) == 1


def test_joined_deltas_are_what_done_says() -> None:
    rig = push_to_talk(reply="one two three")
    rig.send(type="response.create")
    deltas = "".join(e["delta"] for e in rig.of("response.output_audio_transcript.delta"))
    assert deltas == rig.of("response.output_audio_transcript.done")[0]["transcript"]
    assert deltas == rig.of("response.output_item.done")[0]["item"]["content"][0]["transcript"]


def test_a_cancelled_reply_keeps_what_was_sent_and_is_incomplete() -> None:
    rig = push_to_talk(hold=True)
    rig.send(type="response.create")
    job = rig.replying.pop()
    rig.take(rig.core.reply_text(job.response_id, "Only ", rig.now))
    rig.send(type="response.cancel")
    item = rig.of("response.output_item.done")[0]["item"]
    assert item["status"] == "incomplete"
    assert item["content"][0]["transcript"] == "Only "


def test_truncation_has_its_errors_and_deletes_the_words() -> None:
    rig = push_to_talk()
    rig.send(type="response.create")
    item = rig.of("response.output_item.added")[0]["item"]["id"]
    rig.send(type="conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=57_340)
    assert rig.error()["message"] == "Audio content of 400ms is already shorter than 57340ms"
    rig.send(type="conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=150)
    rig.send(type="conversation.item.retrieve", item_id=item)
    assert "transcript" not in rig.of("conversation.item.retrieved")[0]["item"]["content"][0]
    rig.send(type="conversation.item.truncate", item_id="nobody", content_index=0, audio_end_ms=1)
    assert rig.error()["code"] == "item_truncate_invalid_item_id"
    rig.send(
        type="conversation.item.create",
        item=user_text("u"),
    )
    rig.send(type="conversation.item.truncate", item_id="u", content_index=0, audio_end_ms=1)
    assert "Only model output audio" in rig.error()["message"]


def test_items_are_placed_named_and_deleted() -> None:
    rig = push_to_talk()

    def item(name: str) -> dict[str, Any]:
        return {
            "id": name,
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": name}],
        }

    rig.send(type="conversation.item.create", item=item("a"))
    rig.send(type="conversation.item.create", item=item("b"), previous_item_id="root")
    rig.send(type="conversation.item.create", item=item("c"), previous_item_id="b")
    assert [i.id for i in rig.core.conversation] == ["b", "c", "a"]
    rig.send(type="conversation.item.create", item=item("a"))
    assert rig.error()["code"] == "item_create_duplicate_item_id"
    rig.send(type="conversation.item.delete", item_id="c")
    rig.send(type="conversation.item.delete", item_id="c")
    assert rig.error()["code"] == "item_delete_invalid_item_id"
    rig.send(type="conversation.item.create", item=item("d"), previous_item_id="c")  # just deleted: the end
    assert [i.id for i in rig.core.conversation] == ["b", "a", "d"]


def test_transcripts_come_late_and_reordered_to_the_right_items() -> None:
    rig = push_to_talk(hold=True)
    rig.send(
        type="session.update",
        session={"type": "realtime", "audio": {"input": {"transcription": {"model": "w"}}}},
    )
    for _ in range(2):
        rig.send(type="input_audio_buffer.append", audio=silence(200))
        rig.send(type="input_audio_buffer.commit")
    first, second = rig.transcribing
    rig.take(rig.core.heard(second.item_id, Heard("two"), 0.2, 1.0))
    rig.take(rig.core.heard(first.item_id, Heard("one"), 0.2, 2.0))
    completed = rig.of("conversation.item.input_audio_transcription.completed")
    assert [(e["item_id"], e["transcript"]) for e in completed] == [
        (second.item_id, "two"),
        (first.item_id, "one"),
    ]
    assert [i.id for i in rig.core.conversation] == [first.item_id, second.item_id]


def test_several_messages_in_one_response() -> None:
    rig = push_to_talk(hold=True)
    rig.send(type="response.create")
    name = rig.replying.pop().response_id
    rig.take(rig.core.reply_text(name, "Let me see.", rig.now))
    rig.take(rig.core.reply_next_message(name))
    rig.take(rig.core.reply_text(name, "It is four.", rig.now))
    rig.take(rig.core.reply_done(name, 0.0))
    output = rig.of("response.done")[0]["response"]["output"]
    assert [item["content"][0]["transcript"] for item in output] == ["Let me see.", "It is four."]


def test_a_failed_reply_says_why() -> None:
    rig = push_to_talk(hold=True)
    rig.send(type="response.create")
    rig.take(rig.core.reply_failed(rig.replying.pop().response_id, "unreachable", "no brain", 0.0))
    response = rig.of("response.done")[0]["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["message"] == "no brain"
    rig.hold = False
    rig.send(type="response.create")
    assert rig.of("response.done")[-1]["response"]["status"] == "completed"


def test_one_append_may_hold_several_turns() -> None:
    rig = Rig(hold=True)
    turns = [(0.01, 30), (0.95, 40), (0.01, 60), (0.95, 40), (0.01, 79)]
    probabilities = [speech for speech, windows in turns for _ in range(windows)]
    rig.send(type="input_audio_buffer.append", audio=silence(32 * len(probabilities)))
    for number, speech in enumerate(probabilities, 1):
        rig.take(rig.core.speech(speech, number * 32, rig.now))
    starts = [e["audio_start_ms"] for e in rig.of("input_audio_buffer.speech_started")]
    stops = [e["audio_end_ms"] for e in rig.of("input_audio_buffer.speech_stopped")]
    assert len(starts) == len(stops) == len(rig.of("input_audio_buffer.committed")) == 2
    lengths = [len(job.audio) / 24 for job in rig.transcribing]
    assert lengths == [stop - start for start, stop in zip(starts, stops, strict=True)]


def test_a_reply_cut_while_it_comes_does_not_remember_its_words() -> None:
    rig = push_to_talk(hold=True)
    rig.send(type="response.create")
    name = rig.replying.pop().response_id
    rig.take(rig.core.reply_text(name, "Never heard.", rig.now))
    rig.take(rig.core.reply_audio(name, rig.sound(900), 0.0))
    item = rig.of("response.output_item.added")[0]["item"]["id"]
    rig.send(type="conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=300)
    rig.take(rig.core.reply_audio(name, rig.sound(900), 0.0))
    rig.send(type="response.cancel")
    assert rig.of("response.output_audio_transcript.done")[0]["transcript"] == "Never heard."
    rig.hold = False
    rig.send(type="response.create")
    rig.send(type="conversation.item.retrieve", item_id=item)
    assert rig.events[-1]["item"]["content"] == [{"type": "output_audio"}]
    rig.send(type="conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=301)
    assert rig.error()["message"] == "Audio content of 300ms is already shorter than 301ms"


@pytest.mark.parametrize("end", [0, -1, 1.5, True, None, "1"])
def test_a_cut_at_no_position_is_an_error(end: Any) -> None:
    rig = push_to_talk()
    rig.send(type="response.create")
    item = rig.of("response.output_item.added")[0]["item"]["id"]
    rig.send(type="conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=end, event_id="e")
    assert (rig.error()["param"], rig.error()["event_id"]) == ("audio_end_ms", "e")


def test_audio_that_a_response_brings_along_is_heard_first_and_stays_out_of_the_conversation() -> None:
    rig = push_to_talk(hold=True)
    rig.send(
        type="session.update",
        session={"type": "realtime", "audio": {"input": {"transcription": {"model": "w"}}}},
    )
    part = {"type": "input_audio", "audio": silence(500)}
    message = {"type": "message", "role": "user", "content": [part]}
    rig.send(type="response.create", response={"conversation": "none", "input": [message, {"type": "?"}]})
    assert rig.error()["param"] == "item.type"
    assert not rig.transcribing
    rig.send(type="response.create", response={"conversation": "none", "input": [message]})
    assert not rig.replying
    (job,) = rig.transcribing
    rig.take(rig.core.heard(job.item_id, Heard("Aside"), 0.5, 0.0))
    (reply,) = rig.replying
    assert reply.request.items[0]["content"] == [{"type": "input_audio", "transcript": "Aside"}]
    assert len(rig.core.conversation) == 0
    assert not [kind for kind in rig.types() if "transcription" in kind]


def test_the_idle_time_of_a_cut_reply_runs_from_the_cut() -> None:
    rig = Rig(hold=True)
    vad = {"type": "server_vad", "idle_timeout_ms": 5000}
    rig.send(type="session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": vad}}})
    rig.send(type="response.create")
    name = rig.replying.pop().response_id
    rig.take(rig.core.reply_audio(name, rig.sound(30_000), rig.now))
    rig.now = 2.0
    rig.send(type="response.cancel")
    assert rig.core.deadline() == 7.0


def test_an_item_deleted_while_it_comes_is_not_reported_done() -> None:
    rig = push_to_talk(hold=True)
    rig.send(type="response.create")
    name = rig.replying.pop().response_id
    rig.take(rig.core.reply_text(name, "x", rig.now))
    item = rig.of("response.output_item.added")[0]["item"]["id"]
    rig.send(type="conversation.item.delete", item_id=item)
    rig.take(rig.core.reply_done(name, 0.0))
    assert not rig.of("conversation.item.done")
    assert rig.of("response.done")[0]["response"]["output"][0]["id"] == item


@pytest.mark.parametrize("where", ["session", "response"])
def test_a_reply_ends_as_incomplete_at_its_limit_of_tokens(where: str) -> None:
    rig = push_to_talk(hold=True)
    limit = {"max_output_tokens": 20}
    if where == "session":
        rig.send(type="session.update", session={"type": "realtime", **limit})
    rig.send(type="response.create", response=limit if where == "response" else {})
    job = rig.replying.pop()
    rig.take(rig.core.reply_text(job.response_id, "Four words, 28 chars, 7 t.  ", 0.0))
    for _ in range(6):
        rig.take(rig.core.reply_audio(job.response_id, rig.sound(200), 0.0))
    rig.take(rig.core.reply_done(job.response_id, 0.0))
    (done,) = rig.of("response.done")
    response = done["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["output_tokens"] == 20
    assert response["usage"]["output_token_details"] == {"text_tokens": 7, "audio_tokens": 13}
    assert rig.cancelled == [job.response_id]  # nobody goes on working for it
    rig.send(type="response.create")
    assert "error" not in rig.types()


def test_a_reply_that_just_fits_is_complete() -> None:
    rig = push_to_talk(hold=True)
    rig.send(type="response.create", response={"max_output_tokens": 5, "output_modalities": ["text"]})
    name = rig.replying.pop().response_id
    rig.take(rig.core.reply_text(name, "x" * 20, 0.0))
    rig.take(rig.core.reply_done(name, 0.0))
    assert rig.of("response.done")[0]["response"]["status"] == "completed"


def test_a_brain_that_has_to_stop_says_why() -> None:
    rig = push_to_talk(hold=True)
    rig.send(type="response.create")
    name = rig.replying.pop().response_id
    rig.take(rig.core.reply_text(name, "Half a", 0.0))
    rig.take(rig.core.reply_cut(name, "content_filter", 0.0))
    response = rig.of("response.done")[0]["response"]
    assert response["status_details"] == {"type": "incomplete", "reason": "content_filter"}


def test_the_idle_time_runs_from_a_reply_that_its_limit_ended() -> None:
    rig = Rig(hold=True)
    vad = {"type": "server_vad", "idle_timeout_ms": 5000}
    rig.send(type="session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": vad}}})
    rig.send(type="response.create", response={"max_output_tokens": 1})
    rig.take(rig.core.reply_text(rig.replying.pop().response_id, "12345", 1.0))
    assert rig.core.deadline() == 6.0


def test_an_events_keys_are_those_of_openais_types_and_no_others() -> None:
    for kind, keys in KEYS.items():
        rig = Rig(hold=True)
        for sent, params in ((keys, []), (keys | {"colour"}, ["colour"])):
            rig.events.clear()
            rig.send({"type": kind, "event_id": "e", **dict.fromkeys(sent)})
            unknown = [e["error"] for e in rig.of("error") if e["error"]["code"] == "unknown_parameter"]
            assert [error["param"] for error in unknown] == params, kind
            assert all(error["event_id"] == "e" for error in unknown)


def test_a_full_conversation_takes_no_more_of_a_client_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_ITEMS", 2)
    rig = Rig()
    for name in ("a", "b"):
        rig.send(type="conversation.item.create", item=user_text(name))
    assert "error" not in rig.types()
    rig.send(type="conversation.item.create", item=user_text("c"))
    assert rig.error()["code"] == "conversation_full"
    rig.send(type="input_audio_buffer.append", audio=silence(200))
    rig.send(type="input_audio_buffer.commit")
    assert rig.error()["code"] == "conversation_full"
    rig.speak(600)  # a turn by voice, and its answer
    assert rig.of("response.done")[0]["response"]["status"] == "completed"
    assert len(rig.core.conversation) == 4


def test_without_an_idle_time_none_runs_out() -> None:
    rig = Rig()
    vad = {"type": "server_vad", "idle_timeout_ms": 5000}
    for wanted, due in ((vad, True), ({**vad, "idle_timeout_ms": None}, False)):
        detection = {"audio": {"input": {"turn_detection": wanted}}}
        rig.send(type="session.update", session={"type": "realtime", **detection})
        if due:
            rig.speak(600)
        assert (rig.core.deadline() < 3600) is due


def test_an_mcp_servers_tools_are_not_to_be_had_and_others_are() -> None:
    rig = push_to_talk(hold=True)
    server = {"type": "mcp", "server_label": "s", "server_url": "https://x"}
    look = {"type": "function", "name": "look"}
    rig.send(type="session.update", session={"type": "realtime", "tools": [server, look]})
    (failed,) = rig.of("mcp_list_tools.failed")
    assert rig.of("mcp_list_tools.in_progress")[0]["item_id"] == failed["item_id"]
    rig.send(type="session.update", session={"type": "realtime", "instructions": "x"})
    rig.send(type="response.create")
    assert list(rig.replying.pop().request.tools) == [look]
    assert len(rig.of("mcp_list_tools.failed")) == 1
    rig.send(type="response.create", response={"conversation": "none", "tools": [server]})
    assert list(rig.replying.pop().request.tools) == []
    assert len(rig.of("mcp_list_tools.failed")) == 2


# Anything.

_scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5000), st.text(max_size=8))
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
# Of each event, the keys that OpenAI's types give it.
KEYS: dict[str, set[str]] = {
    get_args(model.model_fields["type"].annotation)[0]: set(model.model_fields) - {"type", "event_id"}
    for model in get_args(get_args(RealtimeClientEvent)[0])
}
_events = st.sampled_from([*KEYS.items(), ("nonsense", {"item"})]).flatmap(
    lambda event: st.fixed_dictionaries(
        {"type": st.just(event[0])}, optional=dict.fromkeys(["event_id", *sorted(event[1])], _values)
    )
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(_events, _values), max_size=12))
def test_nothing_a_client_sends_breaks_the_session(events: list[Any]) -> None:
    rig = Rig()
    for event in events:
        rig.take(rig.core.handle(event, rig.now))
    ids = [event["event_id"] for event in rig.events]
    assert len(ids) == len(set(ids))
    before = len(rig.of("response.done"))
    rig.hold = False
    rig.work()
    rig.send(type="response.cancel")
    rig.send(type="response.create")
    assert len(rig.of("response.done")) > before


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["text", "audio", "tool", "next", "cancel", "done"]), min_size=1, max_size=12)
)
def test_every_response_keeps_the_grammar(steps: list[str]) -> None:
    rig = push_to_talk(hold=True)
    for _ in range(10):
        start = len(rig.events)
        rig.send(type="response.create")
        name = rig.replying.pop().response_id
        for step in steps:
            match step:
                case "text":
                    rig.take(rig.core.reply_text(name, "word ", rig.now))
                case "audio":
                    rig.take(rig.core.reply_audio(name, rig.sound(50), rig.now))
                case "tool":
                    rig.take(rig.core.reply_tool(name, "look", "{}", rig.now))
                case "next":
                    rig.take(rig.core.reply_next_message(name))
                case "cancel":
                    rig.send(type="response.cancel")
                case "done":
                    rig.take(rig.core.reply_done(name, rig.now))
        rig.take(rig.core.reply_done(name, rig.now))
        part = [e for e in rig.events[start:] if e["type"] not in ("rate_limits.updated", "error")]
        assert part[0]["type"] == "response.created"
        assert part[-1]["type"] == "response.done"
        assert [e["type"] for e in part].count("response.done") == 1
        opened: list[str] = []
        for event in part[1:-1]:
            kind = event["type"]
            if kind == "response.output_item.added":
                assert not opened  # one item at a time
                opened = [event["item"]["id"]]
            elif kind == "response.output_item.done":
                assert opened == [event["item"]["id"]]
                opened = []
            elif kind.startswith("response."):
                assert event["item_id"] == opened[0]
        assert not opened


def test_a_session_without_a_named_model_takes_a_name_once() -> None:
    """The official JavaScript client posts a bare offer and names its model in the first update."""
    rig = Rig(model="local")
    rig.send(type="session.update", session={"type": "realtime", "model": "m1"})
    assert rig.of("session.updated")[-1]["session"]["model"] == "m1"
    rig.send(type="session.update", session={"type": "realtime", "model": "m2"})
    assert rig.error()["code"] == "cannot_update_model"
