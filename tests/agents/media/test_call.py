"""The shell on a clock that the test moves, with a detector that takes what is loud for speech."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.interruption import (
    FusionArbiter,
    InterruptionController,
    Occasion,
    Opinion,
    Question,
)
from antiphon.agents.media.apm import AudioProcessing
from antiphon.agents.media.call import RATE_HZ, MediaCall
from antiphon.agents.media.router import Samples
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.options import TurnTaking


class Loud:
    """Speech where it is loud."""

    def window(self, samples: NDArray[np.int16]) -> float:
        return 0.95 if np.abs(samples).max() > 1000 else 0.01

    def reset(self) -> None: ...


class Queue:
    rate_hz = RATE_HZ

    def __init__(self) -> None:
        self.dry_at = 0.0
        self.speech = 0

    def push(self, samples: Samples, now: float) -> None:
        self.dry_at = max(self.dry_at, now) + len(samples) / RATE_HZ
        self.speech += int(np.count_nonzero(samples))

    def clear(self, now: float) -> None:
        self.dry_at = now

    def queued_s(self, now: float) -> float:
        return max(self.dry_at - now, 0.0)


class Notes:
    """A listener that keeps everything."""

    def __init__(self) -> None:
        self.audio = np.zeros(0, np.int16)
        self.log: list[tuple[str, object]] = []

    def turn_audio(self, samples: Samples) -> None:
        self.audio = np.concatenate([self.audio, samples])

    def turn_committed(self, speech_ended_at: float) -> None:
        self.log.append(("committed", len(self.audio)))

    def turn_discarded(self) -> None:
        self.log.append(("discarded", None))

    def floor_yielded(self, reply_id: str, heard: int) -> None:
        self.log.append(("yielded", (reply_id, heard)))

    def speech(self, speaking: bool, at: float) -> None:
        self.log.append(("speech", speaking))

    def playout_started(self, reply_id: str, at: float) -> None:
        self.log.append(("started", reply_id))

    def playout_ended(self, reply_id: str, heard: int) -> None:
        self.log.append(("ended", (reply_id, heard)))

    def of(self, name: str) -> list[Any]:
        return [value for kind, value in self.log if kind == name]


class Loop:
    """The media loop with a clock that the test moves."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._timers: list[Timer] = []

    def time(self) -> float:
        return self._now

    def call_at(self, at: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(at, callback)
        self._timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Lets time pass, and what is due in it happen when it is due."""
        end = self._now + seconds
        while due := [timer for timer in self._timers if timer.at <= end and not timer.cancelled]:
            timer = min(due, key=lambda timer: timer.at)
            self._timers.remove(timer)
            self._now = max(self._now, timer.at)
            timer.callback()
        self._now = end


@dataclass(eq=False)
class Timer:
    at: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Media:
    """A media thread that is this one."""

    def __init__(self) -> None:
        self.loop = Loop()

    def call(self, function: Callable[..., object], *args: object) -> None:
        function(*args)


class Desk:
    """Takes the questions; the test answers them."""

    estimates = True

    def __init__(self) -> None:
        self.questions: list[tuple[Question, Callable[[Opinion], None]]] = []
        self.pauses: list[tuple[Samples, float, Callable[[str, float, float], None]]] = []
        self.closed = False

    def ask(self, question: Question, answer: Callable[[Opinion], None]) -> None:
        self.questions.append((question, answer))

    def ask_turn_end(
        self, audio: Samples, quiet_s: float, answer: Callable[[str, float, float], None]
    ) -> None:
        self.pauses.append((audio, quiet_s, answer))

    def close(self) -> None:
        self.closed = True


class Rig:
    def __init__(
        self,
        options: TurnTaking | None = None,
        *,
        judged: bool = False,
        processing: AudioProcessing | None = None,
    ) -> None:
        media = Media()
        self.loop = media.loop
        self.source = Queue()
        self.notes = Notes()
        self.timeline = tl.Timeline(now=self.loop.time)
        options = options or TurnTaking(echo_at=1.0)  # these sounds are all alike
        self.desk = Desk()
        judges = {occasion: frozenset({"acoustic"}) for occasion in Occasion}
        arbiter = FusionArbiter(options, judges) if judged else None
        self.call = MediaCall(
            media=cast(MediaThread, media),
            options=options,
            controller=InterruptionController(options, arbiter=arbiter, strict=True),
            asker=self.desk if judged else None,
            processing=processing,
            language="en",
            detector=Loud(),
            source=self.source,
            listener=self.notes,
            timeline=self.timeline,
        )
        self.call.start()

    def sound(self, seconds: float, level: int) -> None:
        """Live audio, as it comes from a track: 20 ms every 20 ms."""
        frame = np.full(480, level, dtype=np.int16)
        for _ in range(round(seconds / 0.02)):
            self.loop.advance(0.02)
            self.call.ingress.audio(frame)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_turn_reaches_the_listener_with_its_pre_roll_before_its_commit(rig: Rig) -> None:
    began = rig.loop.time()
    rig.sound(0.5, 0)
    rig.sound(0.6, 8000)
    rig.sound(0.7, 0)
    (committed,) = rig.notes.of("committed")
    assert committed == len(rig.notes.audio), "audio came after the commit"
    (onset,) = rig.timeline.of(tl.Onset)
    loud = np.flatnonzero(rig.notes.audio)
    found_early_s = began + 0.5 - onset.began_at  # a window is whole; it began before the voice in it
    assert loud[0] / RATE_HZ == pytest.approx(TurnTaking().pre_roll_s + found_early_s)
    assert len(loud) == 0.6 * RATE_HZ == loud[-1] + 1 - loud[0]
    assert [type(e) for e in rig.timeline][1:] == [tl.Onset, tl.SpeechEnded, tl.Commit]


def test_speech_over_a_reply_holds_it_and_a_long_one_yields(rig: Rig) -> None:
    rig.call.reply_audio("r1", True, np.full(10 * RATE_HZ, 5000, dtype=np.int16))
    assert rig.notes.log == [("started", "r1")]
    rig.sound(0.2, 0)
    rig.sound(0.8, 8000)
    ((name, heard),) = rig.notes.of("yielded")
    assert name == "r1"
    assert 0.2 < heard / RATE_HZ < 0.4  # the voice began at 0.2 s
    (hold,), (yielded,) = rig.timeline.of(tl.Hold), rig.timeline.of(tl.Yield)
    assert hold.heard_ms == yielded.heard_ms == round(heard * 1000 / RATE_HZ)
    pushed = rig.source.speech
    rig.loop.advance(1.0)
    assert rig.source.speech == pushed, "it went on"


def test_judges_get_the_speech_and_their_answer_decides() -> None:
    rig = Rig(judged=True)
    rig.call.reply_audio("r1", True, np.full(10 * RATE_HZ, 5000, dtype=np.int16))
    rig.sound(0.5, 0)
    rig.sound(0.3, 8000)
    ((question, answer),) = rig.desk.questions
    assert question.occasion is Occasion.EARLY
    assert question.language == "en"
    loud = np.flatnonzero(np.abs(question.audio) > 4000)
    assert loud[0] == pytest.approx(question.voice_at, abs=512)
    assert question.voice_at == pytest.approx(0.3 * 16_000, abs=512)
    answer(Opinion("acoustic", Occasion.EARLY, 0.97, 0.02))
    assert rig.notes.of("yielded")[0][0] == "r1"
    (noted,) = rig.timeline.of(tl.Opinion)
    assert (noted.judge, noted.occasion, noted.probability) == ("acoustic", "early", 0.97)
    rig.call.close()
    assert rig.desk.closed


def test_the_turns_end_is_estimated_from_all_of_the_turn() -> None:
    rig = Rig(judged=True)
    rig.sound(0.5, 0)
    rig.sound(0.5, 8000)
    rig.sound(0.24, 0)
    rig.sound(0.5, 8000)
    rig.sound(0.24, 0)
    (first, _, early), (second, quiet_s, late) = rig.desk.pauses
    assert len(second) > len(first) > 0.5 * 16_000
    assert 0.08 < quiet_s < 0.12
    early("prosody", 0.9, 0.01)
    late("prosody", 0.8, 0.01)
    assert [(e.estimator, e.probability) for e in rig.timeline.of(tl.TurnEnd)] == [
        ("prosody", 0.9),
        ("prosody", 0.8),
    ]


def test_the_persons_audio_can_be_worked_on() -> None:
    rig = Rig(processing=AudioProcessing(echo_cancellation=True, high_pass=True))
    rig.call.reply_audio("r1", True, np.full(RATE_HZ, 5000, dtype=np.int16))
    rig.sound(0.5, 8000)  # a rumble of 0 Hz
    assert rig.timeline.of(tl.Onset)[0].began_at < rig.loop.time()  # heard until the filter has settled
    rig.sound(1.0, 8000)
    assert len(rig.timeline.of(tl.SpeechEnded)) == 1
    rig.call.close()


def test_a_hold_that_only_lowers_the_voice_is_noted_as_such() -> None:
    rig = Rig(TurnTaking(duck_db=12.0, duck_s=0.2, echo_at=1.0))
    rig.call.reply_audio("r1", True, np.full(10 * RATE_HZ, 5000, dtype=np.int16))
    rig.sound(0.5, 0)
    before = rig.source.speech
    rig.sound(0.1, 8000)
    assert rig.source.speech > before, "it fell silent"
    rig.sound(0.2, 8000)
    assert [hold.ducked for hold in rig.timeline.of(tl.Hold)] == [True, False]


def test_the_application_interrupts_and_is_answered_once(rig: Rig) -> None:
    rig.call.reply_audio("r1", True, np.full(5 * RATE_HZ, 5000, dtype=np.int16))
    rig.loop.advance(0.5)
    rig.call.interrupt("r1")
    rig.call.interrupt("r1")
    rig.loop.advance(1.0)
    ((name, heard),) = rig.notes.of("yielded")
    assert name == "r1"
    assert heard / RATE_HZ == pytest.approx(0.5, abs=0.001)


def test_a_reply_is_heard_to_its_end(rig: Rig) -> None:
    rig.call.reply_audio("r1", True, np.full(RATE_HZ // 4, 5000, dtype=np.int16))
    rig.call.reply_complete("r1")
    rig.loop.advance(0.24)
    assert rig.notes.of("ended") == []
    rig.loop.advance(0.06)
    assert rig.notes.of("ended") == [("r1", RATE_HZ // 4)]
    assert rig.call.heard == ("r1", RATE_HZ // 4)


def test_what_was_said_before_is_dated_back_and_committed(rig: Rig) -> None:
    earlier = np.concatenate([np.full(RATE_HZ, 8000, np.int16), np.zeros(RATE_HZ // 4, np.int16)])
    rig.call.ingress._backlog = []
    rig.call.ingress.earlier(earlier)
    rig.sound(0.5, 0)
    (onset,), (commit,) = rig.timeline.of(tl.Onset), rig.timeline.of(tl.Commit)
    assert onset.at - onset.began_at > 1.0  # found now, said long ago
    assert commit.audio_s > 0.9
    assert len(rig.notes.of("committed")) == 1


def test_input_switched_off_is_not_heard(rig: Rig) -> None:
    rig.call.ingress.enable(False)
    rig.sound(0.3, 8000)
    assert rig.notes.log == []
    rig.call.ingress.enable(True)
    rig.sound(0.3, 8000)
    assert rig.notes.log == [("speech", True)]


def test_a_call_that_is_closed_is_silent_and_deaf(rig: Rig) -> None:
    rig.call.reply_audio("r1", True, np.full(RATE_HZ, 5000, dtype=np.int16))
    rig.loop.advance(0.1)
    rig.call.close()
    log, pushed = list(rig.notes.log), rig.source.speech
    rig.sound(2.0, 8000)
    assert (rig.notes.log, rig.source.speech) == (log, pushed)


def test_a_press_opens_with_the_pre_roll_and_a_release_commits_with_the_tail_that_is_there() -> None:
    rig = Rig(TurnTaking(push_to_talk=True, echo_at=1.0))
    rig.call.reply_audio("r1", True, np.full(10 * RATE_HZ, 5000, dtype=np.int16))
    rig.sound(0.5, 0)
    rig.sound(0.2, 8000)  # the first syllable comes before the press
    held_from = rig.source.speech
    pressed_at = rig.loop.time()
    rig.call.press_turn()
    rig.sound(0.08, 8000)
    assert rig.notes.of("yielded") == []  # not meant yet, and silent all the same
    assert rig.source.speech - held_from <= 0.005 * RATE_HZ, "more than the fade was heard"
    rig.sound(0.72, 8000)
    assert [reply for reply, _ in rig.notes.of("yielded")] == ["r1"]
    rig.call.release_turn()
    (committed,) = rig.notes.of("committed")
    assert committed == len(rig.notes.audio)
    loud = np.flatnonzero(rig.notes.audio)
    assert loud[0] / RATE_HZ == pytest.approx(0.1, abs=0.021)  # 0.3 s of pre-roll, 0.2 s of them loud
    assert len(loud) == 1.0 * RATE_HZ
    assert rig.notes.of("speech") == [True, False]
    (onset,), (commit,) = rig.timeline.of(tl.Onset), rig.timeline.of(tl.Commit)
    assert onset.began_at == pressed_at
    assert commit.speech_ended_at == rig.loop.time()


def test_a_press_that_was_none_resumes_at_the_sample_and_gives_its_audio_back() -> None:
    rig = Rig(TurnTaking(push_to_talk=True, echo_at=1.0))
    rig.call.reply_audio("r1", True, np.full(RATE_HZ, 5000, dtype=np.int16))
    rig.call.reply_complete("r1")
    rig.sound(0.3, 0)
    rig.sound(0.1, 8000)
    rig.call.press_turn()
    rig.sound(0.04, 8000)
    rig.call.release_turn()
    assert rig.notes.of("yielded") == rig.notes.of("discarded") == []
    rig.call.press_turn()
    rig.sound(0.3, 8000)
    rig.call.release_turn()
    assert np.count_nonzero(rig.notes.audio) == pytest.approx(0.44 * RATE_HZ, abs=480)
    ((name, heard),) = rig.notes.of("yielded")
    assert (name, heard) == ("r1", rig.call.heard[1])


def test_a_cancelled_press_is_dropped_at_the_model_too() -> None:
    rig = Rig(TurnTaking(push_to_talk=True, echo_at=1.0))
    rig.call.press_turn()
    rig.sound(0.5, 8000)
    rig.call.cancel_turn()
    rig.call.release_turn()
    assert rig.notes.of("discarded") == [None]
    assert rig.notes.of("committed") == []


def test_the_way_to_take_turns_changes_in_mid_call() -> None:
    rig = Rig()
    rig.sound(0.5, 8000)
    rig.call.change_options(TurnTaking(push_to_talk=True, pre_roll_s=0.0, echo_at=1.0))
    assert len(rig.notes.of("committed")) == 1
    rig.sound(1.0, 8000)
    before = len(rig.notes.audio)
    rig.call.press_turn()
    rig.sound(0.5, 8000)
    rig.call.change_options(TurnTaking(echo_at=1.0))
    rig.sound(0.5, 8000)
    rig.sound(1.0, 0)
    assert len(rig.notes.of("committed")) == 2
    assert np.count_nonzero(rig.notes.audio[before:]) == 1.0 * RATE_HZ


def test_a_hum_to_a_silent_agent_never_reaches_its_answer() -> None:
    rig = Rig(judged=True)
    rig.call.reply_audio("r1", True, np.full(RATE_HZ // 4, 5000, dtype=np.int16))
    rig.call.reply_complete("r1")
    rig.sound(1.0, 0)
    rig.call.agent_asked(False)
    rig.sound(0.5, 0)
    rig.sound(0.3, 8000)
    rig.sound(0.16, 0)
    ((question, answer),) = rig.desk.questions
    assert (question.occasion, question.asked) == (Occasion.ASIDE, False)
    answer(Opinion("acoustic", Occasion.ASIDE, 0.05))
    rig.sound(0.6, 0)
    assert rig.notes.of("committed") == []
    assert rig.notes.of("discarded") == [None]
    (dropped,) = rig.timeline.of(tl.Discard)
    assert dropped.reason == "no words"
