"""The person's audio on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from livekit import rtc
from numpy.typing import NDArray

from antiphon.agents.media import ingress
from antiphon.agents.media.ingress import Ingress, IngressEvents
from antiphon.agents.media.router import Samples
from antiphon.agents.media.thread import MediaThread

RATE = 24_000


class Clock:
    """A media thread that is this one, with a loop that only tells the time."""

    def __init__(self) -> None:
        self.loop = self
        self.now = 100.0

    def time(self) -> float:
        return self.now

    def call(self, function: Callable[..., object], *args: object) -> None:
        function(*args)


class Detector:
    def __init__(self) -> None:
        self.resets = 0

    def window(self, samples: NDArray[np.int16]) -> float:
        assert samples.shape == (512,)
        return float(np.abs(samples).max() > 1000)

    def reset(self) -> None:
        self.resets += 1


class Stream:
    def __init__(self, sink: Callable[[Samples], None], ended: Callable[[], None]) -> None:
        self.sink = sink
        self.ended = ended
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Ear:
    """An ingress and all that it told."""

    def __init__(self, processor: Any = None) -> None:
        self.changes = 0
        self.clock = Clock()
        self.detector = Detector()
        self.audio: list[int] = []
        self.windows: list[tuple[float, float]] = []
        self.lost = 0
        self.ingress = Ingress(
            cast(MediaThread, self.clock),
            self.detector,
            IngressEvents(
                lambda samples: self.audio.append(len(samples)),
                lambda at, _, speech: self.windows.append((at, speech)),
                self.lose,
                self.change,
            ),
            processor,
        )

    def change(self) -> None:
        self.changes += 1

    def lose(self) -> None:
        self.lost += 1

    def hear(self, seconds: float, level: int = 0) -> None:
        for _ in range(round(seconds / 0.02)):
            self.clock.now += 0.02
            self.ingress.audio(np.full(480, level, dtype=np.int16))


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[Stream]:
    made: list[Stream] = []

    def open_stream(track: Any, *, sink: Any, ended: Any, **_: object) -> Stream:
        made.append(Stream(sink, ended))
        return made[-1]

    monkeypatch.setattr(ingress, "open_stream", open_stream)
    return made


def test_audio_goes_on_as_it_is_and_as_dated_windows(ear: Ear) -> None:
    ear.hear(0.64, 8000)
    assert ear.audio == [480] * 32
    assert len(ear.windows) == 20  # of 768 samples each
    assert all(speech == 1.0 for _, speech in ear.windows)
    times = [at for at, _ in ear.windows]
    assert times == sorted(times)
    assert times[0] == pytest.approx(100.04)  # the second frame completes the first window
    assert times[-1] <= ear.clock.now


class Halver:
    """Works on audio: half as loud, whole 10 ms only."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def process(self, samples: Samples, now: float) -> Samples:
        return samples[: len(samples) // 240 * 240] // 2

    def reset(self) -> None:
        self.log.append("reset")

    def close(self) -> None:
        self.log.append("close")


def test_a_processor_works_on_live_audio_first_and_starts_afresh_with_it() -> None:
    halver = Halver()
    ear = Ear(halver)
    ear.hear(0.64, 1800)
    assert ear.audio == [480] * 32
    assert {speech for _, speech in ear.windows} == {0.0}  # 900 is not loud
    ear.ingress.mute()
    ear.ingress.close()
    assert halver.log == ["reset", "close"]


def test_another_track_is_told(ear: Ear, streams: list[Stream]) -> None:
    for _ in range(2):
        ear.ingress.attach(cast(rtc.Track, object()))
    assert ear.changes == len(streams) == 2


def test_a_gap_starts_the_detector_afresh_and_steady_audio_does_not(ear: Ear) -> None:
    ear.hear(1.0)
    assert ear.detector.resets == 0
    ear.clock.now += 0.2
    ear.hear(0.2)
    assert ear.detector.resets == 1
    assert ear.lost == 0


def test_live_audio_waits_for_what_was_said_before_it(ear: Ear, streams: list[Stream]) -> None:
    ear.ingress.attach(cast(rtc.Track, None), wait_for_earlier=True)
    ear.hear(0.2, 8000)
    assert ear.audio == []
    ear.ingress.earlier(np.zeros(RATE, dtype=np.int16))
    assert sum(ear.audio) == 1.2 * RATE
    first, last = ear.windows[0][0], ear.windows[-1][0]
    assert ear.clock.now - first == pytest.approx(1.2 - 0.04)  # dated as if it had come in time
    assert last <= ear.clock.now
    speech = [at for at, loud in ear.windows if loud]
    assert 0.14 < ear.clock.now - speech[0] <= 0.2  # a window and a frame after the voice began
    ear.hear(0.02)
    assert sum(ear.audio) == pytest.approx(1.22 * RATE)


def test_a_new_track_takes_the_old_ones_place(ear: Ear, streams: list[Stream]) -> None:
    ear.ingress.attach(cast(rtc.Track, None))
    ear.ingress.attach(cast(rtc.Track, None))
    assert [stream.closed for stream in streams] == [True, False]
    assert ear.lost == 1
    streams[1].sink(np.zeros(480, dtype=np.int16))
    assert ear.audio == [480]
    streams[1].ended()
    assert ear.lost == 2
    ear.ingress.detach()
    assert streams[1].closed
    ear.ingress.detach()
    assert ear.lost == 3


def test_muted_or_switched_off_is_lost_once_and_off_is_not_heard(ear: Ear) -> None:
    ear.ingress.mute()
    assert (ear.lost, ear.detector.resets) == (1, 1)
    ear.ingress.enable(False)
    ear.ingress.enable(False)
    assert ear.lost == 2
    ear.hear(0.5, 8000)
    assert ear.audio == []
    ear.ingress.enable(True)
    ear.hear(0.5, 8000)
    assert sum(ear.audio) == RATE // 2
    assert ear.lost == 2


def test_closed_it_hears_and_attaches_nothing(ear: Ear, streams: list[Stream]) -> None:
    ear.ingress.attach(cast(rtc.Track, None))
    ear.ingress.close()
    assert streams[0].closed
    ear.hear(0.5, 8000)
    assert (ear.audio, ear.windows) == ([], [])
    ear.ingress.attach(cast(rtc.Track, None))
    assert len(streams) == 1
