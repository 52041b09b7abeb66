"""The events themselves; what is done with them is in test_timeline.py."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import get_args

import pytest

from antiphon.agents import timeline, timeline_events

KINDS = get_args(timeline_events.Event)


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_frozen_dated_and_told_apart_by_its_name(kind: type) -> None:
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert fields(kind)[0].name == "at"
    assert getattr(timeline, kind.__name__) is kind


def test_all_of_them_are_public_and_have_a_record() -> None:
    public = {name for name in timeline_events.__all__ if name != "Event"}
    assert public == {kind.__name__ for kind in KINDS}
    assert set(timeline.EVENT_TYPES.values()) == set(KINDS)
    assert public < set(timeline.__all__)
