from __future__ import annotations

from antiphon.agents import timeline as tl
from antiphon.plugins.local.testing import WireRecord
from antiphon.workers.bench import chirp
from antiphon.workers.bench.scenarios import Trial, _first, _truncation
from antiphon.workers.bench.score import Ear


class Events:
    def __init__(self, *events: tl.Event) -> None:
        self.events = list(events)


def record(at: float, kind: str, **fields: object) -> WireRecord:
    return WireRecord(at, "c", {"type": kind, **fields}, 1)


def test_a_truncation_is_held_against_the_ear_and_the_yield() -> None:
    heard = Ear(chirp.make(2.0), 24_000, 10.0)
    wire = [record(12.03, "conversation.item.truncate", audio_end_ms=1990)]
    trial = Trial("barge-in")
    _truncation(trial, wire, Events(tl.Yield(12.01, 1990)), 0, heard, 12.0, False)  # type: ignore[arg-type]
    assert abs(trial.figures["truncation error"] + 10) < 12
    assert abs(trial.figures["truncation sent after yield"] - 20) < 0.01


def test_no_truncation_is_a_remark() -> None:
    trial = Trial("barge-in")
    _truncation(trial, [], Events(), 0, Ear(chirp.make(1.0), 24_000, 0.0), 0.5, False)  # type: ignore[arg-type]
    assert trial.remarks == ["no truncation"]
    assert trial.figures == {}


def test_the_first_of_a_kind() -> None:
    wire = [record(1, "a"), record(2, "b"), record(3, "b")]
    found = _first(wire, "b")
    assert found is not None
    assert found.at == 2
    assert _first(wire, "c") is None
