"""Who may do what at a dispatcher: LiveKit access tokens, signed with the same key pair.

A role is an attribute of the token, so that whoever holds the server's secret can make one with any of
LiveKit's SDKs, and a token that lets a person into a room opens nothing here.
"""

from __future__ import annotations

import datetime
import enum
from typing import Final

import jwt
from livekit import api

from antiphon.agents.errors import AntiphonError

__all__ = ["AccessError", "Role", "check_access", "make_access"]

ROLE: Final = "antiphon.role"
_LEEWAY: Final = datetime.timedelta(seconds=60)  # clocks that differ; LiveKit's own leeway


class Role(enum.StrEnum):
    """What a token is for."""

    WORKER = "worker"
    """The link."""
    CALLS = "calls"
    """Asking for calls, seeing and cancelling them."""
    OPERATOR = "operator"
    """All of it, draining workers too."""


class AccessError(AntiphonError):
    """A request was not allowed; ``status`` is HTTP's: 401 for who are you, 403 for not you."""

    def __init__(self, what: str, status: int, hint: str = "") -> None:
        self.status = status
        super().__init__(what, hint=hint)


def make_access(api_key: str, api_secret: str, role: Role, *, name: str = "", ttl_s: float = 3600.0) -> str:
    """A token for a role.

    Args:
        api_key: The LiveKit server's key.
        api_secret: Its secret.
        role: What it is for.
        name: Who has it, for logs.
        ttl_s: How long it is good for, s.
    """
    return (
        api.AccessToken(api_key, api_secret)
        .with_identity(name or role.value)
        .with_attributes({ROLE: role.value})
        .with_ttl(datetime.timedelta(seconds=ttl_s))
        .to_jwt()
    )


def check_access(authorization: str, api_key: str, api_secret: str, *roles: Role) -> str:
    """Who a request is from.

    Args:
        authorization: The header: ``Bearer <token>``.
        api_key: The LiveKit server's key.
        api_secret: Its secret.
        roles: Who is allowed. An operator always is.

    Returns:
        The name in the token.

    Raises:
        AccessError: The token is missing, forged, too old, or for something else.
    """
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise AccessError("no access token", 401, "Send Authorization: Bearer with a token of `agent token`.")
    try:
        claims = api.TokenVerifier(api_key, api_secret, leeway=_LEEWAY).verify(token.strip())
    except jwt.ExpiredSignatureError as error:
        raise AccessError("the access token has expired", 401) from error
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise AccessError("the access token is not of this key", 401) from error
    given = (claims.attributes or {}).get(ROLE)
    if given not in (Role.OPERATOR, *roles):
        wanted = " or ".join(sorted({*roles, Role.OPERATOR}))
        raise AccessError(f"the access token is not for this; it takes the role {wanted}", 403)
    return claims.identity
