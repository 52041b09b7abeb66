from __future__ import annotations

import typing
from dataclasses import FrozenInstanceError, fields

import pytest

from antiphon.agents.interruption import InterruptionController, Occasion, Opinion, events
from antiphon.agents.options import TurnTaking


@pytest.mark.parametrize("kind", typing.get_args(events.Event), ids=lambda kind: kind.__name__)
def test_every_event_begins_with_its_time_is_frozen_and_is_handled(kind: type) -> None:
    assert fields(kind)[0].name == "now"
    values = {
        "now": 1.0,
        "speech": 0.5,
        "reply_id": "r",
        "heard_samples": 5,
        "kind": "done",
        "verdict": None,
        "reason": events.Reason.TAIL,
        "probability": 0.5,
        "interruptible": True,
        "opinion": Opinion("acoustic", Occasion.EARLY, 0.5),
        "options": TurnTaking(push_to_talk=True),
    }
    event = kind(**{spec.name: values[spec.name] for spec in fields(kind) if spec.name in values})
    with pytest.raises(FrozenInstanceError):
        event.now = 2.0
    assert isinstance(InterruptionController(TurnTaking(), strict=True).handle(event), tuple)
