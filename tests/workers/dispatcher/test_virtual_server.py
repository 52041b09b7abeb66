"""The virtual world as a server."""

from __future__ import annotations

import pytest

from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.server import ServerError
from antiphon.workers.dispatcher.sight import Sight
from antiphon.workers.dispatcher.virtual import World
from antiphon.workers.dispatcher.virtual_server import VirtualServer


async def test_it_shows_what_there_is_and_does_what_it_is_asked() -> None:
    server = VirtualServer(World())
    assert await server.look(["r"]) == {}
    await server.carry_out(act.MakeRoom("r"))
    assert (await server.look(["r", "s"])).keys() == {"r"}


async def test_it_can_be_away() -> None:
    server = VirtualServer(World())
    server.away = ServerError("away", "x", "")
    with pytest.raises(ServerError):
        await server.look(["r"])


async def test_workers_that_are_heard_tell_how_they_stand() -> None:
    server = VirtualServer(World())
    server.world.add_worker("w")
    sight = Sight(0.0)
    server.link(sight)
    assert sight.observed().workers["w"].connected
    server.world.kill("w")
    server.link(sight)
    assert not sight.observed().workers["w"].connected
