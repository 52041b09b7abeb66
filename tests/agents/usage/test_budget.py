from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.agents.errors import ConfigError
from antiphon.agents.usage.budget import Budget, BudgetWatch


def told(watch: BudgetWatch, usd: float, minutes: float) -> list[tuple[str, bool]]:
    return [(notice.of, notice.ending) for notice in watch.spent(usd, minutes)]


def test_it_warns_once_and_ends_once() -> None:
    watch = BudgetWatch(Budget(usd=1.0, minutes=10.0))
    assert told(watch, 0.5, 5.0) == []
    assert told(watch, 0.8, 5.0) == [("usd", False)]
    assert told(watch, 0.9, 8.1) == [("minutes", False)]
    assert told(watch, 0.95, 9.0) == []
    assert told(watch, 1.0, 10.0) == [("usd", True)]
    assert told(watch, 5.0, 50.0) == []
    assert watch.over


def test_a_limit_that_is_passed_in_one_leap_ends_without_a_warning() -> None:
    watch = BudgetWatch(Budget(usd=1.0))
    (notice,) = watch.spent(3.0, 99.0)
    assert (notice.ending, notice.spent, notice.limit, notice.share) == (True, 3.0, 1.0, 3.0)


def test_it_says_when_to_look_at_the_time_again() -> None:
    watch = BudgetWatch(Budget(minutes=10.0))
    assert watch.next_minutes(0.0) == 8.0
    watch.spent(0.0, 8.0)
    assert watch.next_minutes(8.0) == 10.0
    watch.spent(0.0, 10.0)
    assert watch.next_minutes(10.0) is None
    assert BudgetWatch(Budget(usd=1.0)).next_minutes(0.0) is None
    assert BudgetWatch(Budget(minutes=10.0, warn_at=1.0)).next_minutes(0.0) == 10.0


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 30)), max_size=30),
    st.floats(0.1, 1.0),
)
def test_whatever_is_spent_each_notice_comes_at_most_once(spent: Any, warn_at: float) -> None:
    watch = BudgetWatch(Budget(usd=1.0, minutes=10.0, warn_at=warn_at))
    notices = [notice for usd, minutes in spent for notice in watch.spent(usd, minutes)]
    kinds = [(notice.of, notice.ending) for notice in notices]
    assert len(kinds) == len(set(kinds))
    assert sum(notice.ending for notice in notices) == any(u >= 1.0 or m >= 10.0 for u, m in spent)
    if any(notice.ending for notice in notices):
        assert notices[-1].ending


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "Budget"),
        ({"usd": 0}, "Budget.usd"),
        ({"usd": float("nan")}, "Budget.usd"),
        ({"minutes": -1}, "Budget.minutes"),
        ({"minutes": True}, "Budget.minutes"),
        ({"usd": 1, "warn_at": 0}, "Budget.warn_at"),
        ({"usd": 1, "warn_at": 1.1}, "Budget.warn_at"),
        ({"usd": 1, "end_within_s": 301}, "Budget.end_within_s"),
        ({"usd": 1, "goodbye": " "}, "Budget.goodbye"),
    ],
)
def test_a_wrong_value_names_its_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Budget(**values)
    assert caught.value.field == field
