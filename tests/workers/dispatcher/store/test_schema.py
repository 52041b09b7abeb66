"""The tables."""

from __future__ import annotations

from antiphon.workers.dispatcher.store import schema


def test_what_belongs_to_a_call_goes_with_it() -> None:
    for table in (schema.checkpoints, schema.events):
        (key,) = table.c.call.foreign_keys
        assert key.column is schema.calls.c.id
        assert key.ondelete == "CASCADE"


def test_a_key_is_one_call_of_an_agent() -> None:
    unique = {c.name for c in schema.calls.constraints if c.name == "calls_idempotency"}
    assert unique == {"calls_idempotency"}
