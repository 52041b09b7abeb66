"""The local server passes; each fault of a server is found by the check it concerns, and by name."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.workers.conformance.checks import SERVER_CHECKS, Check, Server, run_checks
from antiphon.workers.conformance.result import NotApplicable
from tests.workers.conformance.rig import Change, FaultyServer

CHECKS = {check.name: check for check in SERVER_CHECKS}


@pytest.mark.parametrize("check", [c for c in SERVER_CHECKS if "WebRTC" not in c.name], ids=lambda c: c.name)
async def test_the_local_server_passes(check: Check[Server]) -> None:
    limit = 1.0 if "expiry" in check.name else None
    async with FaultyServer(session_limit_s=limit or 3600.0) as server:
        subject = Server(server.base_url, responses=40, session_limit_s=limit)
        assert await check.run(subject)


async def test_what_cannot_be_asked_is_not_asked() -> None:
    with pytest.raises(NotApplicable, match="too long"):
        await CHECKS["14 expiry"].run(Server("ws://127.0.0.1:1"))


def drop(kind: str) -> Change:
    return lambda event: [] if event["type"] == kind else [event]


def twice(kind: str) -> Change:
    return lambda event: [event, {**event, "event_id": "again"}] if event["type"] == kind else [event]


def put(kind: str, *path: str, value: Any) -> Change:
    def change(event: dict[str, Any]) -> list[dict[str, Any]]:
        if event["type"] == kind:
            inside = event
            for key in path[:-1]:
                inside = inside[key]
            inside[path[-1]] = value
        return [event]

    return change


def one_id(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**event, "event_id": "same"}]


def sound_beside_text(event: dict[str, Any]) -> list[dict[str, Any]]:
    if event["type"] != "response.output_text.delta":
        return [event]
    return [event, {**event, "type": "response.output_audio.delta", "delta": "AAAA", "event_id": "extra"}]


def still_there(event: dict[str, Any]) -> list[dict[str, Any]]:
    if event["type"] == "conversation.item.retrieved":
        event["item"]["content"] = [{"type": "output_audio", "transcript": "All of it."}]
    return [event]


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("1 handshake", put("session.created", "session", "type", value="beta"), "session.type"),
        ("2 session update", put("error", "error", "code", value="oops"), "oops"),
        ("2 session update", put("session.updated", "session", "tools", value=[]), "tools"),
        ("3 grammar", drop("response.output_item.done"), "out of order"),
        ("3 grammar", one_id, "came twice"),
        ("4 correlation", put("response.done", "response", "metadata", value={"k": "x"}), "was done as"),
        ("5 concatenation", put("response.done", "response", "output", value=[]), "the item has ''"),
        ("6 server turn detection", put("input_audio_buffer.committed", "item_id", value="x"), "different"),
        (
            "6 server turn detection",
            put("input_audio_buffer.speech_started", "audio_start_ms", value=5000),
            "ms off",
        ),
        ("7 push-to-talk", put("error", "error", "code", value="fine"), "fine"),
        ("8 transcripts", twice("conversation.item.input_audio_transcription.completed"), "transcripts came"),
        ("9 barge-in", still_there, "All of it."),
        ("11 races", put("error", "error", "event_id", value=None), "no error within"),
        ("12 functions", drop("conversation.item.added"), "no conversation.item.added"),
        ("13 modalities", sound_beside_text, "sound"),
        ("bad input", drop("error"), "no error within"),
    ],
)
async def test_a_fault_is_found(name: str, change: Change, says: str) -> None:
    async with FaultyServer(change) as server:
        subject = Server(server.base_url, responses=8, wait_s=0.7)
        (result,) = await run_checks([CHECKS[name]], subject, timeout_s=20)
    assert result.outcome == "failed"
    assert says in result.why


async def test_a_server_that_takes_anyone_is_not_asked_for_a_401() -> None:
    class Open(FaultyServer):
        def _authenticate(self, request: Any) -> None:
            return None

    async with Open() as server:
        (result,) = await run_checks([CHECKS["1 handshake"]], Server(server.base_url))
    assert result.outcome == "skipped"
