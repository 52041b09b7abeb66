from __future__ import annotations

import math

from antiphon.plugins.continuity import Continuity
from antiphon.plugins.continuity.facts import Reason
from antiphon.plugins.continuity.terms import Terms


def test_without_a_limit_it_has_no_end_and_the_lesser_of_two_counts() -> None:
    terms, options = Terms(0, Reason.FIRST, 100.0), Continuity()
    assert terms.next_at(options) == terms.forced_at(options) == math.inf
    terms.limit(101.0, 3599.0)
    assert (terms.next_at(options), terms.forced_at(options)) == (3640.0, 3695.0)
    terms.limit(200.0, 9999.0)
    terms.limit(200.0, -1.0)
    assert terms.next_at(options) == 3640.0
    terms.limit(200.0, 1900.0)
    assert terms.next_at(options) == 2040.0
