"""Tokens that let someone into a room, and may bring an agent along.

A dispatch in a token is carried out when the room is made by it, and ignored when the room exists already
(livekit-server 1.13.5); `livekit.api.AgentDispatchService` serves the second case.
"""

from __future__ import annotations

from datetime import timedelta

from livekit import api
from livekit.protocol.room import RoomConfiguration

__all__ = ["token"]

TTL_S = 6 * 3600.0  # s; chosen: a working day's trial; a token is checked at joining only


def token(
    room: str,
    identity: str,
    *,
    api_key: str,
    api_secret: str,
    name: str | None = None,
    agent: str | None = None,
    agent_metadata: str = "",
    ttl_s: float = TTL_S,
) -> str:
    """A token for ``identity`` to join ``room``, speak, listen and send data there.

    Args:
        room: The room's name; it is made at joining where the server allows that.
        identity: Who joins. A second participant of one identity puts out the first.
        api_key: The server's key.
        api_secret: Its secret.
        name: What others see; the identity when not given.
        agent: Name of an agent to dispatch into a new room: ``""`` is a name too, that of a worker
            registered without one. ``None`` dispatches nothing by name.
        agent_metadata: Handed to that agent's job.
        ttl_s: Seconds in which the token may be used to join.
    """
    grants = api.VideoGrants(
        room_join=True, room=room, can_publish=True, can_subscribe=True, can_publish_data=True
    )
    access = (
        api.AccessToken(api_key, api_secret)
        .with_identity(identity)
        .with_name(name or identity)
        .with_ttl(timedelta(seconds=ttl_s))
        .with_grants(grants)
    )
    if agent is not None:
        dispatch = api.RoomAgentDispatch(agent_name=agent, metadata=agent_metadata)
        access = access.with_room_config(RoomConfiguration(agents=[dispatch]))
    return access.to_jwt()
