"""Who may connect: the server's key, and ephemeral ones for pages that must not hold it.

An ephemeral key (``ek_...``, made by ``POST /v1/realtime/client_secrets``) opens sessions until it
expires, any number of them, and brings the settings it was made with. Keys are compared in constant time
and shown nowhere but to whom they were made for.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["EPHEMERAL", "Keys", "Secret"]

EPHEMERAL = "ek_"
MIN_S, MAX_S, DEFAULT_S = 10, 7200, 600  # s; OpenAI's limits for ``expires_after.seconds``
_MAX_SECRETS = 1000  # the oldest go first; chosen


@dataclass(frozen=True, slots=True)
class Secret:
    """An ephemeral key."""

    value: str
    expires_at: float
    """Unix time, s."""
    settings: Mapping[str, Any]
    """Of the sessions it opens, as in a ``session.update``."""


class Keys:
    """The keys of one server.

    Args:
        api_key: The key that clients must show; None takes any but an unknown ephemeral one.
    """

    def __init__(self, api_key: str | None) -> None:
        self._api_key = api_key
        self._secrets: dict[str, Secret] = {}

    @property
    def any(self) -> bool:
        """Whether any key is taken, so that a key protects nothing."""
        return self._api_key is None

    def make(self, settings: Mapping[str, Any], seconds: int, wall: float) -> Secret:
        """A new ephemeral key that expires ``seconds`` after ``wall``."""
        for value in [value for value, secret in self._secrets.items() if secret.expires_at <= wall]:
            del self._secrets[value]
        while len(self._secrets) >= _MAX_SECRETS:
            del self._secrets[next(iter(self._secrets))]
        secret = Secret(EPHEMERAL + secrets.token_hex(16), wall + seconds, settings)
        self._secrets[secret.value] = secret
        return secret

    def check(self, key: str, wall: float) -> Secret | bool:
        """The ephemeral key that this is, else whether it is the server's."""
        if key.startswith(EPHEMERAL):
            secret = self._secrets.get(key)
            return secret if secret is not None and secret.expires_at > wall else False
        if not key:
            return False
        return self._api_key is None or secrets.compare_digest(key.encode(), self._api_key.encode())
