from __future__ import annotations

import typing
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import antiphon.agents.media.call as shell
from antiphon.agents.interruption import actions


@pytest.mark.parametrize("kind", typing.get_args(actions.Action), ids=lambda kind: kind.__name__)
def test_every_action_is_a_frozen_value_that_the_shell_carries_out(kind: type) -> None:
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert f"act.{kind.__name__}(" in Path(shell.__file__).read_text()
