from __future__ import annotations

from antiphon.plugins.continuity import Breakers, Continuity
from antiphon.plugins.continuity.endpoints import Endpoints, Refusals
from antiphon.plugins.continuity.failures import Failure, Kind

LOST, DOWN = Failure(Kind.LOST, "gone"), Failure(Kind.UNREACHABLE, "no route")
REFUSED = Failure(Kind.REFUSED, "no key")


def made(gate: Breakers | None = None, refusals: Refusals | None = None) -> Endpoints:
    options = Continuity(retry_s=1, trip_after=2, rest_s=10, refused_s=100)
    return Endpoints(
        ("a", "b"), options, gate or Breakers(), lambda: 1.0, {} if refusals is None else refusals
    )


def test_one_that_dropped_may_be_tried_at_once_and_one_that_did_not_open_later() -> None:
    endpoints = made()
    endpoints.failed(0, LOST, 5.0, opening=False)
    assert endpoints.can(0, 5.0)
    endpoints.failed(0, DOWN, 6.0, opening=True)
    assert endpoints.ready_at(0, 6.0) == 8.0
    assert endpoints.pick((0, 1), 6.0) == 1
    endpoints.opened(0)
    assert endpoints.can(0, 6.0)


def test_a_refusal_is_shared_by_the_calls_of_a_model_and_does_not_rest_the_endpoint() -> None:
    gate, refusals = Breakers(), {}
    endpoints, other = made(gate, refusals), made(gate, refusals)
    for _ in range(5):
        endpoints.failed(0, REFUSED, 1.0, opening=True)
    assert not other.can(0, 100.0)
    assert other.can(0, 101.0)
    assert gate.admits("a", 2.0)
    assert other.all_refused(2.0) is None
    endpoints.failed(1, REFUSED, 1.0, opening=True)
    assert other.all_refused(2.0) is REFUSED


def test_failures_to_open_rest_an_endpoint_for_every_call_and_drops_do_not() -> None:
    gate = Breakers()
    one, other = made(gate), made(gate)
    for _ in range(9):
        one.failed(0, LOST, 1.0, opening=False)
    assert other.can(0, 1.0)
    for _ in range(2):
        one.failed(0, DOWN, 1.0, opening=True)
    assert other.ready_at(0, 1.0) == 11.0
    assert other.soonest(1.0) == 1.0


def test_the_order_after_a_failure() -> None:
    endpoints = made()
    assert endpoints.preference(None, None) == [0, 1]
    assert endpoints.preference(1, LOST) == [1, 0]
    assert endpoints.preference(0, DOWN) == [1, 0]
