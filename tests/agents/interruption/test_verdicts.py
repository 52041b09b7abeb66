from __future__ import annotations

from antiphon.agents.interruption.verdicts import WINDOW_S, Verdict
from antiphon.agents.media.windows import WINDOW_OUT


def test_a_window_is_the_detectors() -> None:
    assert WINDOW_OUT / 16_000 == WINDOW_S
    assert {verdict.value for verdict in Verdict} == {"turn", "backchannel", "unsure"}
