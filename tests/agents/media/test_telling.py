from __future__ import annotations

import inspect

from antiphon.agents.listener import LoopListener
from antiphon.agents.media.telling import Listener


def test_what_carries_it_to_the_applications_loop_takes_all_that_a_call_tells() -> None:
    told = [name for name, _ in inspect.getmembers(Listener, inspect.isfunction) if not name.startswith("_")]
    assert "turn_committed" in told
    for name in told:
        assert inspect.signature(getattr(LoopListener, name)) == inspect.signature(getattr(Listener, name))
