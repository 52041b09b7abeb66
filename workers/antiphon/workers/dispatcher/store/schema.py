"""The tables. Times are seconds since the epoch, as everywhere in the dispatcher.

A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["calls", "checkpoints", "events", "metadata", "queues", "workers"]

metadata = sa.MetaData()

queues = sa.Table(
    "queues",
    metadata,
    sa.Column("agent", sa.String(128), primary_key=True),
    sa.Column("holder", sa.String(128), nullable=False),
    # Grows with each new holder: what a holder that lost its lease writes late is refused by it.
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
)
"""Which dispatcher reconciles the calls of an agent."""

calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("agent", sa.String(128), nullable=False),
    sa.Column("room", sa.String(256), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("deadline_at", sa.Double),
    sa.Column("own_room", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.String(128)),
    sa.Column("cancelled", sa.Boolean, nullable=False),
    # From here on the reconciler's alone.
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("identity", sa.String(256), nullable=False),
    sa.Column("worker", sa.String(128), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Double, nullable=False),
    sa.Column("ghosts", sa.Text, nullable=False),
    sa.Column("restores", sa.Integer, nullable=False),
    sa.Column("met", sa.Boolean, nullable=False),
    sa.Column("alone_since", sa.Double),
    sa.Column("missing_since", sa.Double),
    sa.Column("ending", sa.String(256), nullable=False),
    sa.UniqueConstraint("agent", "idempotency_key", name="calls_idempotency"),
    sa.Index("calls_open", "agent", "phase", "since"),
    sa.Index("calls_created", "created_at", "id"),
)
"""`Call` rows; ``body`` is what the application gave along, JSON."""

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("agent", sa.String(128), nullable=False),
    sa.Column("host", sa.String(256), nullable=False),
    sa.Column("label", sa.String(64), nullable=False),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("seen_at", sa.Double, nullable=False),
    sa.Column("drain", sa.Boolean, nullable=False),
)
"""Workers that were linked, and whether somebody asked them to drain."""

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("call", sa.String(64), sa.ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
"""The last state of each conversation, JSON."""

events = sa.Table(
    "events",
    metadata,
    sa.Column(
        "number",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        sa.Identity(),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("call", sa.String(64), sa.ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Index("events_call", "call", "number"),
)
"""What became of each call, in order."""
