from __future__ import annotations

import inspect

from antiphon.plugins.continuity import ContinuousSession
from antiphon.plugins.continuity.owner import Owner


def test_the_session_is_one() -> None:
    wanted = [name for name, one in inspect.getmembers(Owner, inspect.isfunction) if not name.startswith("_")]
    assert len(wanted) == 8
    for name in wanted:
        assert inspect.signature(getattr(ContinuousSession, name)) == inspect.signature(getattr(Owner, name))
