"""Connections to the store's database: SQLite or PostgreSQL, and errors that a person can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from antiphon.agents.errors import AntiphonError, ConfigError

__all__ = ["StoreError", "Transaction", "engine_for"]


class StoreError(AntiphonError):
    """The database refused or is away; ``retryable`` says whether to try again."""

    def __init__(self, what: str, *, retryable: bool) -> None:
        self.retryable = retryable
        super().__init__(what)


class Transaction:
    """A transaction whose failures are `StoreError`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._begun = engine.begin()

    async def __aenter__(self) -> AsyncConnection:
        try:
            return await self._begun.__aenter__()
        except (SQLAlchemyError, OSError) as error:
            raise _readable(error) from error

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            await self._begun.__aexit__(kind, error, trace)
        except (SQLAlchemyError, OSError) as broken:
            raise _readable(broken) from broken
        if isinstance(error, SQLAlchemyError | OSError):
            raise _readable(error) from error


def _readable(error: Exception) -> StoreError:
    """The first line of what the database says, which names no values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    line = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    retryable = isinstance(cause, OSError) or type(cause).__name__ in ("OperationalError", "InterfaceError")
    return StoreError(f"the dispatcher's database: {line}", retryable=retryable)


def engine_for(url: str) -> AsyncEngine:
    """The engine of an address.

    Raises:
        ConfigError: It is of no kind that is known.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigError("store", url, "sqlite:///path or postgresql://user:password@host/name") from error
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        return create_async_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if kind != "sqlite":
        shown = parsed.render_as_string(hide_password=True)
        raise ConfigError("store", shown, "sqlite:///path or postgresql://user:password@host/name")
    folder = Path(parsed.database or ".").absolute().parent
    if parsed.database not in (None, "", ":memory:") and not folder.is_dir():
        raise ConfigError("store", url, f"a file in a folder that exists; {folder} does not")
    engine = create_async_engine(parsed.set(drivername="sqlite+aiosqlite"), connect_args={"timeout": 10})
    sa.event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    # A transaction that reads first and writes then would fail when another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
