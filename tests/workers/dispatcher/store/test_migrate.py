"""Migrations lead to the tables that the code uses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from antiphon.workers.dispatcher.store import schema
from antiphon.workers.dispatcher.store.database import Transaction, engine_for
from antiphon.workers.dispatcher.store.migrate import upgrade


async def test_migrations_make_the_tables_of_the_schema_and_again_change_nothing(url: str) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        upgrade(connection)
        upgrade(connection)
        return list(compare_metadata(MigrationContext.configure(connection), schema.metadata))

    engine = engine_for(url)
    async with Transaction(engine) as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
