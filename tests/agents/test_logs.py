from __future__ import annotations

import contextvars
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from antiphon.agents.logs import bind_call, configure, get_logger


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("antiphon", "livekit")}
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


def records(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_carries_call_room_and_job_of_its_task() -> None:
    stream = io.StringIO()
    configure(stream=stream)

    def task() -> None:
        bind_call(call="c1", room="r1", job="j1")
        get_logger("antiphon.test").info("a turn was committed", audio_s=1.5)

    contextvars.copy_context().run(task)
    get_logger("antiphon.test").info("idle")
    first, second = records(stream)
    assert (first["call"], first["room"], first["job"]) == ("c1", "r1", "j1")
    assert first["event"] == "a turn was committed"
    assert first["audio_s"] == 1.5
    assert first["level"] == "info"
    assert "call" not in second


def test_livekits_own_records_come_the_same_way_with_their_extra() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    bind_call(call="c1", room="r1", job="j1")
    logging.getLogger("livekit.agents").warning("slow %s", "tool", extra={"took": 3})
    (record,) = records(stream)
    assert record["event"] == "slow tool"
    assert record["took"] == 3
    assert record["call"] == "c1"


@pytest.mark.parametrize("keep", [False, True])
def test_what_a_person_said_or_is_called_is_dropped_unless_asked_for(keep: bool) -> None:
    stream = io.StringIO()
    configure(stream=stream, personal=keep)
    get_logger("antiphon.test").info("heard", personal_text="my secret words")
    logging.getLogger("livekit.agents").info("joined", extra={"participant": "alice-5551234"})
    assert ("my secret words" in stream.getvalue()) is keep
    assert ("alice-5551234" in stream.getvalue()) is keep


@pytest.mark.parametrize(
    ("fields", "secret"),
    [
        ({"api_key": "hunter2hunter2"}, "hunter2hunter2"),
        ({"note": "used sk-abcdefgh12345678"}, "sk-abcdefgh12345678"),
        ({"header": "Bearer zzz.yyy"}, "zzz.yyy"),
        ({"url": "ws://h/rtc?access_token=qqqq&x=1"}, "qqqq"),
        ({"jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc"}, "eyJhbGciOiJIUzI1NiJ9"),
    ],
)
def test_secrets_never_appear(fields: dict[str, str], secret: str) -> None:
    stream = io.StringIO()
    configure(stream=stream, personal=True)
    get_logger("antiphon.test").info("connecting", **fields)
    assert secret not in stream.getvalue()
    assert "***" in stream.getvalue()


def test_for_people_it_is_a_readable_line() -> None:
    stream = io.StringIO()
    configure(stream=stream, format="console")
    get_logger("antiphon.test").info("a turn was committed", audio_s=1.5)
    assert "a turn was committed" in stream.getvalue()
    assert "audio_s=1.5" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_an_error_brings_its_traceback_in_one_record() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    try:
        raise ValueError("odd")
    except ValueError:
        get_logger("antiphon.test").exception("it failed")
    (record,) = records(stream)
    assert "ValueError: odd" in str(record["exception"])
