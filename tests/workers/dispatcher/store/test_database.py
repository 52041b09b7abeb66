"""Connections and their errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from antiphon.agents.errors import ConfigError
from antiphon.workers.dispatcher.store.database import StoreError, Transaction, engine_for


async def test_a_failed_statement_is_an_error_that_can_be_read_and_shows_no_values(tmp_path: Path) -> None:
    engine = engine_for(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(StoreError, match="no such table: nowhere") as caught:
        async with Transaction(engine) as connection:
            await connection.execute(sa.text("INSERT INTO nowhere VALUES (:v)"), {"v": "secret"})
    assert "secret" not in str(caught.value)
    await engine.dispose()


async def test_an_error_of_the_code_inside_goes_through_as_it_is_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    engine = engine_for(f"sqlite:///{tmp_path / 'x.db'}")
    async with Transaction(engine) as connection:
        await connection.execute(sa.text("CREATE TABLE t (v INTEGER)"))

    async def break_off() -> None:
        async with Transaction(engine) as connection:
            await connection.execute(sa.text("INSERT INTO t VALUES (1)"))
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await break_off()
    async with Transaction(engine) as connection:
        assert (await connection.execute(sa.text("SELECT count(*) FROM t"))).scalar_one() == 0
    await engine.dispose()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing does not"):
        engine_for(f"sqlite:///{tmp_path / 'missing' / 'x.db'}")
