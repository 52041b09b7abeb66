"""`Store`: calls, workers, checkpoints and events in SQL, over SQLAlchemy Core.

One code for SQLite (WAL; one host) and PostgreSQL (several dispatchers). What a person asked for
(``cancelled``) and what the reconciler decided are different columns, so that neither overwrites the
other. The reconciler's writes are fenced: they hold only while the writer has the lease of the agent's
queue, and the epoch of the lease tells a holder that lost it from the one that has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.agents.errors import ConfigError
from antiphon.workers.dispatcher.calls import Call, Phase
from antiphon.workers.dispatcher.store import schema
from antiphon.workers.dispatcher.store.database import StoreError, Transaction, engine_for
from antiphon.workers.dispatcher.store.migrate import upgrade
from antiphon.workers.dispatcher.store.rows import (
    DECIDED,
    NewCall,
    StoredEvent,
    StoredWorker,
    call_from,
    row_of,
    story_of,
)

__all__ = ["Store"]

BODY_LIMIT = 64 * 1024
"""Longest body of a call, bytes of JSON; chosen: a room's metadata is limited to as much."""
CHECKPOINT_LIMIT = 1024 * 1024
"""Longest checkpoint, bytes of JSON; chosen."""


class Store:
    """The database of one or several dispatchers.

    Made by `open`. Every method raises `StoreError` when the database is away or full, and leaves nothing
    half done.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connects, and brings the tables up to date.

        Args:
            url: ``sqlite:///path`` or ``postgresql://user:password@host/name``.

        Raises:
            ConfigError: The address is of another kind.
            StoreError: The database cannot be reached.
        """
        engine = engine_for(url)
        store = cls(engine)
        try:
            async with store._begin() as connection:
                await connection.run_sync(upgrade)
        except BaseException:
            await engine.dispose()
            raise
        return store

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # Calls, as people ask for them.

    async def add(self, new: NewCall, now: float) -> tuple[Call, bool]:
        """Takes a call in.

        Returns:
            The call, and whether it is new: with a key that was used before it is the one of then.

        Raises:
            ConfigError: The body is over `BODY_LIMIT`.
        """
        if len(new.body.encode()) > BODY_LIMIT:
            raise ConfigError(
                "body", f"{len(new.body.encode())} bytes", f"at most {BODY_LIMIT} bytes of JSON"
            )
        call = Call(
            id=new.id, agent=new.agent, room=new.room, created_at=now, since=now, priority=new.priority,
            deadline_at=new.deadline_at, own_room=new.own_room,
        )  # fmt: skip
        row = {**row_of(call), "body": new.body, "idempotency_key": new.idempotency_key}
        async with self._begin() as connection:
            added = (
                self._insert(schema.calls).values(row).on_conflict_do_nothing().returning(schema.calls.c.id)
            )
            if (await connection.execute(added)).first() is not None:
                await _note(connection, [(call.id, now, "asked", {"agent": new.agent})])
                return call, True
            same = sa.or_(
                schema.calls.c.id == new.id,
                sa.and_(
                    schema.calls.c.agent == new.agent,
                    schema.calls.c.idempotency_key == new.idempotency_key,
                ),
            )
            found = (await connection.execute(sa.select(schema.calls).where(same))).mappings().first()
        if found is None:
            raise StoreError("a call could not be added", retryable=True)
        return call_from(found), False

    async def adopt(self, call: Call, body: str, now: float) -> Call:
        """Takes in a call that somebody else placed, as it stands; the one that is known, if it is."""
        row = {**row_of(call), "body": body, "idempotency_key": None}
        async with self._begin() as connection:
            added = (
                self._insert(schema.calls).values(row).on_conflict_do_nothing().returning(schema.calls.c.id)
            )
            if (await connection.execute(added)).first() is not None:
                await _note(connection, [(call.id, now, "adopted", {"worker": call.worker})])
            found = await connection.execute(sa.select(schema.calls).where(schema.calls.c.id == call.id))
            return call_from(found.mappings().one())

    async def cancel(self, call: str, now: float) -> bool:
        """Asks to end a call. False when there is none or it is over."""
        table = schema.calls
        async with self._begin() as connection:
            done = await connection.execute(
                table.update()
                .where(table.c.id == call, table.c.phase != Phase.ENDED.value, ~table.c.cancelled)
                .values(cancelled=True)
            )
            if done.rowcount:
                await _note(connection, [(call, now, "cancel", {})])
                return True
            open_ = await connection.execute(
                sa.select(table.c.id).where(table.c.id == call, table.c.phase != Phase.ENDED.value)
            )
            return open_.first() is not None

    async def get(self, call: str) -> Call | None:
        """A call; None when there is none of that id."""
        found = await self._rows(sa.select(schema.calls).where(schema.calls.c.id == call))
        return call_from(found[0]) if found else None

    async def body(self, call: str) -> str:
        """What the application gave along with a call; ``{}`` when there is no such call."""
        found = await self._rows(sa.select(schema.calls.c.body).where(schema.calls.c.id == call))
        return str(found[0]["body"]) if found else "{}"

    async def list(
        self,
        *,
        agent: str | None = None,
        phases: Iterable[Phase] = (),
        limit: int = 100,
        before: tuple[float, str] | None = None,
    ) -> list[Call]:
        """Calls, the newest first.

        Args:
            agent: Only this agent's.
            phases: Only in these.
            limit: At most so many.
            before: ``(created_at, id)`` of the last one of the page before.
        """
        table = schema.calls
        query = sa.select(table).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
        if agent is not None:
            query = query.where(table.c.agent == agent)
        if wanted := [phase.value for phase in phases]:
            query = query.where(table.c.phase.in_(wanted))
        if before is not None:
            at, name = before
            earlier = sa.or_(table.c.created_at < at, sa.and_(table.c.created_at == at, table.c.id < name))
            query = query.where(earlier)
        return [call_from(row) for row in await self._rows(query)]

    # Calls, as the reconciler sees them.

    async def agents(self) -> frozenset[str]:
        """Names with calls that are not over."""
        table = schema.calls
        query = sa.select(table.c.agent).distinct().where(table.c.phase != Phase.ENDED.value)
        return frozenset(str(row["agent"]) for row in await self._rows(query))

    async def due(self, agent: str, ended_after: float) -> Sequence[Call]:
        """An agent's calls that are not over, and those that ended after a time."""
        table = schema.calls
        ended = table.c.phase == Phase.ENDED.value
        query = sa.select(table).where(
            table.c.agent == agent, sa.or_(~ended, sa.and_(ended, table.c.since > ended_after))
        )
        return [call_from(row) for row in await self._rows(query)]

    async def lease(self, agent: str, holder: str, until: float, now: float) -> int | None:
        """Takes or keeps the lease of an agent's queue.

        Args:
            agent: Whose queue.
            holder: Name of the dispatcher, its own in each life.
            until: When the lease ends unless it is kept, s.
            now: s.

        Returns:
            The lease's epoch; None when somebody else has it.
        """
        table = schema.queues
        new = self._insert(table).values(agent=agent, holder=holder, epoch=1, expires_at=until)
        statement = new.on_conflict_do_update(
            index_elements=[table.c.agent],
            set_={
                "epoch": table.c.epoch + sa.case((table.c.holder == holder, 0), else_=1),
                "holder": holder,
                "expires_at": until,
            },
            where=sa.or_(table.c.holder == holder, table.c.expires_at <= now),
        ).returning(table.c.epoch)
        async with self._begin() as connection:
            row = (await connection.execute(statement)).first()
        return int(row[0]) if row is not None else None

    async def release(self, holder: str) -> None:
        """Gives every lease of a dispatcher up, so that another can have them at once."""
        table = schema.queues
        async with self._begin() as connection:
            await connection.execute(table.update().where(table.c.holder == holder).values(expires_at=0.0))

    async def write(self, agent: str, holder: str, epoch: int, calls: Sequence[Call], now: float) -> bool:
        """Writes what the reconciler decided, all or nothing; with no calls it only asks for the lease.

        Returns:
            False when the lease is not the writer's any more; then nothing was written and nothing may be
            done.
        """
        lease = sa.select(schema.queues.c.epoch).where(
            schema.queues.c.agent == agent, schema.queues.c.holder == holder
        )
        if self._engine.dialect.name == "postgresql":
            lease = lease.with_for_update()  # a taker waits for this write; SQLite has one writer anyway
        values = [
            {"which": call.id, **{k: v for k, v in row_of(call).items() if k in DECIDED}} for call in calls
        ]
        statement = (
            schema.calls.update()
            .where(schema.calls.c.id == sa.bindparam("which"))
            .values({name: sa.bindparam(name) for name in DECIDED})
        )
        async with self._begin() as connection:
            held = (await connection.execute(lease)).first()
            if held is None or held[0] != epoch:
                return False
            if not calls:
                return True
            before = await connection.execute(
                sa.select(schema.calls.c.id, schema.calls.c.phase).where(
                    schema.calls.c.id.in_([call.id for call in calls])
                )
            )
            known = {row.id: row.phase for row in before}
            await connection.execute(statement, values)
            moved = [call for call in calls if known.get(call.id) != call.phase.value]
            if moved:
                told = [(call.id, now, call.phase.value, story_of(call)) for call in moved]
                await _note(connection, told)
        return True

    # Workers, checkpoints, events.

    async def see(self, worker: StoredWorker) -> bool:
        """Notes that a worker is linked. Returns whether somebody asked it to drain."""
        table = schema.workers
        row = {name: getattr(worker, name) for name in table.c.keys()}  # noqa: SIM118  # columns, no mapping
        new = self._insert(table).values(row)
        kept = {name: new.excluded[name] for name in ("agent", "host", "label", "slots", "seen_at")}
        statement = new.on_conflict_do_update(index_elements=[table.c.id], set_=kept).returning(table.c.drain)
        async with self._begin() as connection:
            return bool((await connection.execute(statement)).scalar_one())

    async def drain(self, worker: str) -> bool:
        """Asks a worker to take no more calls. False when there is none of that id."""
        table = schema.workers
        async with self._begin() as connection:
            done = await connection.execute(table.update().where(table.c.id == worker).values(drain=True))
        return bool(done.rowcount)

    async def workers(self, seen_after: float = 0.0) -> Sequence[StoredWorker]:
        """Workers that were heard of after a time, by id."""
        table = schema.workers
        query = sa.select(table).where(table.c.seen_at > seen_after).order_by(table.c.id)
        return [StoredWorker(**row) for row in await self._rows(query)]

    async def forget_workers(self, seen_before: float) -> None:
        """Drops workers that were not heard of since a time."""
        async with self._begin() as connection:
            await connection.execute(schema.workers.delete().where(schema.workers.c.seen_at < seen_before))

    async def checkpoint(self, call: str, version: int, body: str, now: float) -> bool:
        """Keeps the state of a conversation, unless a later one is there.

        Returns:
            Whether it was kept.

        Raises:
            ConfigError: It is over `CHECKPOINT_LIMIT`.
        """
        if len(body.encode()) > CHECKPOINT_LIMIT:
            size = f"{len(body.encode())} bytes"
            raise ConfigError("checkpoint", size, f"at most {CHECKPOINT_LIMIT} bytes of JSON")
        table = schema.checkpoints
        new = self._insert(table).values(call=call, version=version, at=now, body=body)
        statement = new.on_conflict_do_update(
            index_elements=[table.c.call],
            set_={"version": version, "at": now, "body": body},
            where=table.c.version < version,
        ).returning(table.c.version)
        async with self._begin() as connection:
            known = await connection.execute(sa.select(schema.calls.c.id).where(schema.calls.c.id == call))
            if known.first() is None:
                return False
            return (await connection.execute(statement)).first() is not None

    async def last_checkpoint(self, call: str) -> tuple[int, str] | None:
        """Version and body of a call's last checkpoint."""
        table = schema.checkpoints
        found = await self._rows(sa.select(table.c.version, table.c.body).where(table.c.call == call))
        return (int(found[0]["version"]), str(found[0]["body"])) if found else None

    async def note(self, call: str, kind: str, data: Mapping[str, Any], now: float) -> None:
        """Adds an event to a call's story."""
        async with self._begin() as connection:
            await _note(connection, [(call, now, kind, data)])

    async def story(self, call: str, limit: int = 1000) -> Sequence[StoredEvent]:
        """What became of a call, in order."""
        table = schema.events
        query = sa.select(table).where(table.c.call == call).order_by(table.c.number).limit(limit)
        return [
            StoredEvent(row["number"], row["call"], row["at"], row["kind"], json.loads(row["data"]))
            for row in await self._rows(query)
        ]

    async def forget(self, ended_before: float) -> int:
        """Drops calls that ended before a time, with their story. Returns how many."""
        table = schema.calls
        over = sa.and_(table.c.phase == Phase.ENDED.value, table.c.since < ended_before)
        async with self._begin() as connection:
            return (await connection.execute(table.delete().where(over))).rowcount

    def _begin(self) -> Transaction:
        return Transaction(self._engine)

    def _insert(self, table: sa.Table) -> Any:
        # The dialects' own inserts, alike in what is used here, are what knows ON CONFLICT.
        return (postgresql if self._engine.dialect.name == "postgresql" else sqlite).insert(table)

    async def _rows(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        async with self._begin() as connection:
            return list((await connection.execute(query)).mappings())


async def _note(
    connection: AsyncConnection, events: Sequence[tuple[str, float, str, Mapping[str, Any]]]
) -> None:
    rows = [{"call": c, "at": at, "kind": kind, "data": json.dumps(data)} for c, at, kind, data in events]
    await connection.execute(schema.events.insert(), rows)
