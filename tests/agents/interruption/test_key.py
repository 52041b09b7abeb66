from __future__ import annotations

from antiphon.agents.interruption.events import Deadline, Reason
from antiphon.agents.interruption.key import Key
from antiphon.agents.options import TurnTaking


def test_a_press_is_meant_after_a_while_and_stuck_after_a_long_one() -> None:
    key = Key(TurnTaking(press_min_s=0.1, max_press_s=5.0))
    assert key.deadline() is None
    assert key.press(10.0)
    assert not key.press(10.05)
    assert key.down
    assert key.deadline() == Deadline(10.1, Reason.PRESS)
    assert not key.long_enough(10.09)
    assert key.long_enough(10.1)
    key.meant = True
    assert key.deadline() == Deadline(15.0, Reason.PRESS)
    assert not key.stuck(14.9)
    assert key.stuck(15.0)
    key.release()
    assert not key.down
    assert not key.meant
    assert key.deadline() is None
