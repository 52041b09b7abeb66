"""Push-to-talk and live changes from the room: RPC methods, a participant's attribute, and what ends a press.

Only the linked participant is listened to; anyone else is told no, with the reason. A press ends when its
person leaves (what was said is dropped: nobody would hear the answer) and when their microphone is muted or
unpublished (what was said is committed). Methods are registered once the room is connected and stay when
the session ends, then refusing everything: an application may have put its own in their place.

Runs on the application's loop, where the room's events arrive.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from livekit import rtc
from livekit.rtc.room import EventTypes

from antiphon.agents.control.changes import LiveChanges
from antiphon.agents.control.early import listen, stop_listening
from antiphon.agents.control.key import By, KeyResult, TalkKey
from antiphon.agents.control.requests import (
    BAD_REQUEST,
    FORBIDDEN,
    MAX_TURN_BYTES,
    NOT_NOW,
    REFUSED,
    TALK_ATTRIBUTE,
    TURN_METHODS,
    UPDATE_METHOD,
    Refused,
    check_size,
    read_update,
)
from antiphon.agents.errors import AntiphonError, ConfigError, MisuseError, ModelError
from antiphon.agents.logs import get_logger

__all__ = ["RoomControl"]

log = get_logger(__name__)
_LEAVING_S = 0.2  # s; chosen: a person who leaves is heard to unpublish first, then to be gone
_CHANGES: Final = frozenset({"push_to_talk", "turn_taking", "instructions", "tools", "voice"})


class RoomControl:
    """What the linked participant may steer.

    Args:
        room: The room, connected or about to be.
        key: The call's key.
        changes: Of the call.
        allowed: What a person may do, of `requests.ALLOWED_TO_CHANGE`.
    """

    def __init__(self, room: rtc.Room, key: TalkKey, changes: LiveChanges, allowed: frozenset[str]) -> None:
        self._room = room
        self._key = key
        self._changes = changes
        self._allowed = allowed
        self._identity: str | None = None
        self._registered = False
        self._participant_handle = 0
        self._closed = False
        self._leaving: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        for name, handler in self._handlers():
            room.on(name, handler)
        self._on_connection(room.connection_state)

    def _handlers(self) -> list[tuple[EventTypes, Callable[..., None]]]:
        return [
            ("connection_state_changed", self._on_connection),
            ("track_muted", self._on_muted),
            ("track_unpublished", self._on_unpublished),
            ("participant_disconnected", self._on_left),
            ("participant_attributes_changed", self._on_attributes),
        ]

    def follow(self, participant: rtc.RemoteParticipant) -> None:
        """Takes requests from this participant from now on, and from nobody else."""
        if self._identity not in (None, participant.identity):
            self._end_press("left", cancelled=True)
        self._identity = participant.identity

    async def aclose(self) -> None:
        """Takes no more requests."""
        self._closed = True
        stop_listening(self._participant_handle)
        self._forget_leaving()
        for name, handler in self._handlers():
            self._room.off(name, handler)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_connection(self, _: rtc.ConnectionState.ValueType) -> None:
        if self._registered or not self._room.isconnected():
            return
        self._registered = True
        methods: dict[str, Callable[[str], Coroutine[Any, Any, dict[str, Any]]]] = {}
        if "turns" in self._allowed:
            methods |= zip(TURN_METHODS, (self._start_turn, self._end_turn, self._cancel_turn), strict=True)
            self._participant_handle = self._room.local_participant._ffi_handle.handle
            listen(self._participant_handle, self._on_early_press)
        if self._allowed & _CHANGES:
            methods[UPDATE_METHOD] = self._update
        for name, method in methods.items():
            self._room.local_participant.register_rpc_method(name, partial(self._answer, name, method))

    def _on_early_press(self, identity: str, payload: str) -> None:
        """On livekit's thread, before the request itself is answered."""
        if identity == self._identity and len(payload) <= MAX_TURN_BYTES and not self._closed:
            self._key.press_early()

    # Requests.

    async def _answer(
        self,
        name: str,
        method: Callable[[str], Coroutine[Any, Any, dict[str, Any]]],
        call: rtc.RpcInvocationData,
    ) -> str:
        try:
            if self._closed:
                raise Refused(NOT_NOW, "the call is over")
            here = call.caller_identity in self._room.remote_participants
            if call.caller_identity != self._identity or not here:
                raise Refused(FORBIDDEN, f"{name} is taken only from the person whom the agent listens to")
            check_size(name, call.payload)
            return json.dumps(await method(call.payload))
        except (Refused, AntiphonError) as error:
            code = _code(error)
            log.info("a request from the room was refused", method=name, code=code, why=str(error))
            raise rtc.RpcError(code, str(error)) from None

    async def _start_turn(self, _: str) -> dict[str, Any]:
        return (await self._key.press("rpc")).to_dict()

    async def _end_turn(self, _: str) -> dict[str, Any]:
        return (await self._key.release("rpc")).to_dict()

    async def _cancel_turn(self, _: str) -> dict[str, Any]:
        return (await self._key.cancel("rpc")).to_dict()

    async def _update(self, payload: str) -> dict[str, Any]:
        made = await self._changes.apply(read_update(payload, self._allowed), "person")
        return {"changed": list(made)}

    # The attribute.

    def _on_attributes(self, changed: dict[str, str], participant: rtc.Participant) -> None:
        value = changed.get(TALK_ATTRIBUTE)
        if value is None or "talk_attribute" not in self._allowed or participant.identity != self._identity:
            return
        if value == "1":
            self._spawn(self._press_by_attribute())
        elif value in ("0", ""):
            self._spawn(self._key.release("attribute"))
        elif value == "cancel":
            self._spawn(self._key.cancel("attribute"))
        else:
            log.info("a participant's attribute says nothing about the key", attribute=TALK_ATTRIBUTE)

    async def _press_by_attribute(self) -> KeyResult:
        try:
            return await self._key.press("attribute")
        except MisuseError as error:
            log.info("a press by attribute was refused", why=str(error))
            return KeyResult("nothing", str(error))

    # What ends a press.

    def _on_muted(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
        if participant.identity == self._identity and _is_microphone(publication):
            self._end_press("muted")

    def _on_unpublished(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity == self._identity and _is_microphone(publication) and not self._leaving:
            self._leaving = asyncio.get_running_loop().call_later(_LEAVING_S, self._stayed)

    def _stayed(self) -> None:
        self._leaving = None
        self._end_press("muted")

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._identity:
            self._forget_leaving()
            self._end_press("left", cancelled=True)

    def _forget_leaving(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _end_press(self, by: By, *, cancelled: bool = False) -> None:
        if self._key.down and not self._closed:
            self._spawn(self._key.cancel(by) if cancelled else self._key.release(by))

    def _spawn(self, coro: Coroutine[Any, Any, KeyResult]) -> None:
        async def run() -> None:
            await coro

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_microphone(publication: rtc.TrackPublication) -> bool:
    return publication.source == rtc.TrackSource.SOURCE_MICROPHONE


def _code(error: Refused | AntiphonError) -> int:
    if isinstance(error, Refused):
        return error.code
    if isinstance(error, ConfigError):
        return BAD_REQUEST
    if isinstance(error, ModelError):
        return REFUSED
    return NOT_NOW
