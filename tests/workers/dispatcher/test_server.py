"""LiveKit's API, on a real server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from livekit import api, rtc

from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.server import IDENTITY, LiveKitServer, ServerError
from antiphon.workers.sfu import LocalSfu

pytestmark = pytest.mark.sfu


@pytest.fixture
async def server(sfu: LocalSfu) -> AsyncIterator[LiveKitServer]:
    async with LiveKitServer(sfu.url, sfu.api_key, sfu.api_secret) as made:
        yield made


@pytest.fixture
def room() -> str:
    return f"room-{uuid.uuid4().hex}"


async def joined(sfu: LocalSfu, room: str, identity: str, kind: str = "standard") -> rtc.Room:
    token = (
        api.AccessToken(sfu.api_key, sfu.api_secret)
        .with_identity(identity)
        .with_kind(kind)  # type: ignore[arg-type]
        .with_grants(api.VideoGrants(room_join=True, room=room))
    )
    made = rtc.Room()
    await made.connect(sfu.url, token.to_jwt())
    return made


def dispatch(room: str, identity: str = "agent-c-1") -> act.Dispatch:
    return act.Dispatch("c", room, "nobody-of-this-name", identity, 1, "w", "label", '{"name": "Ada"}')


async def test_a_room_is_seen_with_its_agents_people_and_state(
    sfu: LocalSfu, server: LiveKitServer, room: str
) -> None:
    await server.make_room(room, '{"state": "queued"}')
    agent = await joined(sfu, room, "agent-c-1", "agent")
    person = await joined(sfu, room, "caller")
    try:
        seen = (await server.look([room, f"{room}-missing"]))[room]
    finally:
        await agent.disconnect()
        await person.disconnect()
    assert seen.agents == {"agent-c-1"}
    assert (seen.people, seen.state, seen.exists) == (1, '{"state": "queued"}', True)


async def test_rooms_that_do_not_exist_are_not_found(server: LiveKitServer, room: str) -> None:
    assert await server.look([room]) == {}


async def test_a_dispatch_makes_its_room_and_is_made_once_however_often_it_is_asked_for(
    server: LiveKitServer, room: str
) -> None:
    for _ in range(2):
        await server.carry_out(dispatch(room))
    seen = (await server.look([room]))[room]
    assert seen.dispatches == {"agent-c-1"}
    # The server makes one of its own for agents without a name.
    listed = [d for d in await server._dispatches(room) if d.agent_name]
    assert [(d.metadata, d.deployment, d.attributes[IDENTITY]) for d in listed] == [
        ('{"name": "Ada"}', "label", "agent-c-1")
    ]


async def test_only_the_dispatch_of_its_attempt_is_taken_back(server: LiveKitServer, room: str) -> None:
    await server.carry_out(dispatch(room))
    await server.carry_out(dispatch(room, "agent-c-2"))
    await server.carry_out(act.DeleteDispatch(room, "agent-c-1"))
    assert (await server.look([room]))[room].dispatches == {"agent-c-2"}


async def test_an_agent_is_put_out_of_its_room(sfu: LocalSfu, server: LiveKitServer, room: str) -> None:
    agent = await joined(sfu, room, "agent-c-1", "agent")
    try:
        await server.carry_out(act.RemoveParticipant(room, "agent-c-1"))
        assert (await server.look([room]))[room].agents == frozenset()
    finally:
        await agent.disconnect()


async def test_people_in_a_room_are_told(server: LiveKitServer, room: str) -> None:
    await server.carry_out(act.MakeRoom(room))
    await server.carry_out(act.TellRoom(room, '{"state": "active"}'))
    assert (await server.look([room]))[room].state == '{"state": "active"}'
    await server.carry_out(act.DeleteRoom(room))
    assert await server.look([room]) == {}


async def test_what_is_not_there_need_not_be_done(server: LiveKitServer, room: str) -> None:
    for action in (
        act.DeleteRoom(room),
        act.TellRoom(room, "{}"),
        act.RemoveParticipant(room, "agent-c-1"),
        act.DeleteDispatch(room, "agent-c-1"),
    ):
        await server.carry_out(action)
    assert await server.look([room]) == {}


async def test_a_wrong_secret_is_no_use_trying_again_and_is_not_shown(sfu: LocalSfu, room: str) -> None:
    async with LiveKitServer(sfu.url, sfu.api_key, "another-secret-of-32-characters!") as wrong:
        with pytest.raises(ServerError, match="LIVEKIT_API_SECRET") as caught:
            await wrong.look([room])
    assert not caught.value.retryable
    assert "another-secret" not in str(caught.value)


async def test_a_server_that_is_away_may_come_back(room: str) -> None:
    async with LiveKitServer("ws://127.0.0.1:9", "key", "a-secret-of-at-least-32-characters") as away:
        with pytest.raises(ServerError, match="rooms could not be listed") as caught:
            await away.look([room])
    assert caught.value.retryable
