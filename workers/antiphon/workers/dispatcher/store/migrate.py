"""Brings a database's tables up to date, with Alembic. Safe to run by several dispatchers at once."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

__all__ = ["upgrade"]

_LOCK = 0x616E7469  # any number of ours, for PostgreSQL's advisory lock


def upgrade(connection: sa.Connection) -> None:
    """Runs the migrations that are missing, within the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
