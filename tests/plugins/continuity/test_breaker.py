from __future__ import annotations

import pytest

from antiphon.plugins.continuity.breaker import SHARED, Breaker, Breakers, backoff_s


def test_the_wait_doubles_up_to_the_longest_and_half_of_it_is_chance() -> None:
    assert [backoff_s(n, 0.25, 8.0, 1.0) for n in range(8)] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert backoff_s(3, 0.25, 8.0, 0.0) == 0.5
    assert backoff_s(10_000, 0.25, 8.0, 1.0) == 8.0


def test_it_trips_after_failures_in_a_row_and_rests_longer_each_time() -> None:
    breaker = Breaker()
    assert not breaker.failed(1.0, 3, 10.0)
    breaker.succeeded()
    assert [breaker.failed(2.0, 3, 10.0) for _ in range(3)] == [False, False, True]
    assert not breaker.admits(11.9)
    assert breaker.ready_at(5.0) == 12.0
    assert breaker.admits(12.0)
    breaker.begin(12.0)
    assert not breaker.admits(12.5)  # somebody tries
    assert breaker.failed(13.0, 3, 10.0)
    assert breaker.open_until == 33.0
    breaker.begin(33.0)
    breaker.succeeded()
    assert breaker.admits(33.1)
    assert breaker.rests == 0


def test_openings_begun_before_it_tripped_do_not_count_again() -> None:
    breaker = Breaker()
    breaker.failed(1.0, 1, 10.0)
    assert not breaker.failed(2.0, 1, 10.0)
    assert breaker.open_until == 11.0


def test_a_trial_that_never_reports_frees_the_way() -> None:
    breaker = Breaker()
    breaker.failed(0.0, 1, 1.0)
    breaker.begin(1.0)
    assert not breaker.admits(10.0)
    assert breaker.admits(17.0)


@pytest.mark.parametrize("times", [50, 1000])
def test_the_longest_rest_is_bounded(times: int) -> None:
    breaker = Breaker()
    now = 0.0
    for _ in range(times):
        now = max(now, breaker.open_until)
        breaker.failed(now, 1, 10.0)
    assert breaker.open_until - now == 120.0


def test_each_endpoint_has_its_own_in_the_process() -> None:
    breakers = Breakers()
    breakers.failed("a", 0.0, 1, 10.0)
    assert not breakers.admits("a", 1.0)
    assert breakers.admits("b", 1.0)
    assert breakers.ready_at("a", 1.0) == 10.0
    breakers.begin("a", 10.0)
    breakers.succeeded("a")
    assert breakers.admits("a", 10.1)
    assert SHARED.admits("never seen", 0.0)
