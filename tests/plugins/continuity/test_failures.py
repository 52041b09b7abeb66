from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIConnectionError, APIError, APIStatusError, llm

from antiphon.agents.errors import ModelProtocolError, ModelRefused, ModelUnavailable, SessionExpired
from antiphon.plugins.continuity.failures import CODES, RECOVERIES, Failure, Kind, classify


def of(code: str, *, kind: str = "invalid_request_error") -> APIError:
    return APIError("an error", body=SimpleNamespace(code=code, type=kind, message=f"says {code}"))


def handshake(status: int) -> APIConnectionError:
    error = APIConnectionError("client connection error")
    request: Any = SimpleNamespace(real_url="ws://x")
    error.__cause__ = aiohttp.WSServerHandshakeError(request, (), status=status, message="no")
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("response_cancel_not_active", Kind.BENIGN),
        ("input_audio_buffer_commit_empty", Kind.BENIGN),
        ("inference_rate_limit_exceeded", Kind.BUSY),
        ("conversation_already_has_active_response", Kind.BUSY),
        ("session_expired", Kind.EXPIRED),
        ("insufficient_quota", Kind.REFUSED),
        ("invalid_api_key", Kind.REFUSED),
        ("billing_hard_limit_reached", Kind.REFUSED),
    ],
)
def test_codes_are_read(code: str, kind: Kind) -> None:
    found = classify(of(code), recoverable=True, live=True)
    assert (found.kind, found.code, found.reason) == (kind, code, f"says {code}")


def test_the_type_says_it_where_the_code_does_not() -> None:
    assert classify(of("", kind="insufficient_quota"), recoverable=True, live=True).kind is Kind.REFUSED


@pytest.mark.parametrize(
    ("error", "recoverable", "live", "kind"),
    [
        (APIConnectionError("closed"), True, True, Kind.LOST),
        (APIConnectionError("closed"), True, False, Kind.UNREACHABLE),
        (ConnectionResetError("reset"), False, True, Kind.LOST),
        (handshake(401), True, False, Kind.REFUSED),
        (handshake(404), True, False, Kind.REFUSED),
        (handshake(503), True, False, Kind.UNREACHABLE),
        (handshake(429), True, False, Kind.UNREACHABLE),
        (APIStatusError("forbidden", status_code=403), False, False, Kind.REFUSED),
        (APIError("something new", body={"code": "never_seen"}), True, True, Kind.BENIGN),
        (APIError("something new", retryable=False), False, True, Kind.REFUSED),
        (APIError("something new"), False, True, Kind.LOST),
        (ValueError("not JSON"), False, True, Kind.CONFUSED),
        (llm.RealtimeError("update_chat_ctx timed out."), False, False, Kind.CONFUSED),
        (APIError("x", body={"message": "Ephemeral token expired"}), False, False, Kind.REFUSED),
    ],
)
def test_other_errors_are_read(error: Exception, recoverable: bool, live: bool, kind: Kind) -> None:
    assert classify(error, recoverable=recoverable, live=live).kind is kind


def test_a_chain_that_bites_its_tail_is_read_to_its_end() -> None:
    error = APIConnectionError("a")
    error.__cause__ = error
    assert classify(error, recoverable=True, live=True).kind is Kind.LOST


def test_every_kind_has_its_recovery_and_every_code_a_kind() -> None:
    assert set(RECOVERIES) == set(Kind)
    assert set(CODES.values()) <= {Kind.BENIGN, Kind.BUSY, Kind.EXPIRED, Kind.REFUSED}
    # One blip that takes fifty sockets must not keep fifty calls out.
    assert not RECOVERIES[Kind.LOST].counts
    assert not Failure(Kind.BUSY, "x").recovery.leaves


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        (Kind.REFUSED, ModelRefused, "m refused: why (c). Check the key, the quota and the model's name."),
        (Kind.UNREACHABLE, ModelUnavailable, "m cannot be reached: why (c)"),
        (Kind.STALLED, ModelUnavailable, "m failed: why (c)"),
        (Kind.EXPIRED, SessionExpired, "m failed: why (c)"),
        (Kind.CONFUSED, ModelProtocolError, "m failed: why (c)"),
    ],
)
def test_it_becomes_an_error_that_says_what_and_why(kind: Kind, error: type, text: str) -> None:
    made = Failure(kind, "why.", "c").error(model="m")
    assert type(made) is error
    assert str(made) == text
