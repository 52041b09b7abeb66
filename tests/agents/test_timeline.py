from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from antiphon.agents import timeline as tl

events = st.one_of(
    *[
        st.builds(
            kind,
            **{
                spec.name: {
                    "float": st.floats(0, 1e6),
                    "int": st.integers(0, 10**7),
                    "bool": st.booleans(),
                    "str": st.text(max_size=20),
                    "float | None": st.none() | st.floats(0, 1e6),
                    "Literal['user', 'agent']": st.sampled_from(["user", "agent"]),
                }[str(spec.type)]
                for spec in fields(kind)
            },
        )
        for kind in tl.EVENT_TYPES.values()
    ]
)


@given(events)
def test_an_event_survives_json(event: tl.Event) -> None:
    back = tl.from_record(json.loads(json.dumps(tl.to_record(event, personal=True))))
    assert back is not None
    assert tl.to_record(back, personal=True) == tl.to_record(event, personal=True)


def test_words_are_left_out_unless_asked_for() -> None:
    said = tl.Transcript(1.0, "user", True, "my number is 5")
    assert "number" not in json.dumps(tl.to_record(said))
    assert "number" in json.dumps(tl.to_record(said, personal=True))


def test_the_clock_comes_first_and_ties_to_the_wall() -> None:
    line = tl.Timeline(now=lambda: 5.0)
    line.append(tl.Hold(6.0, 100))
    first = next(iter(line))
    assert isinstance(first, tl.Clock)
    assert first.at == 5.0
    assert line.of(tl.Hold) == [tl.Hold(6.0, 100)]


def test_a_file_is_written_as_the_call_goes_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    line = tl.Timeline()
    line.append(tl.Hold(1.0, 10))
    line.open(path)
    line.append(tl.Resume(2.0, 10, "backchannel"))
    assert [type(e) for e in tl.read_events(path)] == [tl.Clock, tl.Hold, tl.Resume]
    line.close()
    path.write_text(path.read_text()[:-20])
    assert [type(e) for e in tl.read_events(path)] == [tl.Clock, tl.Hold]
    whole = tmp_path / "w.jsonl"
    line.write(whole)
    assert len(tl.read_events(whole)) == len(line) == 3


def test_an_unknown_type_or_field_does_not_stop_a_reader() -> None:
    assert tl.from_record({"type": "from_the_future", "at": 1.0}) is None
    assert tl.from_record({"type": "hold", "at": 1.0, "heard_ms": 3, "mood": "good"}) == tl.Hold(1.0, 3)


def test_a_long_call_keeps_its_newest_events_and_its_clock() -> None:
    line = tl.Timeline(limit=100)
    for count in range(1000):
        line.append(tl.Hold(float(count), count))
    kept = list(line)
    assert isinstance(kept[0], tl.Clock)
    assert len(kept) <= 101
    assert kept[-1] == tl.Hold(999.0, 999)


def test_a_listener_hears_each_event_until_it_unsubscribes() -> None:
    line = tl.Timeline()
    heard: list[tl.Event] = []
    stop = line.subscribe(heard.append)
    line.append(tl.Hold(1.0, 1))
    stop()
    stop()
    line.append(tl.Hold(2.0, 2))
    assert heard == [tl.Hold(1.0, 1)]


def test_events_are_counted_for_who_reads_them_bit_by_bit() -> None:
    line = tl.Timeline(limit=20)
    read: list[float] = []
    number = 0
    for at in range(100):
        line.append(tl.Hold(float(at), 0))
        if at % 7 == 0:
            events, number = line.after(number)
            read += [event.at for event in events if isinstance(event, tl.Hold)]
    events, number = line.after(number)
    read += [event.at for event in events if isinstance(event, tl.Hold)]
    assert read == [float(at) for at in range(100)]
    assert number == 101  # the clock is the first
    assert line.after(number) == ([], number)
    everything, _ = line.after(0)
    assert everything == list(line)
