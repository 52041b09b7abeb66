"""Access tokens for people and agents who join rooms."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from livekit import api

__all__ = ["make_token"]


def make_token(
    *,
    api_key: str,
    api_secret: str,
    room: str,
    identity: str,
    name: str = "",
    agent: str | None = None,
    metadata: str = "",
    attributes: Mapping[str, str] | None = None,
    ttl_s: float = 6 * 3600,
    kind: str = "standard",
) -> str:
    """A token to join a room, speak, listen and exchange data.

    Args:
        api_key: The server's key.
        api_secret: The server's secret.
        room: Name of the room.
        identity: Who joins; unique in the room.
        name: For people.
        agent: An agent's name to dispatch into the room when it is created ("" for the unnamed one);
            None for none. A room that exists already ignores it.
        metadata: Passed to that agent's job.
        attributes: Of the participant.
        ttl_s: How long the token may be used to join, s.
        kind: ``standard`` or ``agent``.
    """
    grants = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=True,
        can_subscribe=True,
        can_publish_data=True,
        can_update_own_metadata=True,
        agent=kind == "agent",
    )
    token = (
        api.AccessToken(api_key, api_secret)
        .with_identity(identity)
        .with_name(name or identity)
        .with_kind(kind)  # type: ignore[arg-type]
        .with_ttl(datetime.timedelta(seconds=ttl_s))
        .with_grants(grants)
    )
    if attributes:
        token = token.with_attributes(dict(attributes))
    if agent is not None:
        dispatch = api.RoomAgentDispatch(agent_name=agent, metadata=metadata)
        token = token.with_room_config(api.RoomConfiguration(agents=[dispatch]))
    return token.to_jwt()
