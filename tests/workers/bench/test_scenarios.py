from __future__ import annotations

from antiphon.plugins.local.testing import WireRecord, chirp_reply
from antiphon.workers.bench.scenarios import Trial, _first, _truncation
from antiphon.workers.bench.score import Ear

WANTED = ["truncation error", "truncation sent after onset", "truncation sent after yield"]


def record(at: float, kind: str, **fields: object) -> WireRecord:
    return WireRecord(at, "c", {"type": kind, **fields}, 1)


def truncated(
    cut: WireRecord | None, yields: list[float], *, wanted: list[str] = WANTED, silent: float = 12.0
) -> Trial:
    """Of 2 s of the reply, heard from 10 s on; the interruption came at 11.8 s."""
    trial = Trial("barge-in")
    heard = Ear(chirp_reply(2.0), 24_000, 10.0)
    _truncation(trial, cut, yields, heard, 11.8, silent, wanted)
    return trial


CUT = record(12.03, "conversation.item.truncate", audio_end_ms=1990)


def test_a_truncation_is_held_against_the_ear_the_onset_and_the_yield() -> None:
    trial = truncated(CUT, [12.01, 12.02])
    assert abs(trial.figures["truncation error"] + 10) < 12
    assert abs(trial.figures["truncation sent after onset"] - 230) < 0.01
    assert abs(trial.figures["truncation sent after yield"] - 20) < 0.01
    assert trial.failed == []


def test_what_a_truncation_lacks_is_a_failure_of_what_needs_it() -> None:
    none = truncated(None, [12.01])
    assert (none.figures, none.failed, none.remarks) == ({}, WANTED, ["no truncation"])
    blind = truncated(CUT, [12.01], silent=10.1)
    assert (blind.failed, blind.remarks) == (WANTED[:1], ["position unreadable"])
    assert list(blind.figures) == WANTED[1:]
    unsaid = truncated(CUT, [])
    assert (unsaid.failed, unsaid.remarks) == (WANTED[2:], ["no yield in the timeline"])
    # An arm without a timeline owes no yield.
    assert truncated(CUT, [], wanted=WANTED[:2]).failed == []


def test_the_first_of_a_kind() -> None:
    wire = [record(1, "a"), record(2, "b"), record(3, "b")]
    found = _first(wire, "b")
    assert found is not None
    assert found.at == 2
    assert _first(wire, "c") is None
