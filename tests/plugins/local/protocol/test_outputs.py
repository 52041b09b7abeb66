from __future__ import annotations

from antiphon.plugins.local.protocol import Core, Send
from antiphon.plugins.local.protocol.outputs import Refusal


def test_a_refusal_becomes_an_error_event_with_its_fields() -> None:
    core = Core(model="m", new_id=lambda kind: kind, now=0.0, wall=0.0, limit_s=10.0)
    (sent,) = core.handle({"type": "response.cancel", "event_id": "e1"}, 0.0)
    assert isinstance(sent, Send)
    error = sent.event["error"]
    assert error["code"] == "response_cancel_not_active"
    assert error["type"] == Refusal("c", "m").kind
    assert error["event_id"] == "e1"
    assert error["param"] is None
