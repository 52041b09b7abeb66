from __future__ import annotations

from typing import get_args

from antiphon.plugins.continuity import facts
from antiphon.plugins.continuity.core import _HANDLERS


def test_the_core_knows_every_fact() -> None:
    assert set(_HANDLERS) == set(get_args(facts.Fact))


def test_every_name_is_there() -> None:
    assert all(hasattr(facts, name) for name in facts.__all__)
