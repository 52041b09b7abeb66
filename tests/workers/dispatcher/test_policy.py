"""The dispatcher's numbers."""

from __future__ import annotations

import math

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.workers.dispatcher.policy import DispatchPolicy


def test_the_numbers_fit_each_other() -> None:
    policy = DispatchPolicy()
    assert policy.redispatch_s < policy.connect_s
    assert policy.link_s < policy.silent_s
    assert policy.back_off_s < policy.back_off_most_s


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "1"])
def test_a_value_that_is_no_positive_number_is_refused_by_name(value: object) -> None:
    with pytest.raises(ConfigError, match=r"DispatchPolicy\.connect_s"):
        DispatchPolicy(connect_s=value)  # type: ignore[arg-type]
