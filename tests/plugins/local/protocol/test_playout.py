"""The track's side of the protocol: what is heard, silenced and remembered. Vector V6 is here."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from antiphon.plugins.local.engines import RATE_HZ

_spec = importlib.util.spec_from_file_location("local_rig_track", Path(__file__).parents[1] / "rig.py")
assert _spec is not None
assert _spec.loader is not None
rig_module = importlib.util.module_from_spec(_spec)
sys.modules["local_rig_track"] = rig_module
_spec.loader.exec_module(rig_module)


def track(**options: Any) -> Any:
    return rig_module.Rig(track=True, **options)


def playout_events(rig: Any) -> list[str]:
    return [kind for kind in rig.types() if kind.startswith("output_audio_buffer") or "truncated" in kind]


def test_a_reply_starts_and_stops_with_its_sound_and_puts_none_into_events() -> None:
    rig = track()
    rig.send(type="response.create")
    assert "response.output_audio.delta" not in rig.types()
    assert rig.given == 400 * 24
    assert playout_events(rig) == []
    rig.play(480)
    assert playout_events(rig) == ["output_audio_buffer.started"]
    rig.play(rig.given - 480 - 1)
    assert playout_events(rig) == ["output_audio_buffer.started"]
    rig.play(1)
    assert playout_events(rig) == ["output_audio_buffer.started", "output_audio_buffer.stopped"]
    (response_id,) = {e["response_id"] for e in rig.events if e["type"].startswith("output_audio_buffer")}
    assert response_id == rig.of("response.done")[0]["response"]["id"]
    types = rig.types()
    assert types.index("response.content_part.added") < types.index("output_audio_buffer.started")
    assert types.index("response.done") < types.index("output_audio_buffer.stopped")


def test_a_track_that_runs_dry_amid_a_reply_has_not_stopped() -> None:
    rig = track(hold=True)
    rig.send(type="response.create")
    job = rig.replying.pop()
    rig.answer(job, finish=False)
    rig.play(rig.given)
    assert playout_events(rig) == ["output_audio_buffer.started"]
    rig.take(rig.core.reply_audio(job.response_id, rig.sound(100), 0.0))
    rig.play(2400)
    rig.take(rig.core.reply_done(job.response_id, 0.0))
    assert playout_events(rig) == ["output_audio_buffer.started", "output_audio_buffer.stopped"]
    assert rig.types()[-2:] == ["response.done", "output_audio_buffer.stopped"]


def test_v6_a_manual_barge_in() -> None:
    """Vector V6: both sides' lines, with the item cut at what was heard."""
    lines = [json.loads(line) for line in (rig_module.VECTORS / "V6.jsonl").read_text().splitlines()]
    rig = track(hold=True)
    rig.send(type="response.create")
    job = rig.replying.pop()
    for _ in range(5):
        rig.answer(job, finish=False)
    rig.play(640 * 24)
    names = {"resp_1": job.response_id, "item_a1": rig.of("response.output_item.added")[0]["item"]["id"]}
    expected = []
    for line in lines:
        event = json.loads(
            json.dumps(line), object_hook=lambda o: {k: names.get(str(v), v) for k, v in o.items()}
        )
        side = event.pop("d")
        if side == "c":
            rig.send(event)
        else:
            expected.append(event)
    ours = {event["type"]: event for event in rig.events}
    for event in expected:
        made = ours[event["type"]]
        for key, value in event.items():
            if key == "response":
                assert {k: made[key][k] for k in value if k != "id"} == {
                    k: v for k, v in value.items() if k != "id"
                }
                assert made[key]["id"] == job.response_id
            else:
                assert made[key] == value, key
    assert rig.flushed == 1
    assert playout_events(rig) == [
        "output_audio_buffer.started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert rig.of("output_audio_buffer.cleared")[0]["response_id"] == job.response_id
    # What was not heard is forgotten, and nothing of the old reply comes later.
    rig.send(type="conversation.item.retrieve", item_id=names["item_a1"])
    assert "transcript" not in rig.of("conversation.item.retrieved")[0]["item"]["content"][0]
    rig.play(480)
    rig.take(rig.core.reply_audio(job.response_id, rig.sound(100), 0.0))
    rig.send(type="response.create")
    rig.hold = False
    rig.work()
    rig.play(10**6)
    assert playout_events(rig)[3:] == ["output_audio_buffer.started", "output_audio_buffer.stopped"]
    assert len(rig.of("conversation.item.truncated")) == 1


def test_speech_over_a_reply_that_is_all_sent_clears_it() -> None:
    """The response is done long before it is heard: there is nothing to cancel, and much to silence."""
    rig = track(reply="one two three four five six")
    rig.send(type="response.create")
    rig.play(24 * 500)
    rig.hold = True
    rig.speak(320, 0)
    order = [t for t in rig.types() if "speech_started" in t or t in playout_events(rig)]
    assert order == [
        "output_audio_buffer.started",
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert rig.of("conversation.item.truncated")[0]["audio_end_ms"] == 500
    assert rig.flushed == 1


def test_without_interrupt_response_the_reply_goes_on() -> None:
    rig = track(reply="one two three four")
    detection = {"type": "server_vad", "interrupt_response": False}
    rig.send(
        type="session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    )
    rig.send(type="response.create")
    rig.play(480)
    rig.hold = True
    rig.speak(320, 0)
    assert rig.flushed == 0
    rig.play(10**6)
    assert playout_events(rig) == ["output_audio_buffer.started", "output_audio_buffer.stopped"]


def test_replies_queue_behind_each_other_and_one_clear_takes_both() -> None:
    rig = track()
    first = rig.send(type="response.create")[0]["response"]["id"]
    second = rig.send(type="response.create")[0]["response"]["id"]
    rig.play(480)
    rig.send(type="output_audio_buffer.clear")
    assert [e["response_id"] for e in rig.of("output_audio_buffer.cleared")] == [first]
    assert [e["audio_end_ms"] for e in rig.of("conversation.item.truncated")] == [20, 0]
    assert not rig.of("output_audio_buffer.stopped")
    third = rig.send(type="response.create")[0]["response"]["id"]
    rig.send(type="response.create")
    rig.play(10**6)
    started = [e["response_id"] for e in rig.of("output_audio_buffer.started")]
    assert started[:2] == [first, third]
    assert second not in started
    assert len(started) == 3


def test_words_whose_sound_has_not_begun_are_cut_when_silenced() -> None:
    rig = track(hold=True)
    rig.send(type="response.create")
    job = rig.replying.pop()
    rig.take(rig.core.reply_text(job.response_id, "Never heard. ", 0.0))
    rig.speak(320, 0)
    assert rig.of("conversation.item.truncated")[0]["audio_end_ms"] == 0
    assert rig.of("response.done")[0]["response"]["status_details"]["reason"] == "turn_detected"
    content = rig.of("response.done")[0]["response"]["output"][0]["content"][0]
    assert "transcript" not in content


def test_a_reply_of_words_without_sound_leaves_nothing_behind() -> None:
    rig = track(hold=True)
    rig.send(type="response.create")
    job = rig.replying.pop()
    rig.take(rig.core.reply_text(job.response_id, "Silent. ", 0.0))
    rig.take(rig.core.reply_done(job.response_id, 0.0))
    rig.send(type="output_audio_buffer.clear")
    assert playout_events(rig) == []
    assert rig.flushed == 0


def test_a_clear_of_an_out_of_band_reply_truncates_no_item() -> None:
    rig = track()
    rig.send(type="response.create", response={"conversation": "none"})
    rig.play(480)
    rig.send(type="output_audio_buffer.clear")
    assert playout_events(rig) == ["output_audio_buffer.started", "output_audio_buffer.cleared"]


def test_a_clear_without_a_cancel_silences_the_rest_of_the_message_too() -> None:
    rig = track(hold=True)
    rig.send(type="response.create")
    job = rig.replying.pop()
    rig.answer(job, finish=False)
    rig.play(480)
    rig.send(type="output_audio_buffer.clear")
    given = rig.given
    rig.answer(job)
    assert rig.given == given
    assert not rig.of("output_audio_buffer.stopped")
    assert rig.of("response.done")[0]["response"]["status"] == "completed"


def test_idle_time_runs_from_the_end_of_what_was_heard() -> None:
    rig = track(reply="one two three four five")
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    rig.send(
        type="session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    )
    rig.send(type="response.create")
    assert rig.core.deadline() == pytest.approx(6.0)
    rig.play(24 * 500)
    rig.now = 0.5
    rig.send(type="output_audio_buffer.clear")
    assert rig.core.deadline() == pytest.approx(5.5)


def test_audio_comes_on_the_track_and_not_in_events() -> None:
    rig = track()
    rig.send(type="input_audio_buffer.append", audio=rig_module.silence(100))
    assert "track" in rig.error()["message"]
    rig.take(rig.core.hear(rig.sound(200)))
    rig.send(type="input_audio_buffer.commit")
    assert rig.of("input_audio_buffer.committed")


def test_without_a_track_there_is_nothing_to_clear() -> None:
    rig = rig_module.Rig()
    rig.send(type="output_audio_buffer.clear")
    assert "WebRTC" in rig.error()["message"]
    rig.take(rig.core.played(RATE_HZ))
    assert rig.given == 0


def test_settings_may_come_before_the_session() -> None:
    settings = {"type": "realtime", "model": "m2", "instructions": "Be brief.", "output_modalities": ["text"]}
    rig = track(settings=settings, model="m2")
    created = rig.of("session.created")[0]["session"]
    assert (created["model"], created["instructions"]) == ("m2", "Be brief.")
    joined = rig.core.joined()
    rig.take((joined,))
    assert rig.of("session.created")[1]["session"] == created
