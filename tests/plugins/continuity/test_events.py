from __future__ import annotations

from antiphon.plugins.continuity import Counters


def test_counters_add_up() -> None:
    total = Counters(handoffs=1)
    total.add(Counters(handoffs=2, failovers=3))
    assert (total.handoffs, total.failovers, total.gave_up) == (3, 3, 0)
