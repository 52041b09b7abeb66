"""The playout against a model of the transport's queue that records what the ear gets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.agents.media.playout import DEPTH_S, Playout, PlayoutEvents
from antiphon.agents.media.router import Samples

RATE = 24_000
FADE = 120  # samples, 5 ms


class Ear:
    """A queue that drains in real time, as the native source's does; keeps what was heard."""

    def __init__(self) -> None:
        self.now = 0.0
        self.queue: Samples = np.zeros(0, dtype=np.int16)
        self.heard: list[Samples] = []
        self.underrun_samples = 0
        self.pushes: list[float] = []

    @property
    def rate_hz(self) -> int:
        return RATE

    def push(self, samples: Samples, now: float) -> None:
        self.drain(now)
        self.pushes.append(now)
        self.queue = np.concatenate([self.queue, samples])

    def clear(self, now: float) -> None:
        self.drain(now)
        self.queue = self.queue[:0]

    def queued_s(self, now: float) -> float:
        self.drain(now)
        return len(self.queue) / RATE

    def drain(self, now: float) -> None:
        count = round(now * RATE) - round(self.now * RATE)
        self.now = max(self.now, now)
        if count <= 0:
            return
        self.heard.append(self.queue[:count])
        missing = count - len(self.queue)
        if missing > 0:
            self.underrun_samples += missing
            self.heard.append(np.zeros(missing, dtype=np.int16))
        self.queue = self.queue[count:]

    def all(self) -> Samples:
        return np.concatenate(self.heard) if self.heard else np.zeros(0, dtype=np.int16)


class Rig:
    def __init__(self, **options: float) -> None:
        self.ear = Ear()
        self.log: list[tuple[str, str, int]] = []
        self.playout = Playout(
            self.ear,
            PlayoutEvents(
                started=lambda reply: self.log.append(("started", reply, 0)),
                advanced=lambda reply, heard: self.log.append(("advanced", reply, heard)),
                ended=lambda reply, heard: self.log.append(("ended", reply, heard)),
            ),
            **options,
        )
        self.now = 0.0
        self.playout.tick(0.0)

    def run(self, seconds: float) -> None:
        """Ticks as the shell would, each when it is due."""
        end = self.now + seconds
        while self.playout.next_tick <= end:
            self.now = max(self.now, self.playout.next_tick)
            self.playout.tick(self.now)
        self.now = end
        self.ear.drain(end)

    def events(self, kind: str) -> list[tuple[str, int]]:
        return [(reply, value) for name, reply, value in self.log if name == kind]


def ramp(seconds: float, start: int = 1) -> Samples:
    """Samples that count up: a position can be read off what was heard. Never 0."""
    return (np.arange(round(seconds * RATE)) % 30_000 + start).astype(np.int16)


def test_a_reply_is_heard_whole_and_in_order() -> None:
    rig = Rig()
    audio = ramp(1.0, start=5000)
    rig.run(0.3)
    rig.playout.append("a", audio[:9000], rig.now)
    rig.playout.append("a", audio[9000:], rig.now)
    rig.playout.complete("a", rig.now)
    rig.run(1.5)
    heard = rig.ear.all()
    start = int(np.flatnonzero(heard)[0]) - 1  # the fade begins at nothing
    assert np.array_equal(heard[start + FADE : start + len(audio)], audio[FADE:])
    assert rig.events("started") == [("a", 0)]
    assert rig.events("ended") == [("a", len(audio))]


def test_speech_starts_at_once_whatever_silence_is_queued() -> None:
    rig = Rig()
    rig.run(0.5)
    rig.playout.append("a", ramp(0.5), rig.now)
    rig.run(0.02)
    assert np.count_nonzero(rig.ear.all()[round(0.5 * RATE) :]) > 0.9 * 0.02 * RATE - FADE


def test_audio_never_stops_flowing() -> None:
    rig = Rig()
    rig.run(1.0)
    rig.playout.append("a", ramp(0.3), rig.now)
    rig.run(1.0)  # starved: not complete
    rig.playout.append("a", ramp(0.3), rig.now)
    rig.playout.complete("a", rig.now)
    rig.run(0.1)
    rig.playout.hold(rig.now)
    rig.run(2.0)
    rig.playout.resume(rig.now)
    rig.run(2.0)
    assert rig.ear.underrun_samples == 0


@pytest.mark.parametrize("at", [0.05, 0.2, 0.777])
def test_a_resume_continues_at_the_very_sample(at: float) -> None:
    rig = Rig()
    audio = ramp(1.5)
    rig.playout.append("a", audio, rig.now)
    rig.playout.complete("a", rig.now)
    rig.run(at)
    position = rig.playout.hold(rig.now)
    assert position == pytest.approx(at * RATE, abs=2)
    assert rig.playout.held
    rig.run(0.6)
    silent = rig.ear.all()[-round(0.5 * RATE) :]
    assert not silent.any()
    assert rig.playout.resume(rig.now) == position
    rig.run(2.0)
    heard = rig.ear.all()
    rest = heard[np.flatnonzero(heard)[-1] + 1 - (len(audio) - position) :][: len(audio) - position]
    assert np.array_equal(rest[FADE:], audio[position + FADE :])  # nothing lost, nothing moved
    assert rig.events("ended") == [("a", len(audio))]


def test_every_cut_fades() -> None:
    rig = Rig()
    rig.playout.append("a", np.full(RATE, 20_000, dtype=np.int16), rig.now)
    rig.run(0.3)
    rig.playout.hold(rig.now)
    rig.run(0.2)
    rig.playout.resume(rig.now)
    rig.run(0.2)
    steps = np.abs(np.diff(rig.ear.all().astype(int)))
    assert steps.max() <= 20_000 / FADE * 1.1


def test_flush_reports_what_was_heard_and_drops_the_rest() -> None:
    rig = Rig()
    rig.playout.append("a", ramp(2.0), rig.now)
    rig.run(0.5)
    heard = rig.playout.flush(rig.now)
    assert heard == pytest.approx(0.5 * RATE, abs=2)
    rig.run(0.3)
    assert not rig.ear.all()[-round(0.2 * RATE) :].any()
    rig.playout.append("a", ramp(1.0), rig.now)  # what still comes for it
    rig.run(0.3)
    assert not rig.ear.all()[-round(0.2 * RATE) :].any()
    assert rig.playout.reply_id is None


def test_a_flush_while_held_gives_the_held_position() -> None:
    rig = Rig()
    rig.playout.append("a", ramp(2.0), rig.now)
    rig.run(0.4)
    held = rig.playout.hold(rig.now)
    rig.run(0.7)
    assert rig.playout.flush(rig.now) == held


def test_audio_that_arrives_during_a_hold_waits() -> None:
    rig = Rig()
    rig.playout.hold(rig.now)
    rig.playout.append("a", ramp(0.5), rig.now)
    rig.run(0.5)
    assert not rig.ear.all().any()
    assert not rig.events("started")
    rig.playout.resume(rig.now)
    rig.run(0.1)
    assert rig.events("started") == [("a", 0)]


def test_dropping_a_reply_that_has_no_audio_yet_ends_the_hold() -> None:
    rig = Rig()
    rig.playout.hold(rig.now)
    assert rig.playout.drop("a", rig.now) == 0
    assert not rig.playout.held
    rig.playout.append("a", ramp(0.5), rig.now)
    rig.playout.append("b", ramp(0.5), rig.now)
    rig.run(0.1)
    assert rig.events("started") == [("b", 0)]


def test_the_next_reply_waits_for_the_end_of_the_one_before() -> None:
    rig = Rig()
    rig.playout.append("a", ramp(0.2), rig.now)
    rig.playout.append("b", ramp(0.2), rig.now)
    rig.playout.complete("a", rig.now)
    rig.playout.complete("b", rig.now)
    rig.run(1.0)
    assert [entry[:2] for entry in rig.log if entry[0] != "advanced"] == [
        ("started", "a"),
        ("ended", "a"),
        ("started", "b"),
        ("ended", "b"),
    ]


def test_pushes_keep_their_distance() -> None:
    # Two native pushes in quick succession may be queued in either order.
    rig = Rig()
    rig.playout.append("a", ramp(0.5), rig.now)
    rig.playout.complete("a", rig.now)
    rig.run(0.25)
    rig.playout.hold(rig.now)
    rig.run(0.3)
    rig.playout.resume(rig.now)
    rig.run(1.0)
    apart = np.diff(rig.ear.pushes[1:])
    assert apart.min() > 0.004


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["wait", "hold", "resume", "append", "flush"]), st.floats(0.0, 0.4)),
        max_size=25,
    )
)
def test_whatever_happens_no_sample_is_lost_and_heard_never_goes_back(
    steps: list[tuple[str, float]],
) -> None:
    rig = Rig()
    name, count, sent = "r0", 0, 0
    last: dict[str, int] = {}
    for step, value in steps:
        rig.run(value)
        match step:
            case "hold":
                rig.playout.hold(rig.now)
            case "resume":
                rig.playout.resume(rig.now)
            case "append":
                rig.playout.append(name, ramp(value), rig.now)
                sent += round(value * RATE)
            case "flush":
                heard = rig.playout.flush(rig.now)
                assert 0 <= heard <= sent
                assert heard >= last.get(name, 0)
                count, sent = count + 1, 0
                name = f"r{count}"
    rig.playout.resume(rig.now)
    rig.playout.complete(name, rig.now)
    rig.run(12.0)
    for reply, heard in rig.events("advanced"):
        assert heard > last.get(reply, 0)
        last[reply] = heard
    if sent:
        assert rig.events("ended")[-1] == (name, sent)
    assert rig.ear.underrun_samples == 0


def test_the_queue_is_never_deeper_than_it_needs_to_be() -> None:
    rig = Rig()
    rig.playout.append("a", ramp(3.0), rig.now)
    depths: list[float] = []
    check: Callable[[], None] = lambda: depths.append(rig.ear.queued_s(rig.now))  # noqa: E731
    for _ in range(40):
        rig.run(0.05)
        check()
    assert max(depths) <= DEPTH_S + 0.002
    assert min(depths) >= 0.04


def loudness(samples: Samples) -> float:
    return float(np.abs(samples.astype(np.int32)).max())


def test_a_duck_goes_on_lower_without_a_gap_and_loses_nothing() -> None:
    rig = Rig()
    sound = np.full(2 * RATE, 10_000, np.int16)
    rig.playout.append("r1", sound, rig.now)
    rig.playout.complete("r1", rig.now)
    rig.run(0.5)
    position = rig.playout.duck(rig.now, 0.25)
    assert position == pytest.approx(0.5 * RATE, abs=10)
    assert rig.playout.duck(rig.now, 0.25) == position  # again: nothing changes
    rig.run(0.5)
    rig.playout.resume(rig.now)
    rig.run(2.0)
    heard = rig.ear.all()
    lower = heard[round(0.51 * RATE) : round(0.99 * RATE)]
    assert set(lower.tolist()) == {2500}
    assert loudness(heard[round(1.05 * RATE) : round(1.5 * RATE)]) == 10_000
    assert np.abs(np.diff(heard[240:].astype(np.int32)[: round(1.9 * RATE)])).max() < 100  # ramps, no clicks
    assert rig.events("ended") == [("r1", 2 * RATE)]
    assert rig.ear.underrun_samples == 0


def test_a_duck_that_falls_silent_resumes_at_the_sample_and_at_full_level() -> None:
    rig = Rig()
    sound = ramp(2.0)
    rig.playout.append("r1", sound, rig.now)
    rig.playout.complete("r1", rig.now)
    rig.run(0.5)
    rig.playout.duck(rig.now, 0.25)
    rig.run(0.2)
    held = rig.playout.hold(rig.now)
    assert held == pytest.approx(0.7 * RATE, abs=10)
    rig.run(0.5)
    assert rig.playout.resume(rig.now) == held
    before = len(rig.ear.all())
    rig.run(0.3)
    heard = rig.ear.all()[before:]
    full = heard[FADE:][heard[FADE:] != 0][:1000]
    assert np.isin(full, sound).all()  # no sample of it is scaled
    assert rig.playout.heard(rig.now) == pytest.approx(held + 0.3 * RATE, abs=10)


def test_what_follows_a_flush_is_at_full_level() -> None:
    rig = Rig()
    rig.playout.append("r1", np.full(RATE, 10_000, np.int16), rig.now)
    rig.run(0.3)
    rig.playout.duck(rig.now, 0.1)
    rig.playout.flush(rig.now)
    rig.playout.append("r2", np.full(RATE, 8_000, np.int16), rig.now)
    before = len(rig.ear.all())
    rig.run(0.5)
    assert loudness(rig.ear.all()[before:]) == 8_000


def words() -> Samples:
    """Words of 0.3 s with pauses of 0.1 s between them."""
    word = np.full(round(0.3 * RATE), 9_000, np.int16)
    return np.concatenate([word, np.zeros(round(0.1 * RATE), np.int16)] * 6)


@pytest.mark.parametrize(("wait", "goes_on"), [(0.3, 1.0), (1.5, 0.78)])
def test_a_long_hold_goes_on_at_the_word_it_cut(wait: float, goes_on: float) -> None:
    rig = Rig(rewind_after_s=1.0)
    rig.playout.append("r1", words(), rig.now)
    rig.playout.complete("r1", rig.now)
    rig.run(1.0)  # in the third word, which began at 0.8 s
    held = rig.playout.hold(rig.now)
    assert held / RATE == pytest.approx(1.0, abs=0.001)
    rig.run(wait)
    assert rig.playout.resume(rig.now) / RATE == pytest.approx(goes_on, abs=0.03)
    assert rig.playout.heard(rig.now) == held  # heard is heard, whatever is played again
    rig.run(0.1)
    assert rig.playout.hold(rig.now) >= held
    rig.run(0.1)
    rig.playout.resume(rig.now)
    rig.run(2.0)
    assert rig.events("ended") == [("r1", len(words()))]
    advanced = [heard for _, heard in rig.events("advanced")]
    assert advanced == sorted(set(advanced))


def test_a_long_hold_in_speech_without_a_pause_goes_on_at_the_sample() -> None:
    rig = Rig(rewind_after_s=1.0)
    rig.playout.append("r1", ramp(2.0, start=5_000), rig.now)
    rig.run(0.5)
    held = rig.playout.hold(rig.now)
    rig.run(3.0)
    assert rig.playout.resume(rig.now) == held
