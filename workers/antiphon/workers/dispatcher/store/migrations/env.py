"""Alembic's way in: it uses the connection that `migrate.upgrade` gives it."""

from __future__ import annotations

from alembic import context

from antiphon.workers.dispatcher.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
