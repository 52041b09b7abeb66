from __future__ import annotations

import pytest

from antiphon.workers.conformance import checks


def test_what_the_library_promises_is_there() -> None:
    for name in checks.__all__:
        assert hasattr(checks, name)


@pytest.mark.parametrize("group", ["SERVER_CHECKS", "MODEL_CHECKS", "FAULT_CHECKS"])
def test_every_check_has_a_name_of_its_own_and_says_what_it_wants(group: str) -> None:
    found = getattr(checks, group)
    assert len({check.name for check in found}) == len(found)
    assert all(check.run.__doc__ for check in found)


def test_all_fifteen_are_asked_of_somebody() -> None:
    everything = (*checks.SERVER_CHECKS, *checks.MODEL_CHECKS, *checks.FAULT_CHECKS)
    numbers = {check.name.split()[0] for check in everything}
    assert {str(number) for number in range(1, 16)} <= numbers
    assert "gate" in numbers
