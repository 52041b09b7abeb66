"""`VirtualServer`: the virtual world as a dispatcher's server, for tests and simulations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from antiphon.workers.dispatcher import actions as act
from antiphon.workers.dispatcher.calls import Room
from antiphon.workers.dispatcher.sight import Sight
from antiphon.workers.dispatcher.virtual import World

__all__ = ["VirtualServer"]


class VirtualServer:
    """A world's rooms behind `service.Server`.

    Args:
        world: The world.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.away: Exception | None = None
        """Raised by every request, when set."""

    async def look(self, names: Iterable[str]) -> Mapping[str, Room]:
        """As `service.Server.look`."""
        await self._answer()
        rooms = self.world.observe().rooms
        return {name: rooms[name] for name in names if name in rooms}

    async def carry_out(self, action: act.Action) -> None:
        """As `service.Server.carry_out`."""
        await self._answer()
        self.world.carry_out(action)
        await self._answer()

    def link(self, sight: Sight) -> None:
        """Tells a dispatcher what the workers that it hears say."""
        for worker in self.world.observe().workers.values():
            if worker.connected:
                sight.worker(worker)
            else:
                sight.link_closed(worker.id, worker.seen_at)

    async def _answer(self) -> None:
        await asyncio.sleep(0)  # a place to be killed at, before and after
        if self.away is not None:
            raise self.away
