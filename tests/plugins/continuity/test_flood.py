from __future__ import annotations

from antiphon.plugins.continuity.flood import Flood


def test_too_many_in_a_window_are_a_flood_and_the_same_over_time_are_none() -> None:
    flood = Flood(3, 1.0)
    assert [flood.add(at) for at in (0.0, 0.1, 0.2, 0.3)] == [False, False, False, True]
    assert not Flood(3, 1.0).add(5.0)
    slow = Flood(3, 1.0)
    assert not any(slow.add(n * 0.5) for n in range(100))
