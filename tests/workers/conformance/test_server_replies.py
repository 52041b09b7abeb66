"""Responses: the local server passes, and each fault is found."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.workers.conformance.checks import Check, Server
from antiphon.workers.conformance.result import NotApplicable
from antiphon.workers.conformance.server_replies import REPLY_CHECKS as CHECKS
from tests.workers.conformance.rig import Change, FaultyServer, drop, failure, put

BY_NAME = {check.name: check for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
async def test_the_local_server_passes(check: Check[Server]) -> None:
    limit = 1.0 if "expiry" in check.name else None
    async with FaultyServer(session_limit_s=limit or 3600.0) as server:
        assert await check.run(Server(server.base_url, responses=40, session_limit_s=limit))


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
        ("3 grammar", drop("response.output_item.done"), "out of order"),
        ("3 grammar", one_id, "came twice"),
        ("4 correlation", put("response.done", "response", "metadata", value={"k": "x"}), "was done as"),
        ("5 concatenation", put("response.done", "response", "output", value=[]), "the item has ''"),
        ("9 barge-in", still_there, "All of it."),
        ("11 races", put("error", "error", "event_id", value=None), "no error within"),
        ("12 functions", drop("conversation.item.added"), "no conversation.item.added"),
        ("13 modalities", sound_beside_text, "sound"),
        ("bad input", drop("error"), "no error within"),
    ],
)
async def test_a_fault_is_found(name: str, change: Change, says: str) -> None:
    assert says in await failure(BY_NAME[name], change)


async def test_what_cannot_be_asked_is_not_asked() -> None:
    with pytest.raises(NotApplicable, match="too long"):
        await BY_NAME["14 expiry"].run(Server("ws://127.0.0.1:1"))
