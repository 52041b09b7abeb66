"""Handshake, settings and turns: the local server passes, and each fault is found."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.workers.conformance.checks import Check, Server, run_checks
from antiphon.workers.conformance.server_session import SESSION_CHECKS as CHECKS
from tests.workers.conformance.rig import Change, FaultyServer, failure, put, twice

BY_NAME = {check.name: check for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
async def test_the_local_server_passes(check: Check[Server]) -> None:
    limit = 1.0 if "expiry" in check.name else None
    async with FaultyServer(session_limit_s=limit or 3600.0) as server:
        assert await check.run(Server(server.base_url, responses=40, session_limit_s=limit))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("1 handshake", put("session.created", "session", "type", value="beta"), "session.type"),
        ("2 session update", put("error", "error", "code", value="oops"), "oops"),
        ("2 session update", put("session.updated", "session", "tools", value=[]), "tools"),
        ("6 server turn detection", put("input_audio_buffer.committed", "item_id", value="x"), "different"),
        (
            "6 server turn detection",
            put("input_audio_buffer.speech_started", "audio_start_ms", value=5000),
            "ms off",
        ),
        ("7 push-to-talk", put("error", "error", "code", value="fine"), "fine"),
        ("8 transcripts", twice("conversation.item.input_audio_transcription.completed"), "transcripts came"),
    ],
)
async def test_a_fault_is_found(name: str, change: Change, says: str) -> None:
    assert says in await failure(BY_NAME[name], change)


async def test_a_server_that_takes_anyone_is_not_asked_for_a_401() -> None:
    class Open(FaultyServer):
        def _authenticate(self, request: Any) -> None:
            return None

    async with Open() as server:
        (result,) = await run_checks([BY_NAME["1 handshake"]], Server(server.base_url))
    assert result.outcome == "skipped"
