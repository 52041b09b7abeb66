from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.agents import timeline as tl
from antiphon.workers.caller.feed import FeedReader


def lines(*events: tl.Event) -> str:
    return "\n".join(json.dumps(tl.to_record(event)) for event in events)


def test_on_one_machine_the_clocks_are_one() -> None:
    sent = (tl.Clock(50.0, 1000.0), tl.Onset(51.0, 50.9, True), tl.Hold(51.2, 700))
    assert FeedReader().read(lines(*sent), now=60.1, wall=1010.0) == list(sent)


def test_another_machines_clock_is_tied_by_the_wall_in_every_field_that_is_a_moment() -> None:
    reader = FeedReader()
    reader.read(lines(tl.Clock(9000.0, 1000.0)), now=60.0, wall=1010.0)
    assert reader.offset_s == pytest.approx(50.0 - 9000.0)
    onset, ended, commit = reader.read(
        lines(
            tl.Onset(9001.0, 9000.5, False),
            tl.SpeechEnded(9002.0, 9001.5, 1.0),
            tl.Commit(9002.5, 9001.5, 1.2),
        ),
        now=63.0,
        wall=1013.0,
    )
    assert onset == tl.Onset(51.0, 50.5, False)
    assert ended == tl.SpeechEnded(52.0, 51.5, 1.0)
    assert commit == tl.Commit(52.5, 51.5, 1.2)


@pytest.mark.parametrize(
    "line",
    ["", "no json", "3", "[]", "null", '{"type": "hold"}', '{"type": "hold", "at": "soon", "heard_ms": 1}'],
)
def test_what_is_no_event_is_left_out(line: str) -> None:
    good = lines(tl.Hold(1.0, 2))
    assert FeedReader().read(f"{line}\n{good}\n{line}", now=0.0, wall=0.0) == [tl.Hold(1.0, 2)]


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert isinstance(FeedReader().read(text, now=0.0, wall=0.0), list)
