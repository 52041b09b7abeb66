"""What a failure of a realtime session means for the call: one table of codes, one of what to do.

No I/O and no exceptions of a library other than by their fields, so that any plugin's errors are read
alike. Codes are OpenAI's, from its types and from what was seen on the wire by others; a plugin of another
provider mostly gives an HTTP status or only `retryable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from antiphon.agents.errors import (
    ModelError,
    ModelProtocolError,
    ModelRefused,
    ModelUnavailable,
    SessionExpired,
)

__all__ = ["CODES", "RECOVERIES", "Failure", "Kind", "Recovery", "classify"]


class Kind(Enum):
    """What a failure is to the call."""

    BENIGN = "benign"
    """Nothing is lost: the session goes on, and no reply is missing."""
    BUSY = "busy"
    """A reply was not made; the same session makes it when asked again later."""
    LOST = "lost"
    """The session is gone; its endpoint may be well."""
    EXPIRED = "expired"
    """The session reached its longest duration."""
    STALLED = "stalled"
    """A reply that was asked for does not come."""
    UNREACHABLE = "unreachable"
    """No session could be opened."""
    CONFUSED = "confused"
    """What comes is not the protocol, or is too much of it."""
    REFUSED = "refused"
    """Key, quota, account or model: no retry can succeed."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a kind of failure leads to."""

    leaves: bool
    """The session is left for a fresh one."""
    elsewhere: bool
    """Another endpoint is preferred for it, where there is one."""
    counts: bool
    """The endpoint's breaker counts it."""


RECOVERIES: Final[Mapping[Kind, Recovery]] = {
    #                           leaves  elsewhere counts
    Kind.BENIGN: Recovery(False, False, False),
    Kind.BUSY: Recovery(False, False, False),
    Kind.LOST: Recovery(True, False, False),  # fifty calls that lose their socket at once are one blip
    Kind.EXPIRED: Recovery(True, False, False),
    Kind.STALLED: Recovery(True, True, True),
    Kind.UNREACHABLE: Recovery(True, True, True),
    Kind.CONFUSED: Recovery(True, True, True),
    Kind.REFUSED: Recovery(True, True, False),  # about this key, not about the endpoint
}

CODES: Final[Mapping[str, Kind]] = {
    # The session goes on as if nothing had been sent.
    "response_cancel_not_active": Kind.BENIGN,
    "input_audio_buffer_commit_empty": Kind.BENIGN,
    "item_create_duplicate_item_id": Kind.BENIGN,
    "item_truncate_invalid_item_id": Kind.BENIGN,
    "item_delete_invalid_item_id": Kind.BENIGN,
    "cannot_update_voice": Kind.BENIGN,
    "unknown_parameter": Kind.BENIGN,
    "invalid_value": Kind.BENIGN,
    # A reply that is worth another try. 28 of 112 in one study of Azure's were the first of these.
    "conversation_already_has_active_response": Kind.BUSY,
    "inference_rate_limit_exceeded": Kind.BUSY,
    "rate_limit_exceeded": Kind.BUSY,
    "server_error": Kind.BUSY,
    "engine_overloaded": Kind.BUSY,
    "session_expired": Kind.EXPIRED,
    # Never right on another try.
    "insufficient_quota": Kind.REFUSED,
    "invalid_api_key": Kind.REFUSED,
    "invalid_request_error.invalid_api_key": Kind.REFUSED,
    "account_deactivated": Kind.REFUSED,
    "billing_hard_limit_reached": Kind.REFUSED,
    "credit_balance_exhausted": Kind.REFUSED,
    "authentication_error": Kind.REFUSED,
    "permission_error": Kind.REFUSED,
    "model_not_found": Kind.REFUSED,
    "invalid_model": Kind.REFUSED,
    "ephemeral_token_expired": Kind.REFUSED,
}

_STATUS: Final[Mapping[int, Kind]] = {
    400: Kind.REFUSED,
    401: Kind.REFUSED,
    402: Kind.REFUSED,
    403: Kind.REFUSED,
    404: Kind.REFUSED,
}
"""Of a handshake that was answered with HTTP; all others may pass."""

_CONNECTION: Final = frozenset({"APIConnectionError", "ClientError", "ConnectionClosed"})
"""Names of exceptions about the way to the provider: livekit-agents', aiohttp's, websockets'."""

_ERRORS: Final[Mapping[Kind, type[ModelError]]] = {
    Kind.REFUSED: ModelRefused,
    Kind.EXPIRED: SessionExpired,
    Kind.CONFUSED: ModelProtocolError,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure, read."""

    kind: Kind
    reason: str
    """A clause for logs and people; never a secret."""
    code: str = ""
    """The provider's, if it gave one."""

    @property
    def recovery(self) -> Recovery:
        """What it leads to."""
        return RECOVERIES[self.kind]

    def error(self, *, model: str = "") -> ModelError:
        """The same as an exception for the application."""
        hint = "Check the key, the quota and the model's name." if self.kind is Kind.REFUSED else ""
        verb, reason = _VERBS.get(self.kind, "failed"), self.reason.rstrip(". ")
        what = f"{model or 'the realtime model'} {verb}: {reason}"
        return _ERRORS.get(self.kind, ModelUnavailable)(what, value=self.code or None, hint=hint)


_VERBS: Final[Mapping[Kind, str]] = {Kind.REFUSED: "refused", Kind.UNREACHABLE: "cannot be reached"}


def classify(error: BaseException, *, recoverable: bool, live: bool) -> Failure:
    """What an exception that a session reported means.

    Read in this order: a code (of the exception, or of its ``body``), the body's type, an HTTP status (of
    the exception or of what caused it), and last whether it is about the connection or can be retried.

    Args:
        error: What came with the session's ``error`` event, or out of a request to it.
        recoverable: What the session said of itself.
        live: Whether the session had been open before; else this is a failure to open.
    """
    body = getattr(error, "body", None)
    code = _text(error, "code") or _text(body, "code")
    kind_name = _text(body, "type")
    reason = _text(body, "message") or str(error) or type(error).__name__
    for name in (code, kind_name):
        if name and (kind := CODES.get(name)) is not None:
            return Failure(kind, reason, code or name)
    chain = _chain(error)
    if "ephemeral token expired" in reason.lower():
        return Failure(Kind.REFUSED, reason, code)
    status = next((found for link in chain if (found := _status(link)) is not None), None)
    if status is not None and (refused := _STATUS.get(status)) is not None:
        return Failure(refused, f"HTTP {status}", code or str(status))
    if any(_about_connection(link) for link in chain):
        return Failure(Kind.LOST if live else Kind.UNREACHABLE, str(error) or reason, code)
    if recoverable:
        return Failure(Kind.BENIGN, reason, code)
    if body is None and not hasattr(error, "retryable"):  # the plugin itself stumbled over what came
        return Failure(Kind.CONFUSED, f"{type(error).__name__}: {error}", code)
    if getattr(error, "retryable", True):
        return Failure(Kind.LOST if live else Kind.UNREACHABLE, reason, code)
    return Failure(Kind.REFUSED, reason, code)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found and len(found) < 10:
        found.append(link)
        link = link.__cause__
    return found


def _about_connection(error: BaseException) -> bool:
    names = {cls.__name__ for cls in type(error).__mro__}
    return isinstance(error, OSError) or bool(names & _CONNECTION)


def _status(error: BaseException) -> int | None:
    for name in ("status_code", "status"):
        value = getattr(error, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return None


def _text(holder: object, name: str) -> str:
    value = holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)
    return value if isinstance(value, str) else ""
