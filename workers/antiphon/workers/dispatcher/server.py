"""LiveKit's API as a dispatcher uses it: `look` sees, `carry_out` does.

livekit-api retries against LiveKit Cloud alone, so nothing here retries: a failure is a `ServerError` that
says whether another attempt may help, and the reconciler asks again. Every action is made idempotent here
where the server's is not: `CreateDispatch` launches another agent each time, so the room's dispatches are
looked through first. Facts of livekit-server 1.13.5: a missing room answers ``unavailable`` to
``ListDispatch`` and ``not_found`` elsewhere; a dispatch needs its room.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

import aiohttp
from livekit import api
from livekit.protocol.models import ParticipantInfo

from antiphon.agents.errors import AntiphonError
from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.calls import Room

__all__ = ["ATTEMPT", "CALL", "IDENTITY", "LiveKitServer", "ServerError"]

CALL: Final = "antiphon.call"
ATTEMPT: Final = "antiphon.attempt"
IDENTITY: Final = "antiphon.identity"
"""Attributes of a dispatch, and so of its job: which call, which attempt, and the identity to join with."""

_ABSENT: Final = frozenset({"not_found", "unavailable"})
_FOR_GOOD: Final = frozenset(
    {"invalid_argument", "malformed", "permission_denied", "unauthenticated", "bad_route", "unimplemented"}
)
_AT_ONCE: Final = 16  # requests in flight; chosen
_NAMES: Final = 200  # rooms listed per request; chosen
_TIMEOUT_S: Final = 5.0  # livekit-server answers for a missing room after 3 s
_EMPTY_S: Final = 300  # how long a room of ours waits for people, s; livekit-server's default


class ServerError(AntiphonError):
    """LiveKit's API refused, or is away; ``retryable`` says whether another attempt may help."""

    def __init__(self, what: str, value: str, code: str) -> None:
        self.code = code
        """LiveKit's name of the failure; empty when nobody answered."""
        self.retryable = code not in _FOR_GOOD
        hint = "Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET." if code == "unauthenticated" else ""
        super().__init__(what, value=value, hint=hint)


class LiveKitServer:
    """The server of a dispatcher's rooms.

    Args:
        url: ``ws://``, ``wss://``, ``http://`` or ``https://``.
        api_key: Its key.
        api_secret: Its secret.
    """

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        self._api = api.LiveKitAPI(url, api_key, api_secret, timeout=timeout)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._api.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def look(self, names: Iterable[str]) -> dict[str, Room]:
        """Those of some rooms that exist, with who is in them and which agents are asked for.

        Raises:
            ServerError: The server could not be asked. A room that vanishes meanwhile is left out.
        """
        wanted = list(names)
        found: list[api.Room] = []
        for start in range(0, len(wanted), _NAMES):
            request = api.ListRoomsRequest(names=wanted[start : start + _NAMES])
            async with self._request("rooms could not be listed", f"{len(wanted)} rooms"):
                found += (await self._api.room.list_rooms(request)).rooms
        rooms = await asyncio.gather(*(self._look_into(room) for room in found))
        return {room.name: room for room in rooms if room is not None}

    async def carry_out(self, action: act.Action) -> None:
        """Does what is asked for; nothing, if it is done already.

        Raises:
            ServerError: It was not done.
        """
        match action:
            case act.Dispatch():
                await self._dispatch(action)
            case act.DeleteDispatch():
                for dispatch in await self._dispatches(action.room):
                    if dispatch.attributes.get(IDENTITY) == action.identity:
                        async with self._request("a dispatch could not be deleted", action.room, _ABSENT):
                            await self._api.agent_dispatch.delete_dispatch(dispatch.id, action.room)
            case act.RemoveParticipant():
                who = api.RoomParticipantIdentity(room=action.room, identity=action.identity)
                async with self._request("an agent could not be removed", action.room, _ABSENT):
                    await self._api.room.remove_participant(who)
            case act.MakeRoom():
                await self._make_room(action.room)
            case act.DeleteRoom():
                async with self._request("a room could not be deleted", action.room, _ABSENT):
                    await self._api.room.delete_room(api.DeleteRoomRequest(room=action.room))
            case act.TellRoom():
                told = api.UpdateRoomMetadataRequest(room=action.room, metadata=action.state)
                async with self._request("a room could not be told", action.room, _ABSENT):
                    await self._api.room.update_room_metadata(told)

    async def make_room(self, name: str, state: str) -> None:
        """Makes a room for a call, before anybody is in it.

        Raises:
            ServerError: It could not be made.
        """
        await self._make_room(name, state)

    async def _make_room(self, name: str, state: str = "") -> None:
        async with self._request("a room could not be made", name):
            request = api.CreateRoomRequest(name=name, metadata=state, empty_timeout=_EMPTY_S)
            await self._api.room.create_room(request)

    async def _dispatch(self, action: act.Dispatch) -> None:
        await self._make_room(action.room)
        if any(d.attributes.get(IDENTITY) == action.identity for d in await self._dispatches(action.room)):
            return
        request = api.CreateAgentDispatchRequest(
            agent_name=action.agent,
            room=action.room,
            metadata=action.body,
            deployment=action.label,
            attributes={CALL: action.call, ATTEMPT: str(action.attempt), IDENTITY: action.identity},
        )
        async with self._request("an agent could not be dispatched", action.room):
            await self._api.agent_dispatch.create_dispatch(request)

    async def _dispatches(self, room: str) -> list[api.AgentDispatch]:
        found: list[api.AgentDispatch] = []
        async with self._request("dispatches could not be listed", room, _ABSENT):
            found = await self._api.agent_dispatch.list_dispatch(room)
        return found

    async def _look_into(self, room: api.Room) -> Room | None:
        seen_at = time.time()
        people: list[ParticipantInfo] | None = None
        async with self._turns, self._request("participants could not be listed", room.name, _ABSENT):
            request = api.ListParticipantsRequest(room=room.name)
            people = list((await self._api.room.list_participants(request)).participants)
        if people is None:
            return None
        async with self._turns:
            dispatches = await self._dispatches(room.name)
        agents = frozenset(p.identity for p in people if p.kind == ParticipantInfo.Kind.AGENT)
        asked = frozenset(d.attributes[IDENTITY] for d in dispatches if IDENTITY in d.attributes)
        others = sum(p.kind != ParticipantInfo.Kind.AGENT for p in people)
        return Room(room.name, seen_at, True, False, agents, others, asked, room.metadata)

    def _request(self, what: str, value: str, fine: frozenset[str] = frozenset()) -> _Request:
        return _Request(what, value, fine)


class _Request:
    """What goes wrong inside is a `ServerError`; failures that mean "it is not there" may be fine."""

    def __init__(self, what: str, value: str, fine: frozenset[str]) -> None:
        self._what = what
        self._value = value
        self._fine = fine

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, api.TwirpError):
            # A refused key is answered with plain text, which livekit-api calls "unknown".
            code = {401: "unauthenticated", 403: "permission_denied"}.get(error.status, error.code)
            if code in self._fine:
                return True
            raise ServerError(f"{self._what}: {error.message or code}", self._value, code)
        if isinstance(error, aiohttp.ClientError | TimeoutError):
            reason = str(error) or "no answer in time"
            raise ServerError(f"{self._what}: {reason}", self._value, "") from error
        return False
