"""Who may steer a call, and what they are told; with a room that is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from antiphon.agents.control.changes import LiveChanges
from antiphon.agents.control.key import KeyResult, TalkKey
from antiphon.agents.control.requests import ALLOWED_TO_CHANGE, DEFAULT_REMOTE, TALK_ATTRIBUTE, Changes
from antiphon.agents.control.room import RoomControl
from antiphon.agents.errors import ConfigError, MisuseError, ModelRefused

MICROPHONE = SimpleNamespace(source=rtc.TrackSource.SOURCE_MICROPHONE)
CAMERA = SimpleNamespace(source=rtc.TrackSource.SOURCE_CAMERA)


class Room(rtc.EventEmitter[str]):
    def __init__(self) -> None:
        super().__init__()
        self.methods: dict[str, Callable[..., Any]] = {}
        self.local_participant = self
        self.connection_state = 0
        self.connected = True
        self.remote_participants = {"anna", "mallory"}
        self._ffi_handle = SimpleNamespace(handle=id(self))

    def isconnected(self) -> bool:
        return self.connected

    def register_rpc_method(self, name: str, handler: Callable[..., Any]) -> None:
        self.methods[name] = handler

    async def rpc(self, name: str, payload: str = "", by: str = "anna") -> Any:
        call = rtc.RpcInvocationData("1", by, payload, 10.0, name)
        return json.loads(await self.methods[name](call))

    async def refusal(self, name: str, payload: str = "", by: str = "anna") -> tuple[int, str]:
        with pytest.raises(rtc.RpcError) as caught:
            await self.rpc(name, payload, by)
        return caught.value.code, caught.value.message


class Key:
    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.down = False
        self.early = 0
        self.changed = asyncio.Event()
        self.refusal: MisuseError | None = None

    def _do(self, what: str, by: str) -> KeyResult:
        if self.refusal is not None:
            raise self.refusal
        self.done.append((what, by))
        self.down = what == "press"
        self.changed.set()
        return KeyResult("pressed" if self.down else "committed", held_s=1.23456)

    def press_early(self) -> None:
        self.early += 1

    async def press(self, by: str) -> KeyResult:
        return self._do("press", by)

    async def release(self, by: str) -> KeyResult:
        return self._do("release", by)

    async def cancel(self, by: str) -> KeyResult:
        return self._do("cancel", by)

    async def next(self) -> tuple[str, str]:
        await asyncio.wait_for(self.changed.wait(), 5)
        self.changed.clear()
        return self.done[-1]


class Updates:
    def __init__(self) -> None:
        self.asked: list[tuple[Changes, str]] = []
        self.error: Exception | None = None

    async def apply(self, changes: Changes, by: str) -> tuple[str, ...]:
        if self.error is not None:
            raise self.error
        self.asked.append((changes, by))
        return ("push_to_talk",)


class Rig:
    def __init__(self, allowed: frozenset[str] = DEFAULT_REMOTE, *, connected: bool = True) -> None:
        self.room, self.key, self.updates = Room(), Key(), Updates()
        self.room.connected = connected
        self.control = RoomControl(
            cast("rtc.Room", self.room),
            cast("TalkKey", self.key),
            cast("LiveChanges", self.updates),
            allowed,
        )
        self.control.follow(person("anna"))


def person(identity: str) -> rtc.RemoteParticipant:
    return cast("rtc.RemoteParticipant", SimpleNamespace(identity=identity))


async def test_the_linked_person_takes_turns() -> None:
    rig = Rig()
    assert (await rig.room.rpc("start_turn"))["done"] == "pressed"
    assert await rig.room.rpc("end_turn") == {
        "done": "committed", "reason": "", "held_s": 1.235, "audio_s": 0.0, "silenced": False,
    }  # fmt: skip
    await rig.room.rpc("cancel_turn")
    assert rig.key.done == [("press", "rpc"), ("release", "rpc"), ("cancel", "rpc")]
    assert await rig.room.rpc("antiphon.update", '{"push_to_talk": true}') == {"changed": ["push_to_talk"]}
    assert rig.updates.asked == [(Changes(push_to_talk=True), "person")]
    await rig.control.aclose()


async def test_nobody_else_does() -> None:
    rig = Rig()
    for method in ("start_turn", "end_turn", "cancel_turn", "antiphon.update"):
        code, message = await rig.room.refusal(method, '{"push_to_talk": true}', by="mallory")
        assert code == 403
        assert f"{method} is taken only from the person whom the agent listens to" in message
    assert rig.key.done == []
    assert rig.updates.asked == []
    await rig.control.aclose()


def invoked(rig: Rig, method: str, by: str = "anna", payload: str = "") -> None:
    """As livekit's thread tells of a request, before the application's loop knows of it."""
    event = ffi_pb2.FfiEvent()
    call = event.rpc_method_invocation
    call.local_participant_handle = rig.room._ffi_handle.handle
    call.invocation_id, call.method, call.request_id = 1, method, "1"
    call.caller_identity, call.payload, call.response_timeout_ms = by, payload, 1000
    FfiClient.instance.queue.put(event)


async def test_a_press_does_not_wait_for_the_applications_loop() -> None:
    rig, other = Rig(), Rig()
    invoked(rig, "start_turn")
    assert (rig.key.early, other.key.early) == (1, 0)
    invoked(rig, "start_turn", by="mallory")
    invoked(rig, "start_turn", payload="x" * 2000)
    invoked(rig, "end_turn")
    assert rig.key.early == 1
    await rig.control.aclose()
    invoked(rig, "start_turn")
    assert rig.key.early == 1
    await other.control.aclose()


async def test_who_has_left_asks_for_nothing_any_more() -> None:
    rig = Rig()
    rig.room.remote_participants.clear()
    assert (await rig.room.refusal("start_turn"))[0] == 403
    await rig.control.aclose()


async def test_each_no_has_its_code_and_its_reason() -> None:
    rig = Rig(frozenset(ALLOWED_TO_CHANGE))
    assert await rig.room.refusal("start_turn", "x" * 2000) == (
        413, "the payload of start_turn has 2000 bytes; at most 1024 are taken",
    )  # fmt: skip
    assert (await rig.room.refusal("antiphon.update", "nonsense"))[0] == 400
    rig.key.refusal = MisuseError("push-to-talk is off")
    assert await rig.room.refusal("start_turn") == (409, "push-to-talk is off")
    for error, code in (
        (ConfigError("tools", "fly", "book"), 400),
        (ModelRefused("the model refused to change the voice", value="voice locked"), 422),
    ):
        rig.updates.error = error
        assert await rig.room.refusal("antiphon.update", '{"voice": "x"}') == (code, str(error))
    await rig.control.aclose()
    assert (await rig.room.refusal("start_turn")) == (409, "the call is over")


async def test_only_what_is_allowed_is_registered_and_only_once_connected() -> None:
    assert set(Rig(frozenset()).room.methods) == set()
    assert set(Rig(frozenset({"turns"})).room.methods) == {"start_turn", "end_turn", "cancel_turn"}
    assert set(Rig(frozenset({"voice"})).room.methods) == {"antiphon.update"}
    rig = Rig(connected=False)
    assert rig.room.methods == {}
    rig.room.connected = True
    rig.room.emit("connection_state_changed", 1)
    assert len(rig.room.methods) == 4


async def test_an_attribute_presses_where_that_is_allowed() -> None:
    rig = Rig(frozenset({"talk_attribute"}))
    for value, done in (("1", "press"), ("0", "release"), ("1", "press"), ("cancel", "cancel")):
        rig.room.emit("participant_attributes_changed", {TALK_ATTRIBUTE: value}, person("anna"))
        assert await rig.key.next() == (done, "attribute")
    rig.room.emit("participant_attributes_changed", {TALK_ATTRIBUTE: "maybe"}, person("anna"))
    rig.room.emit("participant_attributes_changed", {TALK_ATTRIBUTE: "1"}, person("mallory"))
    rig.room.emit("participant_attributes_changed", {"mood": "1"}, person("anna"))
    await asyncio.sleep(0)
    assert len(rig.key.done) == 4
    rig.key.refusal = MisuseError("push-to-talk is off")
    rig.room.emit("participant_attributes_changed", {TALK_ATTRIBUTE: "1"}, person("anna"))
    await asyncio.sleep(0)
    await rig.control.aclose()
    by_default = Rig()
    by_default.room.emit("participant_attributes_changed", {TALK_ATTRIBUTE: "1"}, person("anna"))
    await asyncio.sleep(0)
    assert by_default.key.done == []


@pytest.mark.parametrize(
    ("event", "args", "done"),
    [
        ("track_muted", (person("anna"), MICROPHONE), ("release", "muted")),
        ("track_unpublished", (MICROPHONE, person("anna")), ("release", "muted")),
        ("participant_disconnected", (person("anna"),), ("cancel", "left")),
    ],
)
async def test_a_press_ends_with_the_microphone_and_with_its_person(
    event: str, args: tuple[Any, ...], done: tuple[str, str]
) -> None:
    rig = Rig()
    rig.room.emit(event, *args)  # the key is up: nothing
    await rig.room.rpc("start_turn")
    rig.key.changed.clear()
    rig.room.emit(event, *args)
    assert await rig.key.next() == done
    assert len(rig.key.done) == 2
    await rig.control.aclose()


async def test_who_unpublishes_because_they_leave_has_left() -> None:
    rig = Rig()
    await rig.room.rpc("start_turn")
    rig.key.changed.clear()
    rig.room.emit("track_unpublished", MICROPHONE, person("anna"))
    rig.room.emit("participant_disconnected", person("anna"))
    assert await rig.key.next() == ("cancel", "left")
    rig.room.emit("track_unpublished", MICROPHONE, person("anna"))
    await rig.control.aclose()  # and does not wait for it


async def test_what_others_do_ends_no_press() -> None:
    rig = Rig()
    await rig.room.rpc("start_turn")
    rig.room.emit("track_muted", person("mallory"), MICROPHONE)
    rig.room.emit("track_muted", person("anna"), CAMERA)
    rig.room.emit("track_unpublished", CAMERA, person("anna"))
    rig.room.emit("participant_disconnected", person("mallory"))
    await asyncio.sleep(0)
    assert rig.key.done == [("press", "rpc")]
    rig.control.follow(person("ben"))  # another is linked: the press was not theirs
    rig.key.changed.clear()
    assert await rig.key.next() == ("cancel", "left")
    await rig.control.aclose()
